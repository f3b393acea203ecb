"""limits.max_transactions and limits.transaction_seconds: INVITEs whose answers are never acknowledged."""

from collections.abc import Callable

from callrouter.reason import Reason
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event, RequestAnswered, TransactionTimedOut
from tests.hardening.rig import Target, assert_redirect, build_ack, build_invite, status_of
from tests.hardening.session_rig import build_session

ALLOWED = 10


async def test_invites_over_the_limit_get_503_until_an_ack_frees_a_place(start_target: Callable[..., Target]) -> None:
    target = start_target(max_transactions=ALLOWED)
    async with target.connect() as caller:
        answers = [await caller.exchange(build_invite(f"open-{number}")) for number in range(ALLOWED)]
        for answer in answers:
            assert_redirect(answer)
        for number in range(3):
            refusal = await caller.exchange(build_invite(f"over-{number}"))
            assert status_of(refusal) == 503
            assert b"\r\nRetry-After: 10\r\n" in refusal
        await caller.send(build_ack("open-3", answers[3]))
        assert_redirect(await caller.exchange(build_invite("freed")))
        assert status_of(await caller.exchange(build_invite("full-again"))) == 503
        # The limit is one connection's own.
        await target.assert_serves()


def test_invite_that_is_never_acknowledged_frees_its_place_after_its_time() -> None:
    events: list[Event] = []
    session = build_session(events.append, SessionLimits(max_transactions=2, transaction_seconds=32.0))
    for number in range(3):
        session.receive_data(build_invite(f"call-{number}"), 100.0 + number)
    assert [status_of(answer) for answer in session.data_to_send()] == [302, 302, 503]
    assert session.next_deadline() == 132.0
    session.handle_deadline(132.0)
    session.receive_data(build_invite("call-3"), 132.0)
    session.receive_data(build_invite("call-4"), 132.5)
    assert [status_of(answer) for answer in session.data_to_send()] == [302, 503]
    assert [event.call_id for event in events if isinstance(event, TransactionTimedOut)] == ["call-0"]
    refusals = [event.reason for event in events if isinstance(event, RequestAnswered) and event.status == 503]
    assert refusals == [Reason.TOO_MANY_TRANSACTIONS] * 2
