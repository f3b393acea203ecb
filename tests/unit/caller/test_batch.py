import asyncio
import time
from dataclasses import replace

import pytest

from callrouter.caller.batch import BatchPlan, place_calls
from callrouter.caller.invite import UnusableSpec
from callrouter.caller.result import CallResult, Outcome
from callrouter.caller.spec import CallSpec
from callrouter.reason import Reason
from callrouter.sip.message import Request
from callrouter.sip.transaction import InviteTransaction
from tests.unit.caller.rig import Callee, answering, nothing_left, redirecting, refusing, serving


def spec_of(uri: str, hold_seconds: float = 0.0) -> CallSpec:
    return CallSpec(uri, hold_seconds=hold_seconds)


@pytest.mark.parametrize(("shares", "lines"), [(True, 1), (False, 30)])
async def test_calls_are_all_placed_over_shared_or_own_lines(shares: bool, lines: int) -> None:
    results: list[CallResult] = []
    async with serving(answering()) as [worker], serving(redirecting(f"<{worker.uri()}>")) as [router]:
        with nothing_left() as config:
            plan = BatchPlan(30, at_once=7, shares_lines=shares)
            await place_calls(plan, spec_of(router.uri()), config, results.append)
        assert (len(router.callees), len(worker.callees)) == (lines, lines)
        assert worker.methods.count("BYE") == 30
    assert [result.outcome for result in results] == [Outcome.ANSWERED] * 30
    assert len({result.call_id for result in results}) == 30


async def test_calls_are_no_more_at_once_than_planned() -> None:
    going_on, most = 0, 0

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        nonlocal going_on, most
        going_on += 1
        most = max(most, going_on)
        callee.answer(invite, transaction, now)

    def take(result: CallResult) -> None:
        nonlocal going_on
        del result
        going_on -= 1

    async with serving(script) as [server]:
        with nothing_left() as config:
            plan = BatchPlan(12, at_once=3)
            await place_calls(plan, spec_of(server.uri(), hold_seconds=0.02), config, take)
    assert most == 3


async def test_calls_begin_no_faster_than_planned() -> None:
    began: list[float] = []

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        began.append(now)
        refusing(Reason.NO_SUCH_NUMBER)(callee, invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            started_at = time.monotonic()
            await place_calls(BatchPlan(5, per_second=20.0), spec_of(server.uri()), config, lambda _: None)
    assert all(at - started_at > number / 20.0 - 0.005 for number, at in enumerate(began))


@pytest.mark.timed
async def test_calls_that_are_cut_short_hang_up_and_are_told_of_no_more() -> None:
    results: list[CallResult] = []
    all_answered = asyncio.Event()

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        callee.answer(invite, transaction, now)
        if len(callee.calls) == 3:
            all_answered.set()

    async with serving(script) as [server]:
        with nothing_left() as config:
            plan = BatchPlan(1000, at_once=3)
            placing = asyncio.create_task(
                place_calls(plan, spec_of(server.uri(), hold_seconds=60.0), config, results.append)
            )
            async with asyncio.timeout(5.0):
                await all_answered.wait()
            began_at = time.monotonic()
            placing.cancel()
            await asyncio.wait([placing])
            assert placing.cancelled()
            assert time.monotonic() - began_at < 1.0
        assert server.methods.count("INVITE") == 3
        assert server.methods.count("BYE") == 3
    assert results == []


async def test_calls_whose_line_is_lost_fail_and_later_ones_get_another() -> None:
    results: list[CallResult] = []

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        if callee is callee.server.callees[0]:
            callee.endpoint.close()
        else:
            callee.answer(invite, transaction, now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            await place_calls(BatchPlan(5, at_once=1), spec_of(server.uri()), config, results.append)
    assert [result.outcome for result in results] == [Outcome.UNREACHABLE] + [Outcome.ANSWERED] * 4


async def test_calls_that_cannot_be_placed_are_refused_before_the_first() -> None:
    with nothing_left() as config, pytest.raises(UnusableSpec):
        await place_calls(BatchPlan(5), replace(spec_of("tel:+1")), config, lambda _: None)
