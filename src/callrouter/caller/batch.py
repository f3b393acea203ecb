"""Many calls of one kind: so many, so many a second, so many at a time. asyncio; nothing is polled."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from callrouter.caller.invite import check_spec
from callrouter.caller.line import LinePool
from callrouter.caller.placed import PlacedCall
from callrouter.caller.result import CallResult
from callrouter.caller.spec import CallerConfig, CallSpec

_CLOSE_SECONDS = 0.4


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """count: how many calls. per_second: 0 for as many as there can be. at_once: go on at the same time at the most.

    shares_lines: over one connection to each server, or each call over its own.
    """

    count: int
    per_second: float = 0.0
    at_once: int = 20
    shares_lines: bool = True


async def place_calls(
    plan: BatchPlan, spec: CallSpec, config: CallerConfig, take: Callable[[CallResult], None]
) -> None:
    """Place the calls. take: told of the end of each. Cancelled, all that go on hang up, within a second.

    Raises:
        UnusableSpec: such a call cannot be placed.
    """
    check_spec(spec)
    loop = asyncio.get_running_loop()
    lines = LinePool(config, is_shared=plan.shares_lines)
    numbers = iter(range(plan.count))
    began_at = loop.time()

    async def place_in_turn() -> None:
        for number in numbers:
            if plan.per_second:
                await _reach(began_at + number / plan.per_second)
            take(await PlacedCall(spec, config, lines=lines).run())

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(plan.at_once, plan.count)):
                group.create_task(place_in_turn())
    finally:
        await lines.close(_CLOSE_SECONDS)


async def _reach(at: float) -> None:
    """Wait until an instant of the loop's clock."""
    loop = asyncio.get_running_loop()
    reached = loop.create_future()
    timer = loop.call_at(at, reached.set_result, None)
    try:
        await reached
    finally:
        timer.cancel()
