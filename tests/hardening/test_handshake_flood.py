"""limits.max_handshakes and limits.handshake_seconds: TLS connections that never get to say anything."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from tests.hardening.rig import PROMPT_SECONDS, Target, build_invite, connect, status_of

pytestmark = pytest.mark.timed

ALLOWED = 5
FLOOD = 12


async def test_handshakes_over_the_limit_are_refused_and_the_others_end_after_their_time(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(max_handshakes=ALLOWED, handshake_seconds=0.6)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        begun_at = loop.time()
        silent = [await stack.enter_async_context(connect(target.router.tls_port)) for _ in range(FLOOD)]
        endings = [asyncio.create_task(each.read_to_end()) for each in silent]
        await asyncio.gather(*endings[ALLOWED:])
        assert loop.time() - begun_at < 0.6
        assert not any(ending.done() for ending in endings[:ALLOWED])
        await target.assert_serves()
        await asyncio.gather(*endings[:ALLOWED])
        assert 0.6 <= loop.time() - begun_at < 0.6 + PROMPT_SECONDS
    metrics = await target.read_metrics()
    assert metrics['callrouter_connections_rejected_total{limit="limits.max_handshakes"}'] == FLOOD - ALLOWED
    assert metrics["callrouter_tls_handshakes_failed_total"] == ALLOWED
    async with target.connect_tls() as caller:
        answer = await caller.exchange(build_invite("after-handshakes"))
    assert status_of(answer) == 302
    assert b"<sip:4000@mbx1.example.test:5063;transport=Tls>" in answer


async def test_handshake_with_garbage_is_refused_and_tls_is_still_served(target: Target) -> None:
    for garbage in (b"\x16\x03\x01\xff\xff" + b"\0" * 70_000, build_invite("in-the-clear"), b"\0" * 100):
        async with connect(target.router.tls_port) as attacker:
            await attacker.send(garbage)
            attacker.end_sending()
            assert b"SIP/2.0" not in await attacker.read_to_end()
    async with target.connect_tls() as caller:
        assert status_of(await caller.exchange(build_invite("tls-alive"))) == 302
