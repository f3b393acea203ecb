"""Calls on loopback once they are answered, and what is seen of a call by who holds on to it."""

import asyncio
from dataclasses import replace

import pytest

from callrouter.caller.placed import PlacedCall, place_call, start_call
from callrouter.caller.result import HopEnd, Outcome
from callrouter.caller.spec import CallerConfig, CallSpec
from callrouter.caller.watch import CallFinished, Happening, HopBegan, HopEnded, MessageSeen, PlacedState, StateChanged
from callrouter.reason import CallEnd, Reason
from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.telemetry import CallEnded, Event
from callrouter.ua.endpoint import Reply
from callrouter.ua.incoming import Ringing
from callrouter.ua.proposal import GivenBody
from tests.unit.caller.rig import (
    QUICK,
    Callee,
    Script,
    answering,
    ends,
    nothing_left,
    redirecting,
    refusing,
    serving,
    spec_of,
    trying,
)

# --- the call


async def test_call_that_the_peer_hangs_up_is_answered() -> None:
    async with serving(answering(Ringing(max_seconds=0.05))) as [worker]:
        with nothing_left() as config:
            result = await place_call(CallSpec(worker.uri(), hold_seconds=None), config)
    assert (result.outcome, result.detail) == (Outcome.ANSWERED, "the peer hung up")
    assert 0.04 < result.talked_seconds < 2.0
    assert "BYE" not in worker.methods


async def test_call_with_required_100rel_is_answered_after_its_prack() -> None:
    async with serving(answering()) as [worker]:
        with nothing_left() as config:
            spec = replace(spec_of(worker.uri()), headers=(("Require", "100rel"),))
            result = await place_call(spec, config)
        assert worker.methods == ["INVITE", "PRACK", "ACK", "BYE"]
    assert result.outcome is Outcome.ANSWERED


async def test_call_with_delayed_offer_answers_in_its_ack() -> None:
    async with serving(answering()) as [worker]:
        with nothing_left() as config:
            result = await place_call(replace(spec_of(worker.uri()), body=GivenBody(b"")), config)
    assert result.outcome is Outcome.ANSWERED
    assert [bool(request.body) for request in worker.requests] == [False, True, False]


async def test_secured_call_agrees_on_srtp() -> None:
    async with serving(answering(secured=True)) as [worker]:
        with nothing_left() as config:
            secured = await place_call(replace(spec_of(worker.uri()), secured=True), config)
            plain = await place_call(spec_of(worker.uri()), config)
    assert b"RTP/SAVP" in worker.requests[0].body
    assert (secured.outcome, plain.outcome, plain.status) == (Outcome.ANSWERED, Outcome.REFUSED, 488)


async def test_call_with_an_answer_that_does_not_fit_is_broken() -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        del invite
        lines = header_line("Contact", "<sip:127.0.0.1>")
        callee.endpoint.answer_invite(transaction, Reply(200, Reason.ANSWERED, lines), now)

    async with serving(script) as [server]:
        with nothing_left() as config:
            result = await place_call(replace(spec_of(server.uri()), hold_seconds=5.0), config)
        assert server.methods == ["INVITE", "ACK", "BYE"]
    assert (result.outcome, result.status) == (Outcome.BROKEN, 200)
    assert result.detail == "the session description of the answer: the 2xx has no session description"


async def test_call_whose_bye_is_refused_is_broken() -> None:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        callee.answer(invite, transaction, now)
        callee.endpoint.timers.set(now + 0.05, lambda _: callee.calls.clear())

    async with serving(script) as [server]:
        with nothing_left() as config:
            result = await place_call(replace(spec_of(server.uri()), hold_seconds=0.2), config)
    assert (result.outcome, result.detail) == (Outcome.BROKEN, "the BYE was answered 481")


# --- holding on to it


async def test_placed_call_is_followed_and_hung_up() -> None:
    async with serving(answering(Ringing(0.0, 0.05))) as [worker]:
        with nothing_left() as config:
            answered = asyncio.Event()
            states = []

            def watch(happening: Happening) -> None:
                if isinstance(happening, StateChanged):
                    states.append(happening.state)
                    if happening.state is PlacedState.ANSWERED:
                        answered.set()

            call = start_call(CallSpec(worker.uri(), hold_seconds=None), config, watch)
            async with asyncio.timeout(5.0):
                await answered.wait()
                call.hang_up()
                call.hang_up()
                result = await call.done
            call.hang_up()
    assert result.outcome is Outcome.ANSWERED
    assert states == [
        PlacedState.CALLING, PlacedState.RINGING, PlacedState.ANSWERED, PlacedState.ENDING, PlacedState.ENDED
    ]  # fmt: skip
    assert worker.methods == ["INVITE", "ACK", "BYE"]


async def test_placed_call_that_was_not_started_has_nothing_to_wait_for() -> None:
    with pytest.raises(RuntimeError):
        _ = PlacedCall(CallSpec("sip:2001@127.0.0.1"), CallerConfig()).done


async def test_placed_call_hung_up_at_once_is_given_up_without_a_connection() -> None:
    async with serving(answering()) as [worker]:
        with nothing_left() as config:
            call = start_call(spec_of(worker.uri()), config)
            call.hang_up()
            result = await call.done
        assert worker.callees == []
    assert (result.outcome, result.call_id, ends(result.hops)) == (Outcome.CANCELLED, "", [HopEnd.CANCELLED])


async def test_placed_call_hung_up_while_it_rings_is_cancelled() -> None:
    async with serving(trying(180)) as [server]:
        with nothing_left() as config:
            ringing = asyncio.Event()

            def watch(happening: Happening) -> None:
                if isinstance(happening, StateChanged) and happening.state is PlacedState.RINGING:
                    ringing.set()

            call = start_call(spec_of(server.uri()), config, watch)
            async with asyncio.timeout(5.0):
                await ringing.wait()
                call.hang_up()
                result = await call.done
        assert len(server.callees[0].cancelled) == 1
    assert (result.outcome, result.status) == (Outcome.CANCELLED, 487)


# --- what can be seen


async def test_watch_is_told_of_hops_messages_and_the_end() -> None:
    async with serving(answering()) as [worker], serving(redirecting(f"<{worker.uri()}>", "<tel:+1>")) as [router]:
        seen: list[Happening] = []
        with nothing_left() as config:
            result = await place_call(spec_of(router.uri()), config, seen.append)
    assert [each.target.address for each in seen if isinstance(each, HopBegan)] == [router.address, worker.address]
    assert [each.hop for each in seen if isinstance(each, HopEnded)] == list(result.hops)
    messages = [
        (
            each.message.method if isinstance(each.message, Request) else str(each.message.status),
            each.is_sent,
            each.target.address == worker.address,
        )
        for each in seen
        if isinstance(each, MessageSeen)
    ]
    assert messages[:3] == [("INVITE", True, False), ("302", False, False), ("ACK", True, False)]
    assert messages[3] == ("INVITE", True, True)
    assert messages[-2:] == [("BYE", True, True), ("200", False, True)]
    assert isinstance(seen[-1], CallFinished)
    assert seen[-1].result == result
    instants = [each.at for each in seen]
    assert instants == sorted(instants)


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (refusing(Reason.NO_SUCH_NUMBER), CallEnd.REJECTED),
        (trying(180), CallEnd.NO_ANSWER),
        (answering(), CallEnd.LOCAL_BYE),
    ],
    ids=["refused", "unanswered", "answered"],
)
async def test_end_of_each_call_is_an_event(script: Script, cause: CallEnd) -> None:
    events: list[Event] = []
    async with serving(script) as [server]:
        await place_call(replace(spec_of(server.uri()), timeouts=QUICK), CallerConfig(emit=events.append))
    [ended] = [event for event in events if isinstance(event, CallEnded)]
    assert (ended.cause, ended.was_answered) == (cause, cause is CallEnd.LOCAL_BYE)
