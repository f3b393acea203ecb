"""A call from its 2xx on. How it comes there: test_incoming.py; what a peer may do in any order: tests/property."""

import pytest

from callrouter.reason import CallEnd, Reason
from callrouter.sip.message import Response
from callrouter.sip.respond import header_line
from callrouter.telemetry import MessageDiscarded, RequestAnswered, TransactionTimedOut
from callrouter.ua.call import CallState
from callrouter.ua.incoming import Ringing
from tests.property.calling import CONTACT, MUTE_OFFER, NO_SDP, OFFER
from tests.unit.sip.messages import make_request
from tests.unit.ua.call_rig import Rig, times_and_statuses

REPEATS = [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
HOLD = OFFER.replace(b"sendrecv", b"sendonly")
SHORT = Ringing(max_seconds=10.0)

# --- the 2xx and its ACK (13.3.1.4)


def test_2xx_is_repeated_until_its_ack_and_never_after() -> None:
    rig = Rig()
    sent = rig.invite()
    rig.pass_time(3.75)
    rig.acknowledge()
    rig.pass_time(60.0)
    assert sent.times_of(200) == [0.0, 0.5, 1.5, 3.5]
    assert rig.call.state is CallState.CONFIRMED
    assert rig.of(TransactionTimedOut) == []


def test_2xx_without_ack_is_given_up_by_bye_after_64_t1() -> None:
    rig = Rig()
    sent = rig.invite()
    rig.pass_time(100.0)
    assert sent.times_of(200) == REPEATS
    assert [each.method for each in rig.byes] == ["BYE"]
    assert rig.phone.byes["c0@192.0.2.10"][0] == 32.0
    assert rig.ends == [(CallEnd.NO_ACK, 32.0, True)]
    assert len(rig.of(TransactionTimedOut)) == 1
    assert rig.near.timers.next_at() is None


@pytest.mark.parametrize("number", [0, 2])
def test_ack_with_another_number_or_again_is_discarded(number: int) -> None:
    rig = Rig()
    rig.invite()
    rig.far.send_unanswered(rig.dialog.request_of("ACK", number))
    rig.pump()
    states = [rig.call.state]
    rig.acknowledge()
    rig.acknowledge()
    assert [*states, rig.call.state] == [CallState.ANSWERED, CallState.CONFIRMED]
    assert rig.of(MessageDiscarded) == [MessageDiscarded(rig.near.peer, Reason.ACK_UNMATCHED)] * 2


@pytest.mark.parametrize("body", [b"", NO_SDP, MUTE_OFFER])
def test_ack_without_the_answer_to_our_offer_ends_the_call(body: bytes) -> None:
    rig = Rig()
    rig.invite(b"")
    rig.acknowledge(body=body)
    assert [each.method for each in rig.byes] == ["BYE"]
    assert rig.ends == [(CallEnd.BAD_ANSWER, 0.0, True)]


# --- we hang up (15)


def test_hang_up_sends_bye_and_ends_with_its_answer() -> None:
    rig = Rig()
    rig.connect()
    rig.pass_time(4.0)
    rig.hang_up()
    [bye] = rig.byes
    assert (bye.raw_uri, bye.cseq) == (CONTACT, (1, "BYE"))
    assert rig.ends == [(CallEnd.LOCAL_BYE, 4.0, True)]
    assert (rig.desk.calls, rig.near.timers.next_at()) == ({}, None)


def test_hang_up_before_the_ack_waits_for_it_and_keeps_its_first_cause() -> None:
    rig = Rig()
    rig.invite()
    rig.hang_up(CallEnd.STOPPED)
    rig.hang_up(CallEnd.LOCAL_BYE)
    assert rig.byes == []
    rig.pass_time(2.0)
    rig.acknowledge()
    assert rig.ends == [(CallEnd.STOPPED, 2.0, True)]


def test_hang_up_twice_sends_one_bye() -> None:
    rig = Rig(is_mute=True)
    rig.connect()
    rig.hang_up()
    rig.hang_up(CallEnd.STOPPED)
    rig.pass_time(31.0)
    assert (len(rig.byes), rig.ends) == (1, [])
    rig.pass_time(1.0)
    # Timer F: the peer is gone, and so is the call.
    assert rig.ends == [(CallEnd.LOCAL_BYE, 32.0, True)]


def test_hang_up_without_a_connection_ends_at_once() -> None:
    rig = Rig()
    call = rig.connect()
    rig.near.close()
    call.hang_up(CallEnd.LOCAL_BYE, 5.0)
    assert rig.ends == [(CallEnd.LOCAL_BYE, 5.0, True)]
    assert rig.near.data_to_send() == []


def test_connection_lost_after_our_bye_keeps_the_cause() -> None:
    rig = Rig(is_mute=True)
    rig.connect()
    rig.hang_up()
    rig.lose()
    assert rig.ends == [(CallEnd.LOCAL_BYE, 0.0, True)]


def test_bye_ends_the_wait_for_the_ack_of_a_change() -> None:
    rig = Rig(is_mute=True)
    rig.connect()
    change = rig.ask("INVITE", OFFER)
    rig.hang_up()
    rig.pass_time(50.0)
    assert change.times_of(200) == [0.0]
    assert len(rig.byes) == 1
    assert rig.ends == [(CallEnd.LOCAL_BYE, 32.0, True)]


def test_max_duration_counts_from_the_2xx() -> None:
    rig = Rig(ringing=Ringing(answer_after_seconds=2.0, max_seconds=10.0))
    rig.invite()
    rig.pass_time(3.0)
    rig.acknowledge()
    assert rig.call.ends_at == 12.0
    rig.pass_time(9.0)
    assert rig.phone.byes["c0@192.0.2.10"][0] == 12.0
    assert rig.ends == [(CallEnd.MAX_DURATION, 10.0, True)]


def test_max_duration_before_the_ack_waits_for_it() -> None:
    rig = Rig(ringing=SHORT)
    rig.invite()
    rig.pass_time(20.0)
    rig.acknowledge()
    assert rig.ends == [(CallEnd.MAX_DURATION, 20.0, True)]


# --- the peer hangs up


def test_bye_is_answered_and_ends_the_call() -> None:
    rig = Rig()
    rig.connect()
    rig.pass_time(3.0)
    assert rig.ask("BYE").status == 200
    assert rig.ends == [(CallEnd.REMOTE_BYE, 3.0, True)]
    assert rig.ask("BYE").status == 481
    assert rig.near.timers.next_at() is None


def test_bye_before_the_ack_ends_the_repetition() -> None:
    rig = Rig()
    sent = rig.invite()
    rig.ask("BYE")
    rig.pass_time(10.0)
    assert sent.times_of(200) == [0.0]
    assert rig.byes == []


def test_bye_that_crosses_ours_is_answered_and_all_else_refused() -> None:
    rig = Rig(is_mute=True)
    rig.connect()
    rig.hang_up()
    # RFC 5407 3.3: for us there is no session any more.
    assert [rig.ask(method).status for method in ("INFO", "UPDATE", "INVITE", "OPTIONS")] == [481] * 4
    assert rig.ask("BYE").status == 200
    assert rig.ends == [(CallEnd.LOCAL_BYE, 0.0, True)]


# --- changes: re-INVITE (14.2)


def test_reinvite_is_answered_and_its_ack_awaited() -> None:
    rig = Rig()
    rig.connect()
    change = rig.ask("INVITE", HOLD)
    assert times_and_statuses(change) == [(0.0, 200)]
    assert b"a=recvonly" in change.finals[0].body
    assert "contact" in change.finals[0].headers
    rig.pass_time(1.0)
    rig.acknowledge(change)
    rig.pass_time(40.0)
    assert change.times_of(200) == [0.0, 0.5]
    assert rig.call.state is CallState.CONFIRMED
    assert [event.reason for event in rig.of(RequestAnswered)] == [Reason.ANSWERED, Reason.SESSION_CHANGED]


def test_reinvite_without_an_offer_gets_what_is_agreed_on_under_the_same_version() -> None:
    rig = Rig()
    rig.connect()
    change = rig.ask("INVITE")
    assert change.finals[0].body == rig.invited.finals[0].body
    rig.acknowledge(change, OFFER)
    assert not rig.call.media.awaits_answer


def test_reinvite_without_ack_ends_the_call() -> None:
    rig = Rig()
    rig.connect()
    rig.pass_time(8.0)
    change = rig.ask("INVITE", OFFER)
    rig.pass_time(32.0)
    assert change.times_of(200) == [8.0 + each for each in REPEATS]
    assert rig.ends == [(CallEnd.NO_ACK, 40.0, True)]


@pytest.mark.parametrize(("body", "status"), [(NO_SDP, 400), (MUTE_OFFER, 488)])
def test_reinvite_that_cannot_be_taken_leaves_the_session(body: bytes, status: int) -> None:
    rig = Rig()
    call = rig.connect()
    before = (call.media.local, call.media.remote, call.dialog.remote_target)
    assert rig.ask("INVITE", body, contact="sip:phone@192.0.2.11").status == status
    assert (call.media.local, call.media.remote, call.dialog.remote_target) == before
    assert rig.ask("INVITE", OFFER, contact="sip:phone@192.0.2.11").status == 200
    assert call.dialog.remote_target == "sip:phone@192.0.2.11"


def test_reinvite_before_the_ack_of_the_last_must_wait() -> None:
    rig = Rig()
    rig.invite()
    waits = [rig.ask("INVITE", OFFER)]
    rig.acknowledge()
    change = rig.ask("INVITE", OFFER)
    waits += [rig.ask("INVITE", OFFER) for _ in range(20)]
    assert [each.status for each in waits] == [500] * 21
    seconds = {int(each.finals[0].headers.get("retry-after") or "x") for each in waits}
    assert len(seconds) > 1
    assert seconds <= set(range(11))
    rig.acknowledge(change)
    assert rig.ask("INVITE", OFFER).status == 200


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_change_while_an_offer_of_ours_is_out_is_refused(method: str) -> None:
    rig = Rig()
    rig.connect().media.make_offer("sendonly")
    assert rig.ask(method, OFFER).status == 491
    rig.call.media.withdraw_offer()
    assert rig.ask(method, OFFER).status == 200


# --- changes: UPDATE (RFC 3311 5.2)


@pytest.mark.parametrize("is_acknowledged", [True, False])
def test_update_is_answered_at_once(is_acknowledged: bool) -> None:
    rig = Rig()
    rig.invite()
    if is_acknowledged:
        rig.acknowledge()
    update = rig.ask("UPDATE", HOLD, contact="sip:phone@192.0.2.11")
    assert update.status == 200
    assert b"a=recvonly" in update.finals[0].body
    assert "contact" in update.finals[0].headers
    assert rig.call.dialog.remote_target == "sip:phone@192.0.2.11"


def test_update_without_a_body_has_none_in_its_answer() -> None:
    rig = Rig()
    rig.connect()
    update = rig.ask("UPDATE", contact="sip:phone@192.0.2.11")
    assert (update.status, update.finals[0].body) == (200, b"")
    assert rig.call.dialog.remote_target == "sip:phone@192.0.2.11"


@pytest.mark.parametrize(("body", "status"), [(NO_SDP, 400), (MUTE_OFFER, 488)])
def test_update_that_cannot_be_taken_leaves_the_session(body: bytes, status: int) -> None:
    rig = Rig()
    call = rig.connect()
    before = (call.media.local, call.media.remote, call.dialog.remote_target)
    assert rig.ask("UPDATE", body, contact="sip:phone@192.0.2.11").status == status
    assert (call.media.local, call.media.remote, call.dialog.remote_target) == before


# --- everything else


@pytest.mark.parametrize(("method", "status"), [("INFO", 200), ("OPTIONS", 200), ("PRACK", 481), ("REFER", 405)])
def test_request_inside_the_dialog_is_answered(method: str, status: int) -> None:
    rig = Rig()
    rig.connect()
    response = rig.ask(method).finals[0]
    assert response.status == status
    assert ("allow" in response.headers) is (method in ("OPTIONS", "REFER"))
    assert ("accept" in response.headers) is (method == "OPTIONS")


@pytest.mark.parametrize("method", ["INFO", "UPDATE", "BYE", "INVITE"])
def test_request_out_of_order_is_refused_and_changes_nothing(method: str) -> None:
    rig = Rig()
    rig.connect()
    late = rig.phone.send(rig.dialog.request_of(method, 1), rig.now)
    rig.pump()
    assert late.status == 500
    assert rig.call.state is CallState.CONFIRMED


@pytest.mark.parametrize("method", ["INFO", "BYE", "INVITE"])
def test_request_that_requires_what_is_not_done_here_is_refused(method: str) -> None:
    rig = Rig()
    rig.connect()
    response = rig.ask(method, lines=header_line("Require", "timer, 100rel, replaces")).finals[0]
    assert (response.status, response.headers.rows("unsupported")) == (420, ["timer, replaces"])
    assert rig.call.state is CallState.CONFIRMED


# --- another connection


def test_move_takes_the_timers_along_and_leaves_none_behind() -> None:
    rig, other = Rig(ringing=SHORT), Rig()
    sent = rig.invite()
    call = rig.call
    call.move(other.near)
    call.move(other.near)
    assert (rig.near.timers.next_at(), other.near.timers.next_at()) == (None, 0.5)
    rig.pass_time(1.0)
    assert sent.times_of(200) == [0.0]
    other.near.handle_deadline(0.5)
    assert [each.status for each in read_all(other)] == [200]


def test_move_before_the_ack_still_ends_the_transaction_where_it_is_kept() -> None:
    rig, other = Rig(ringing=SHORT), Rig()
    rig.invite()
    call = rig.call
    call.move(other.near)
    call.receive_ack(make_request("ACK", CSeq="1 ACK"), 1.0)
    assert call.state is CallState.CONFIRMED
    assert len(rig.near._invites) == 0
    assert other.near.timers.next_at() == 10.0
    other.near.handle_deadline(10.0)
    assert [event.cause for event in rig.events if hasattr(event, "cause")] == []
    assert b"BYE " in b"".join(other.near.data_to_send())


def read_all(rig: Rig) -> list[Response]:
    octets = b"".join(rig.near.data_to_send())
    rig.near_tap.read(octets, rig.now)
    return [each for _, each in rig.near_tap.messages if isinstance(each, Response)]


def test_end_is_told_once() -> None:
    rig = Rig()
    call = rig.connect()
    call.end(CallEnd.CONNECTION_LOST, 2.0)
    call.end(CallEnd.LOCAL_BYE, 3.0)
    call.hang_up(CallEnd.LOCAL_BYE, 3.0)
    assert rig.ends == [(CallEnd.CONNECTION_LOST, 2.0, True)]
    assert rig.near.data_to_send() == []
