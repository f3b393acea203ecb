from dataclasses import replace
from typing import cast

import pytest

from callrouter.pool.model import Member, Pool
from callrouter.reason import Reason
from callrouter.sip.limits import MessageLimits
from callrouter.snapshot import AnswerForm
from callrouter.stream import SessionLimits
from callrouter.telemetry import (
    Event,
    FramingLost,
    KeepAliveAnswered,
    MessageDiscarded,
    RequestAnswered,
    SessionFailed,
    TransactionTimedOut,
)
from callrouter.wire import CloseReason
from tests.property.rig import PEER, Rig, status_of
from tests.unit.sip.messages import make_octets

SLOW = AnswerForm(delay_seconds=0.5, server_line="Server: s\r\n")
OLD_VIA = "SIP/2.0/TCP gw.example.com"
TAGGED = "<sip:100@router.example.com>;tag=t9"


def statuses(answers: list[bytes]) -> list[int]:
    return [status_of(answer) for answer in answers]


def discards(events: list[Event]) -> list[Reason]:
    return [event.reason for event in events if isinstance(event, MessageDiscarded)]


def pass_time(rig: Rig, until: float) -> list[bytes]:
    """What the session says by itself up to this instant, its deadlines handled as the transport does."""
    while (deadline := rig.session.next_deadline()) is not None and deadline <= until:
        rig.session.handle_deadline(deadline)
    return rig.session.data_to_send()


def test_invite_is_redirected_and_told() -> None:
    rig = Rig()
    assert statuses(rig.send(make_octets(), 3.0)) == [302]
    assert rig.events == [
        RequestAnswered(
            PEER,
            "INVITE",
            "c1@gw.example.com",
            302,
            Reason.REDIRECTED,
            "sip:100@mbx1.example.com:5062;transport=Tcp",
            "",
            3.0,
            3.0,
        )
    ]


def test_invite_repeated_before_the_ack_gets_the_same_octets() -> None:
    rig = Rig()
    assert rig.send(make_octets()) == rig.send(make_octets(), 5.0)
    assert discards(rig.events) == [Reason.RETRANSMISSION]


def test_invite_after_the_ack_begins_a_new_transaction() -> None:
    rig = Rig()
    first = rig.send(make_octets())
    assert rig.send(make_octets("ACK")) == []
    assert rig.send(make_octets()) == first
    assert discards(rig.events) == [Reason.ACK_ABSORBED]
    assert len([event for event in rig.events if isinstance(event, RequestAnswered)]) == 2


@pytest.mark.parametrize(
    "ack",
    [
        make_octets("ACK", Via="SIP/2.0/TCP h;branch=z9hG4bKother"),
        make_octets("ACK", Require="x", Via=None),
        make_octets("ACK", "nonsense", CSeq="x", From=None),
        b"ACK\r\nl: 0\r\n\r\n",
    ],
)
def test_ack_of_nothing_gets_no_answer_whatever_it_is_like(ack: bytes) -> None:
    rig = Rig()
    assert rig.send(ack) == []
    assert discards(rig.events) == [Reason.ACK_UNMATCHED]
    assert rig.session.close_reason is None


@pytest.mark.parametrize("via", ["SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1", OLD_VIA])
def test_ack_of_a_refused_request_inside_a_dialog_is_matched(via: str) -> None:
    rig = Rig()
    assert statuses(rig.send(make_octets(To=TAGGED, Via=via))) == [481]
    assert rig.send(make_octets("ACK", To=TAGGED, Via=via)) == []
    assert discards(rig.events) == [Reason.ACK_ABSORBED]


def test_ack_that_never_comes_ends_the_transaction_after_timer_h() -> None:
    rig = Rig()
    rig.send(make_octets(), 1.0)
    assert rig.session.next_deadline() == 33.0
    assert pass_time(rig, 33.0) == []
    assert TransactionTimedOut(PEER, "c1@gw.example.com") in rig.events
    assert statuses(rig.send(make_octets("CANCEL"), 34.0)) == [481]


def test_invite_by_another_path_is_merged_while_the_first_lives() -> None:
    rig = Rig()
    other = make_octets(Via="SIP/2.0/TCP other;branch=z9hG4bKb")
    assert statuses(rig.send(make_octets() + other)) == [302, 482]
    rig.send(make_octets("ACK"))
    assert statuses(rig.send(make_octets(Via="SIP/2.0/TCP third;branch=z9hG4bKc"))) == [302]


def test_invite_over_the_limit_of_transactions_is_refused_until_one_ends() -> None:
    rig = Rig(limits=SessionLimits(max_transactions=1))
    second = make_octets(Via="SIP/2.0/TCP h;branch=z9hG4bKb", Call_ID="c2")
    assert statuses(rig.send(make_octets() + second)) == [302, 503]
    assert statuses(rig.send(make_octets("ACK") + second)) == [302]


def test_held_answer_is_preceded_by_one_100_and_comes_when_it_is_due() -> None:
    rig = Rig(form=SLOW)
    first = rig.send(make_octets(Timestamp="54.21"), 1.0)
    assert statuses(first) == [100]
    assert b";tag=" not in first[0].partition(b"To: ")[2].partition(b"\r\n")[0]
    assert b"Timestamp: 54.21\r\n" in first[0]
    assert b"Server: s\r\n" in first[0]
    assert rig.send(make_octets(), 1.1) == first
    assert pass_time(rig, 1.49) == []
    assert statuses(pass_time(rig, 1.5)) == [302]
    (event,) = [event for event in rig.events if isinstance(event, RequestAnswered)]
    assert (event.received_at, event.answered_at) == (1.0, 1.5)


def test_held_answer_within_200_milliseconds_has_no_100() -> None:
    rig = Rig(form=AnswerForm(delay_seconds=0.2))
    assert rig.send(make_octets()) == []
    assert rig.send(make_octets(), 0.1) == []
    assert statuses(pass_time(rig, 0.2)) == [302]


def test_held_answer_with_a_timestamp_that_cannot_be_repeated_leaves_it_out() -> None:
    rig = Rig(form=SLOW)
    (trying,) = rig.send(make_octets(Timestamp="54\0"))
    assert status_of(trying) == 100
    assert b"Timestamp" not in trying
    assert statuses(pass_time(rig, 1.0)) == [302]


def test_cancel_before_the_final_answer_ends_the_invite() -> None:
    rig = Rig(form=SLOW)
    rig.send(make_octets())
    ok, terminated = rig.send(make_octets("CANCEL"), 0.1)
    assert (status_of(ok), status_of(terminated)) == (200, 487)
    assert b"CSeq: 1 CANCEL" in ok
    assert b"CSeq: 1 INVITE" in terminated
    assert (
        ok.partition(b";tag=f1")[2].partition(b"tag=")[2][:10]
        == terminated.partition(b";tag=f1")[2].partition(b"tag=")[2][:10]
    )
    assert pass_time(rig, 5.0) == []
    assert rig.send(make_octets("ACK"), 5.0) == []


def test_cancel_after_the_final_answer_changes_nothing() -> None:
    rig = Rig()
    (redirect,) = rig.send(make_octets())
    assert statuses(rig.send(make_octets("CANCEL"))) == [200]
    assert rig.send(make_octets()) == [redirect]


@pytest.mark.parametrize("changes", [{}, {"Via": OLD_VIA}, {"Require": "x"}])
def test_cancel_of_nothing_is_answered_481(changes: dict[str, str | None]) -> None:
    assert statuses(Rig().send(make_octets("CANCEL", "sip:100@h", b"", **changes))) == [481]


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (make_octets("OPTIONS"), 200),
        (make_octets("REGISTER"), 405),
        (make_octets("Odd"), 501),
        (make_octets("BYE"), 481),
        (make_octets(uri="http://h"), 416),
        (make_octets(uri="<sip:a@b>"), 400),
        (make_octets(Call_ID=None), 400),
        (make_octets(Via="nonsense"), 400),
        (make_octets(Via="SIP/2.0/"), 400),
        (make_octets(To="<sip:a@b>;tag"), 400),
        (make_octets().replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia"), 505),
        (make_octets().replace(b"SIP/2.0\r\nVia", b"sip/2.0\r\nVia"), 302),
        (make_octets(uri=f"sip:{'a' * 5000}@h"), 414),
        (make_octets(Subject="a\rContact: <sip:evil>"), 400),
    ],
)
def test_request_gets_its_status_and_the_connection_lives_on(octets: bytes, status: int) -> None:
    rig = Rig()
    assert statuses(rig.send(octets)) == [status]
    assert statuses(rig.send(make_octets("OPTIONS"))) == [200]
    assert not [event for event in rig.events if isinstance(event, SessionFailed)]


def test_request_with_too_many_header_fields_is_refused_and_the_connection_lives_on() -> None:
    rig = Rig(limits=SessionLimits(MessageLimits(max_headers=8)))
    assert statuses(rig.send(make_octets(Subject="x\r\nSubject: y") + make_octets("OPTIONS"))) == [513, 200]


@pytest.mark.parametrize("octets", [make_octets(Via=None), b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"])
def test_request_without_via_closes_the_connection_without_an_answer(octets: bytes) -> None:
    rig = Rig()
    assert rig.send(octets + make_octets()) == []
    assert rig.session.close_reason is CloseReason.UNANSWERABLE
    assert Reason.MISSING_VIA in [getattr(event, "reason", None) for event in rig.events]


@pytest.mark.parametrize(
    ("octets", "expected", "reason"),
    [
        (make_octets(Content_Length="-1"), [400], Reason.CONTENT_LENGTH),
        (make_octets("ACK", Content_Length="-1"), [], Reason.CONTENT_LENGTH),
        (make_octets(Via=None, Content_Length="-1"), [], Reason.CONTENT_LENGTH),
        (make_octets(Content_Length="999999"), [413], Reason.BODY_TOO_LARGE),
        (make_octets(Subject="x" * 70000), [513], Reason.MESSAGE_TOO_LARGE),
        (b"\x16\x03\x01", [], Reason.NOT_SIP),
        (b"SIP/2.0 200 OK\r\nVia: x\r\nl: x\r\n\r\n", [], Reason.CONTENT_LENGTH),
        (b"OPTIONS sip:a SIP/2.0\nVia: x\n\n", [], Reason.BARE_LINE_END),
    ],
)
def test_framing_that_is_lost_is_answered_where_it_can_be_and_closes(
    octets: bytes, expected: list[int], reason: Reason
) -> None:
    rig = Rig()
    assert statuses(rig.send(octets)) == expected
    assert rig.session.close_reason is CloseReason.FRAMING_LOST
    assert [event.reason for event in rig.events if isinstance(event, FramingLost)] == [reason]
    assert rig.send(make_octets("OPTIONS")) == []


def test_stray_response_gets_no_answer() -> None:
    rig = Rig()
    assert rig.send(b"SIP/2.0 200 OK\r\nVia: x\r\nl: 0\r\n\r\n") == []
    assert discards(rig.events) == [Reason.STRAY_RESPONSE]


def test_keep_alive_is_answered_in_its_place() -> None:
    rig = Rig()
    answers = rig.send(make_octets("OPTIONS") + b"\r\n\r\n" + make_octets("BYE"))
    assert (status_of(answers[0]), answers[1], status_of(answers[2])) == (200, b"\r\n", 481)
    assert KeepAliveAnswered(PEER) in rig.events


def test_own_failure_costs_one_500_and_not_the_connection() -> None:
    rig = Rig()
    sound = rig.cell.current
    rig.cell.current = replace(sound, pool=Pool(available=(cast("Member", None),)))
    assert statuses(rig.send(make_octets())) == [500]
    [failed] = [event for event in rig.events if isinstance(event, SessionFailed)]
    assert failed.peer == PEER
    assert isinstance(failed.error, (AttributeError, TypeError))
    rig.cell.current = sound
    assert statuses(rig.send(make_octets())) == [302]


def test_idle_connection_ends_and_a_message_puts_it_off() -> None:
    rig = Rig()
    assert rig.session.next_deadline() == 600.0
    rig.send(make_octets("OPTIONS"), 500.0)
    assert rig.session.next_deadline() == 1100.0
    rig.session.handle_deadline(1099.0)
    assert rig.session.next_deadline() == 1100.0, "still open"
    pass_time(rig, 1100.0)
    assert rig.session.close_reason is CloseReason.IDLE_TIMEOUT
    assert rig.session.next_deadline() is None


def test_half_message_must_be_whole_in_time_however_slowly_it_comes() -> None:
    rig = Rig()
    octets = make_octets("OPTIONS")
    for second in range(10):
        rig.send(octets[second : second + 1], float(second))
    assert rig.session.next_deadline() == 30.0
    pass_time(rig, 30.0)
    assert rig.session.close_reason is CloseReason.MESSAGE_TIMEOUT


def test_half_message_behind_a_whole_one_has_a_time_of_its_own() -> None:
    rig = Rig()
    octets = make_octets("OPTIONS")
    rig.send(octets[:50], 0.0)
    assert statuses(rig.send(octets[50:] + octets[:50], 20.0)) == [200]
    assert rig.session.next_deadline() == 50.0
    assert statuses(rig.send(octets[50:], 21.0)) == [200]
    assert rig.session.next_deadline() == 621.0


def test_eof_ends_the_connection_at_once_or_after_the_held_answers() -> None:
    rig = Rig()
    rig.send(make_octets())
    rig.session.receive_eof(1.0)
    assert rig.session.close_reason is CloseReason.PEER_CLOSED
    slow = Rig(form=SLOW)
    slow.send(make_octets())
    slow.session.receive_eof(0.1)
    assert slow.session.close_reason is None
    assert statuses(pass_time(slow, 0.5)) == [302]
    assert slow.session.close_reason is CloseReason.PEER_CLOSED


def test_drain_waits_for_silence_and_for_what_is_in_flight() -> None:
    rig = Rig()
    rig.send(make_octets(), 1.0)
    rig.session.begin_drain(2.0)
    assert pass_time(rig, 3.0) == []
    assert rig.session.close_reason is None
    rig.send(make_octets("ACK"), 4.0)
    assert rig.session.next_deadline() == 4.25
    pass_time(rig, 4.25)
    assert rig.session.close_reason is CloseReason.DRAINED


def test_drain_of_a_silent_connection_takes_its_quiet_time() -> None:
    rig = Rig()
    rig.session.begin_drain(10.0)
    assert rig.session.next_deadline() == 10.25
    rig.session.handle_deadline(10.1)
    assert rig.session.close_reason is None
    pass_time(rig, 10.25)
    assert rig.session.close_reason is CloseReason.DRAINED


def test_data_to_send_is_handed_over_once() -> None:
    rig = Rig()
    assert rig.send(make_octets("OPTIONS")) != []
    assert rig.session.data_to_send() == []
