"""limits.message_seconds: a message that comes one octet at a time, or never ends."""

import asyncio
from collections.abc import Callable

import pytest

from tests.hardening.rig import PATIENCE_SECONDS, PROMPT_SECONDS, Target, assert_redirect, build_invite

pytestmark = pytest.mark.timed


async def test_invite_sent_octet_by_octet_gets_its_302_while_others_are_served_promptly(target: Target) -> None:
    loop = asyncio.get_running_loop()
    async with target.connect() as slow, target.connect() as other:
        for position, octet in enumerate(build_invite("octets")):
            await slow.send(bytes((octet,)))
            # The answer to another call is the proof that the router has had time for this octet.
            asked_at = loop.time()
            assert_redirect(await other.exchange(build_invite(f"beside-{position}")))
            assert loop.time() - asked_at < PROMPT_SECONDS
        assert_redirect(await slow.read_answer())


async def test_message_that_trickles_on_is_cut_after_its_time(start_target: Callable[..., Target]) -> None:
    target = start_target(message_seconds=0.4)
    loop = asyncio.get_running_loop()
    async with target.connect() as slow, target.connect() as other:
        await slow.send(b"INVITE sip:")
        begun_at = loop.time()
        ending = asyncio.create_task(slow.read_to_end())
        while not ending.done():
            await slow.send(b"a")
            await other.ping()
            assert loop.time() - begun_at < PATIENCE_SECONDS
        assert ending.result() == b""
        assert 0.4 <= loop.time() - begun_at < 0.4 + PROMPT_SECONDS
        assert_redirect(await other.exchange(build_invite("after-slow")))


async def test_body_that_never_comes_is_cut_after_its_time(start_target: Callable[..., Target]) -> None:
    target = start_target(message_seconds=0.3)
    async with target.connect() as slow:
        await slow.send(build_invite("bodyless").replace(b"Content-Length: 0", b"Content-Length: 10"))
        assert await slow.read_to_end() == b""
    await target.assert_serves()
