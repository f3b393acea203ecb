"""limits.max_connections and limits.max_connections_per_address: more connections than are good for anybody."""

import asyncio
import contextlib
from collections.abc import Callable

import pytest

from tests.hardening.rig import PATIENCE_SECONDS, Caller, Target, assert_redirect, build_invite

ALLOWED = 20
FLOOD = 50


async def is_refused(caller: Caller) -> bool:
    """Whether the router closes at once; an admitted connection answers a keep-alive instead."""
    try:
        await caller.ping()
    except (ConnectionError, asyncio.IncompleteReadError):
        return True
    return False


async def is_admitted(target: Target) -> bool:
    """Whether there is room for one more."""
    async with target.connect() as caller:
        return not await is_refused(caller)


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
async def test_connections_over_the_limit_are_refused_counted_and_logged_and_it_recovers(
    start_target: Callable[..., Target], limit: str
) -> None:
    target = start_target(**{limit: ALLOWED})
    async with contextlib.AsyncExitStack() as stack:
        callers = [await stack.enter_async_context(target.connect()) for _ in range(FLOOD)]
        refused = [await is_refused(caller) for caller in callers]
        assert refused == [False] * ALLOWED + [True] * (FLOOD - ALLOWED)
        assert_redirect(await callers[0].exchange(build_invite("inside")))
        # The admin port has its own limit, or nobody could look.
        metrics = await target.read_metrics()
        assert metrics[f'callrouter_connections_rejected_total{{limit="limits.{limit}"}}'] == FLOOD - ALLOWED
    rejected = target.router.log.wait_for(FLOOD - ALLOWED, event="connection rejected", limit=f"limits.{limit}")
    assert len({line["peer"] for line in rejected}) == len(rejected) == FLOOD - ALLOWED
    # The router notices one after the other that they have gone.
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await is_admitted(target):
            pass
    await target.assert_serves()
