"""limits.drain_seconds and limits.drain_quiet_seconds: peers that would keep a router from ever stopping."""

import asyncio
import os
import signal
from collections.abc import Callable

import pytest

from tests.hardening.rig import PATIENCE_SECONDS, PROMPT_SECONDS, Target, assert_redirect, build_invite

pytestmark = pytest.mark.timed


async def test_peer_that_never_acknowledges_holds_a_stop_up_for_the_drain_limit_only(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(drain_seconds=0.5, drain_quiet_seconds=0.1)
    loop = asyncio.get_running_loop()
    async with target.connect() as attacker:
        assert_redirect(await attacker.exchange(build_invite("unacknowledged")))
        os.kill(target.router.pid, signal.SIGTERM)
        stopped_at = loop.time()
        await attacker.read_to_end()
        assert 0.5 <= loop.time() - stopped_at < 0.5 + PROMPT_SECONDS


async def test_peer_that_never_falls_silent_holds_a_stop_up_for_the_drain_limit_only(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(drain_seconds=0.5, drain_quiet_seconds=0.2)
    loop = asyncio.get_running_loop()
    async with target.connect() as attacker:
        os.kill(target.router.pid, signal.SIGTERM)
        stopped_at = loop.time()
        try:
            while True:
                await attacker.ping()
                assert loop.time() - stopped_at < PATIENCE_SECONDS
        except (ConnectionError, asyncio.IncompleteReadError):
            assert 0.5 <= loop.time() - stopped_at < 0.5 + PROMPT_SECONDS


async def test_peer_that_is_silent_is_let_go_after_the_quiet_time(start_target: Callable[..., Target]) -> None:
    target = start_target(drain_seconds=30, drain_quiet_seconds=0.3)
    loop = asyncio.get_running_loop()
    async with target.connect() as silent:
        await silent.ping()
        os.kill(target.router.pid, signal.SIGTERM)
        stopped_at = loop.time()
        assert await silent.read_to_end() == b""
        assert 0.3 <= loop.time() - stopped_at < 0.3 + PROMPT_SECONDS
