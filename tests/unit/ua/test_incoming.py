import pytest

from callrouter.reason import CallEnd, Reason
from callrouter.sdp.description import parse_description
from callrouter.sip.respond import header_line
from callrouter.telemetry import CallBegan, RequestAnswered
from callrouter.ua.call import CallState
from callrouter.ua.incoming import Ringing
from tests.property.calling import MUTE_OFFER, NO_SDP, OFFER
from tests.unit.ua.call_rig import RELIABLE, Rig, times_and_statuses

SLOW = Ringing(ringing_after_seconds=1.0, answer_after_seconds=5.0, max_seconds=60.0)

# --- to the 200


def test_begin_answers_at_once_where_nothing_is_to_be_waited_for() -> None:
    rig = Rig()
    sent = rig.invite()
    assert times_and_statuses(sent) == [(0.0, 100), (0.0, 180), (0.0, 200)]
    assert rig.call.state is CallState.ANSWERED
    assert [event.call_id for event in rig.of(CallBegan)] == ["c0@192.0.2.10"]


def test_begin_rings_and_answers_when_it_is_said() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite()
    rig.pass_time(10.0)
    assert times_and_statuses(sent)[:3] == [(0.0, 100), (1.0, 180), (5.0, 200)]


def test_begin_that_answers_before_it_would_ring_does_not_ring() -> None:
    rig = Rig(ringing=Ringing(ringing_after_seconds=5.0, answer_after_seconds=1.0))
    sent = rig.invite()
    rig.pass_time(1.0)
    assert times_and_statuses(sent) == [(0.0, 100), (1.0, 200)]


def test_answers_carry_what_a_dialog_needs() -> None:
    rig = Rig()
    routes = ["<sip:p2.example.com;lr>, <sip:p1.example.com>", '"x" <sip:p0.example.com;lr>;a=b']
    sent = rig.invite(lines="".join(header_line("Record-Route", route) for route in routes))
    trying, ringing, answer = [response for _, response in sent.answers]
    assert "record-route" not in trying.headers
    for response in (ringing, answer):
        assert response.headers.rows("record-route") == routes
        assert response.headers.rows("contact") == ["<sip:192.0.2.1:5065;transport=Tcp>;automata"]
        assert response.headers.rows("allow") == ["INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"]
        assert response.headers.rows("supported") == ["100rel"]
    assert answer.headers.rows("content-type") == ["application/sdp"]
    assert parse_description(answer.body).media[0].port == 5000


def test_trying_copies_timestamp() -> None:
    sent = Rig().invite(lines=header_line("Timestamp", "54.2"))
    assert [response.headers.get("timestamp") for _, response in sent.answers] == ["54.2", None, None]


def test_answer_is_told_with_contact_and_call_type() -> None:
    rig = Rig()
    rig.invite()
    [event] = rig.of(RequestAnswered)
    assert (event.method, event.status, event.reason) == ("INVITE", 200, Reason.ANSWERED)
    assert (event.contact, event.call_type) == ("sip:192.0.2.1:5065;transport=Tcp", "")


def test_invite_without_an_offer_gets_ours_and_the_ack_answers_it() -> None:
    rig = Rig()
    sent = rig.invite(b"")
    assert parse_description(sent.finals[0].body).media[0].port == 5000
    assert rig.call.media.awaits_answer
    rig.acknowledge(body=OFFER)
    assert rig.call.state is CallState.CONFIRMED
    assert rig.call.media.remote == parse_description(OFFER)


@pytest.mark.parametrize(
    ("body", "lines", "status", "reason"),
    [
        (NO_SDP, "", 400, Reason.MALFORMED_SDP),
        (MUTE_OFFER, "", 488, Reason.NO_COMMON_MEDIA),
        (OFFER, header_line("Content-Encoding", "gzip"), 415, Reason.UNSUPPORTED_MEDIA_TYPE),
    ],
)
def test_body_that_cannot_be_taken_is_refused_with_what_could(
    body: bytes, lines: str, status: int, reason: Reason
) -> None:
    rig = Rig()
    sent = rig.invite(body, lines)
    assert times_and_statuses(sent) == [(0.0, status)]
    assert sent.finals[0].headers.rows("accept") == ["application/sdp"]
    assert sent.finals[0].headers.rows("accept-encoding") == ["identity"]
    assert [event.reason for event in rig.of(RequestAnswered)] == [reason]
    assert rig.ends == [(CallEnd.REJECTED, 0.0, False)]
    assert (rig.desk.calls, rig.near.timers.next_at(), rig.of(CallBegan)) == ({}, None, [])


# --- the caller gives up


def test_cancel_ends_the_invite_with_487() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite()
    rig.pass_time(2.0)
    assert rig.cancel().status == 200
    assert times_and_statuses(sent) == [(0.0, 100), (1.0, 180), (2.0, 487)]
    rig.pass_time(10.0)
    assert len(sent.answers) == 3
    assert rig.ends == [(CallEnd.CANCELLED, 0.0, False)]
    assert rig.near.timers.next_at() is None


def test_cancel_after_the_200_leaves_the_call() -> None:
    rig = Rig()
    rig.invite()
    assert rig.cancel().status == 200
    rig.call.cancel(rig.now)
    assert (rig.call.state, rig.ends) == (CallState.ANSWERED, [])


def test_bye_before_the_answer_ends_the_invite_with_487() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite()
    rig.pass_time(2.0)
    assert rig.ask("BYE").status == 200
    assert rig.said_since(2) == ["SIP/2.0 200 OK", "SIP/2.0 487 Request Terminated"]
    assert sent.status == 487
    assert rig.ends == [(CallEnd.REMOTE_BYE, 0.0, False)]
    assert rig.near.timers.next_at() is None


def test_bye_out_of_order_before_the_answer_ends_nothing() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite()
    rig.pass_time(2.0)
    bye = rig.phone.send(rig.dialog.request_of("BYE", 1), rig.now)
    rig.pump()
    assert bye.status == 500
    rig.pass_time(3.0)
    assert sent.status == 200
    assert rig.ends == []


@pytest.mark.parametrize(("expires", "status"), [("3", 487), ("0", 487), ("5", 200), ("x", 200), ("9999999999", 200)])
def test_expires_ends_an_invite_that_is_not_answered_in_time(expires: str, status: int) -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite(lines=header_line("Expires", expires))
    rig.pass_time(5.0)
    assert sent.status == status
    if status == 487:
        assert sent.times_of(487) == [float(expires)]
        assert rig.ends == [(CallEnd.CANCELLED, 0.0, False)]


def test_expires_of_nothing_comes_too_late_for_a_call_that_is_answered_at_once() -> None:
    assert Rig().invite(lines=header_line("Expires", "0")).status == 200


# --- we give up


def test_stop_before_the_answer_refuses() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite()
    rig.near.begin_drain(rig.now)
    rig.pump()
    assert (sent.status, "retry-after" in sent.finals[0].headers) == (503, True)
    assert rig.ends == [(CallEnd.STOPPED, 0.0, False)]


def test_stop_after_the_answer_hangs_up() -> None:
    rig = Rig()
    rig.connect().stop(rig.now)
    rig.pump()
    assert [each.method for each in rig.byes] == ["BYE"]
    assert rig.ends == [(CallEnd.STOPPED, 0.0, True)]


def test_end_before_the_answer_leaves_no_timer() -> None:
    rig = Rig(ringing=SLOW)
    rig.invite()
    rig.lose()
    assert rig.ends == [(CallEnd.CONNECTION_LOST, 0.0, False)]
    assert rig.near.timers.next_at() is None


# --- inside the early dialog


@pytest.mark.parametrize(("body", "status"), [(OFFER, 500), (b"", 491)])
def test_update_with_an_offer_must_wait_for_the_answer(body: bytes, status: int) -> None:
    # RFC 3311 5.2: an offer of theirs is not answered (500), or one of ours (491).
    rig = Rig(ringing=SLOW)
    rig.invite(body)
    rig.pass_time(1.0)
    update = rig.ask("UPDATE", OFFER)
    assert update.status == status
    assert ("retry-after" in update.finals[0].headers) is (status == 500)


def test_update_without_a_body_refreshes_the_target() -> None:
    rig = Rig(ringing=SLOW)
    rig.invite()
    rig.pass_time(1.0)
    assert rig.ask("UPDATE", contact="sip:phone@192.0.2.11").status == 200
    assert rig.call.dialog.remote_target == "sip:phone@192.0.2.11"


def test_second_invite_before_the_answer_must_wait() -> None:
    rig = Rig(ringing=SLOW)
    rig.invite()
    rig.pass_time(1.0)
    again = rig.ask("INVITE", OFFER)
    assert again.status == 500
    assert 0 <= int(again.finals[0].headers.get("retry-after") or "x") <= 10
    rig.pass_time(4.0)
    assert rig.invited.status == 200


def test_move_before_the_answer_stays_where_the_invite_came() -> None:
    rig, other = Rig(ringing=SLOW), Rig()
    rig.invite()
    rig.call.move(other.near)
    rig.pass_time(5.0)
    assert rig.invited.status == 200
    assert other.near.timers.next_at() is None


# --- reliable ringing (RFC 3262)


def test_reliable_ringing_waits_for_prack() -> None:
    rig = Rig()
    sent = rig.invite(lines=RELIABLE)
    ringing = sent.answers[1][1]
    assert (ringing.headers.rows("require"), ringing.headers.rows("rseq")) == (["100rel"], ["1"])
    assert ringing.body == b""
    assert times_and_statuses(sent) == [(0.0, 100), (0.0, 180)]
    rig.pass_time(0.25)
    assert rig.prack().status == 200
    assert times_and_statuses(sent)[2:] == [(0.25, 200)]
    assert sent.finals[0].body != b""
    assert [event.reason for event in rig.of(RequestAnswered)] == [Reason.PROVISIONAL_ACKNOWLEDGED, Reason.ANSWERED]


def test_reliable_ringing_with_prack_before_its_time_is_answered_then() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite(lines=RELIABLE)
    rig.pass_time(2.0)
    rig.prack()
    rig.pass_time(4.0)
    assert times_and_statuses(sent)[:5] == [(0.0, 100), (1.0, 180), (1.5, 180), (5.0, 200), (5.5, 200)]


def test_reliable_ringing_is_repeated_ever_more_slowly_and_given_up_after_64_t1() -> None:
    rig = Rig(ringing=SLOW)
    sent = rig.invite(lines=RELIABLE)
    rig.pass_time(100.0)
    assert sent.times_of(180) == [1.0, 1.5, 2.5, 4.5, 8.5, 16.5, 32.5]
    assert sent.times_of(504) == [33.0]
    assert rig.ends == [(CallEnd.REJECTED, 0.0, False)]
    assert rig.near.timers.next_at() is None


@pytest.mark.parametrize(
    "rack", ["2 1 INVITE", "0 1 INVITE", "1 2 INVITE", "1 1 PRACK", "1 1 invite", "x", "1 1", "1 1 INVITE x"]
)
def test_prack_of_something_else_is_refused(rack: str) -> None:
    rig = Rig()
    rig.invite(lines=RELIABLE)
    assert rig.prack(rack).status == 481
    assert rig.prack().status == 200


def test_prack_without_rack_twice_or_of_ringing_that_is_not_reliable_is_refused() -> None:
    rig = Rig()
    rig.invite(lines=RELIABLE)
    assert rig.ask("PRACK").status == 481
    assert [rig.prack().status, rig.prack().status] == [200, 481]
    plain = Rig(ringing=SLOW)
    plain.invite()
    plain.pass_time(1.0)
    assert plain.prack().status == 481


def test_reliable_ringing_without_an_offer_carries_ours_and_prack_answers_it() -> None:
    # 13.2.1: the offer is in the first answer that is sure to arrive; RFC 3262 5: its answer in the PRACK.
    rig = Rig()
    sent = rig.invite(b"", RELIABLE)
    ringing = sent.answers[1][1]
    assert ringing.headers.rows("content-type") == ["application/sdp"]
    assert parse_description(ringing.body).media[0].port == 5000
    assert rig.prack(body=OFFER).status == 200
    answer = sent.finals[0]
    assert (answer.status, answer.body, "content-type" in answer.headers) == (200, b"", False)
    rig.acknowledge()
    assert rig.call.state is CallState.CONFIRMED
    assert rig.call.media.remote == parse_description(OFFER)


@pytest.mark.parametrize("body", [b"", NO_SDP])
def test_prack_without_the_answer_to_our_offer_ends_the_call(body: bytes) -> None:
    rig = Rig()
    sent = rig.invite(b"", RELIABLE)
    assert rig.prack(body=body).status == 400
    assert sent.status == 400
    assert rig.ends == [(CallEnd.BAD_ANSWER, 0.0, False)]
    assert rig.near.timers.next_at() is None


def test_update_after_the_early_exchange_changes_the_session() -> None:
    rig = Rig(ringing=SLOW)
    rig.invite(b"", RELIABLE)
    rig.pass_time(1.0)
    rig.prack(body=OFFER)
    update = rig.ask("UPDATE", OFFER.replace(b"sendrecv", b"sendonly"))
    assert update.status == 200
    assert b"a=recvonly" in update.finals[0].body
