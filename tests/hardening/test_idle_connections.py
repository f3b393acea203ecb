"""limits.idle_seconds: connections that are opened and then left."""

import asyncio
import contextlib
from collections.abc import Callable

from tests.hardening.rig import PATIENCE_SECONDS, PROMPT_SECONDS, Target, assert_redirect, build_ack, build_invite

IDLE = 500
MEGABYTE = 1024 * 1024


async def test_idle_connections_are_closed_after_their_time_and_an_active_one_is_not(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(idle_seconds=1.0)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        active = await stack.enter_async_context(target.connect())
        idle = [await stack.enter_async_context(target.connect()) for _ in range(IDLE)]
        opened_at = loop.time()
        endings = asyncio.gather(*(each.read_to_end() for each in idle))
        number = 0
        while not endings.done():
            number += 1
            asked_at = loop.time()
            answer = await active.exchange(build_invite(f"active-{number}"))
            assert_redirect(answer)
            await active.send(build_ack(f"active-{number}", answer))
            assert loop.time() - asked_at < PROMPT_SECONDS
            assert loop.time() - opened_at < PATIENCE_SECONDS
        assert set(endings.result()) == {b""}
        assert loop.time() - opened_at > 0.5
        assert_redirect(await active.exchange(build_invite("still-there")))


async def test_idle_connections_cost_little_memory_and_no_time(target: Target) -> None:
    await target.assert_serves()
    before = target.resident_bytes
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(IDLE):
            await stack.enter_async_context(target.connect())
        await target.assert_serves()
        assert target.resident_bytes - before < IDLE * 64 * 1024
        assert (await target.read_metrics())['callrouter_connections_open{transport="TCP"}'] >= IDLE
