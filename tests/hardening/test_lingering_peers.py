"""limits.linger_seconds: a peer that was given its last answer and does not go."""

import asyncio
from collections.abc import Callable

import pytest

from tests.hardening.rig import PROMPT_SECONDS, Target, build_invite, status_of

pytestmark = pytest.mark.timed


async def test_peer_that_stays_after_its_last_answer_is_cut_after_its_time(start_target: Callable[..., Target]) -> None:
    target = start_target(linger_seconds=0.4)
    loop = asyncio.get_running_loop()
    async with target.connect() as lingerer, target.connect() as clock:
        last = build_invite("last").replace(b"Content-Length: 0", b"Content-Length: 999999999")
        answered_at = loop.time()
        assert status_of(await lingerer.exchange(last)) == 413
        # It was told that this is the end, and goes on: what it sends is thrown away until the time is over.
        cut = False
        while not cut:
            try:
                await lingerer.send(b"a")
            except ConnectionError:
                cut = True
            await clock.ping()
            assert loop.time() - answered_at < 0.4 + PROMPT_SECONDS
        assert loop.time() - answered_at >= 0.4
    await target.assert_serves()
    assert (await target.read_metrics())['callrouter_connections_open{transport="TCP"}'] <= 1


async def test_peer_that_floods_after_its_last_answer_is_cut_before_its_time(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(linger_seconds=30)
    async with asyncio.timeout(PROMPT_SECONDS), target.connect() as lingerer:
        await lingerer.send(build_invite("flood").replace(b"Content-Length: 0", b"Content-Length: 999999999"))
        try:
            while True:
                await lingerer.send(b"a" * 65_536)
        except ConnectionError:
            await target.assert_serves()
