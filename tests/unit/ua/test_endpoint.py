"""The endpoint as a server, and what holds for it as a whole. As a client: test_endpoint_requests.py."""

import pytest

from callrouter.reason import Reason
from callrouter.sip.respond import header_line
from callrouter.snapshot import AnswerForm
from callrouter.stream import SessionLimits
from callrouter.telemetry import MessageDiscarded, RequestAnswered, SessionFailed, TransactionTimedOut
from callrouter.ua.endpoint import Reply
from callrouter.wire import CloseReason
from tests.unit.sip.messages import make_octets
from tests.unit.ua.endpoint_rig import OK, PEER, Rig

INVITE = make_octets()
ACK = make_octets("ACK")
CANCEL = make_octets("CANCEL")
OTHER_VIA = "SIP/2.0/TCP gw.example.com;branch=z9hG4bKa2"
RINGING = Reply(180, Reason.ANSWERED, header_line("Contact", "<sip:x@y>"))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def ring(rig: Rig) -> None:
    rig.endpoint.answer_invite(rig.agent.transactions[-1], RINGING, 1.0)


def answer(rig: Rig, status: int = 200, now: float = 1.0) -> bytes:
    return rig.endpoint.answer_invite(rig.agent.transactions[-1], Reply(status, Reason.ANSWERED), now)


# --- requests other than INVITE


def test_request_goes_to_the_agent_and_its_answer_out(rig: Rig) -> None:
    assert rig.answers(make_octets("OPTIONS")) == []
    assert rig.agent.told == ["OPTIONS 1"]


def test_answer_copies_what_it_must_and_has_a_tag_and_an_end() -> None:
    form = AnswerForm(server_line="Server: callrouter\r\n", warning_agent="")
    for body, end in ((b"", b"Content-Length: 0\r\n\r\n"), (b"body", b"Content-Length: 4\r\n\r\nbody")):
        rig = Rig(form=form)
        rig.agent.reply = Reply(200, Reason.INFO_TAKEN, "X: y\r\n", body)
        rig.endpoint.receive_data(make_octets("INFO"), 1.0)
        [octets] = rig.endpoint.data_to_send()
        assert octets.startswith(
            b"SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1;received=192.0.2.10\r\n"
            b"From: <sip:caller@gw.example.com>;tag=f1\r\nTo: <sip:100@router.example.com>;tag="
        )
        assert octets.endswith(b"X: y\r\nServer: callrouter\r\n" + end)


def test_answer_is_told_once(rig: Rig) -> None:
    rig.agent.reply = OK
    rig.receive(make_octets("OPTIONS"), 7.0)
    assert rig.events == [
        RequestAnswered(PEER, "OPTIONS", "c1@gw.example.com", 200, Reason.SERVER_ALIVE, "", "", 7.0, 7.0)
    ]


def test_unsound_request_is_refused_and_told(rig: Rig) -> None:
    [response] = rig.answers(make_octets("BYE", Max_Forwards="x"))
    assert (response.status, response.phrase) == (400, "Malformed Max-Forwards Header Field")
    assert response.to_tag
    assert rig.agent.told == []
    [event] = rig.events
    assert isinstance(event, RequestAnswered)
    assert (event.method, event.status, event.reason) == ("BYE", 400, Reason.MALFORMED_HEADER)


# --- INVITE: transactions (17.2.1, RFC 6026)


def test_invite_goes_to_the_agent_with_its_transaction(rig: Rig) -> None:
    assert rig.answers(INVITE) == []
    assert rig.agent.told == ["invite c1@gw.example.com 1"]
    [transaction] = rig.agent.transactions
    assert len(transaction.to_tag) == 10


def test_answers_to_invite_share_a_tag_but_for_the_100(rig: Rig) -> None:
    rig.receive(INVITE)
    rig.endpoint.answer_invite(rig.agent.transactions[0], Reply(100, Reason.ANSWERED), 1.0)
    ring(rig)
    answer(rig)
    tag = rig.agent.transactions[0].to_tag
    said = rig.said()
    assert [(each.status, each.to_tag) for each in said if hasattr(each, "status")] == [
        (100, ""),
        (180, tag),
        (200, tag),
    ]


def test_invite_inside_a_dialog_keeps_the_tag_of_the_dialog(rig: Rig) -> None:
    rig.receive(make_octets(To="<sip:100@router.example.com>;tag=mine"))
    answer(rig)
    assert rig.agent.transactions[0].to_tag == "mine"
    assert b"To: <sip:100@router.example.com>;tag=mine\r\n" in rig.agent.transactions[0].final


def test_repeated_invite_gets_the_last_answer_again(rig: Rig) -> None:
    rig.receive(INVITE)
    assert rig.statuses(INVITE) == []
    ring(rig)
    rig.said()
    assert rig.statuses(INVITE) == [180]
    answer(rig, 486)
    rig.said()
    assert rig.statuses(INVITE) == [486]
    assert rig.agent.told == ["invite c1@gw.example.com 1"]
    assert rig.events.count(MessageDiscarded(PEER, Reason.RETRANSMISSION)) == 3


def test_repeated_invite_after_a_2xx_gets_nothing_from_the_transaction(rig: Rig) -> None:
    rig.receive(INVITE)
    answer(rig)
    rig.said()
    assert rig.statuses(INVITE) == []
    assert len(rig.agent.transactions) == 1


def test_the_same_invite_after_its_ack_is_another_call_with_a_tag_of_its_own(rig: Rig) -> None:
    rig.receive(INVITE)
    answer(rig)
    rig.endpoint.end_invite(rig.agent.transactions[0])
    rig.receive(INVITE)
    assert len({each.to_tag for each in rig.agent.transactions}) == 2


def test_invite_by_two_paths_is_merged(rig: Rig) -> None:
    rig.receive(INVITE)
    [response] = rig.answers(make_octets(Via=OTHER_VIA))
    assert response.status == 482
    assert len(rig.agent.transactions) == 1


def test_invites_over_the_limit_get_503_until_one_ends() -> None:
    rig = Rig(limits=SessionLimits(max_transactions=1))
    rig.receive(INVITE)
    other = make_octets(Via=OTHER_VIA, Call_ID="c2")
    [response] = rig.answers(other)
    assert (response.status, "retry-after" in response.headers) == (503, True)
    answer(rig, 486)
    rig.said()
    assert rig.statuses(ACK + other) == []
    assert rig.agent.told == ["invite c1@gw.example.com 1", "invite c2 1"]


@pytest.mark.parametrize("status", [200, 486])
def test_final_answer_is_given_once(rig: Rig, status: int) -> None:
    rig.receive(INVITE)
    [transaction] = rig.agent.transactions
    assert answer(rig, status) == transaction.final
    assert len(rig.said()) == 1
    assert answer(rig) == b""
    ring(rig)
    rig.endpoint.reject_invite(transaction, Reason.CANCELLED, 1.0)
    assert rig.said() == []
    assert [event.status for event in rig.events if isinstance(event, RequestAnswered)] == [status]


def test_final_answer_without_ack_is_given_up_after_timer_h(rig: Rig) -> None:
    rig.receive(INVITE)
    assert rig.endpoint.next_deadline() == 601.0
    answer(rig, 486, now=5.0)
    assert rig.endpoint.next_deadline() == 37.0
    rig.endpoint.handle_deadline(37.0)
    assert rig.events[-1] == TransactionTimedOut(PEER, "c1@gw.example.com")
    assert rig.endpoint.next_deadline() == 601.0


# --- ACK


def test_ack_of_a_failure_ends_the_transaction_and_goes_no_further(rig: Rig) -> None:
    rig.receive(INVITE)
    answer(rig, 486)
    rig.said()
    rig.receive(ACK)
    assert rig.events[-1] == MessageDiscarded(PEER, Reason.ACK_ABSORBED)
    assert rig.agent.told == ["invite c1@gw.example.com 1"]
    assert rig.endpoint.next_deadline() == 601.0


@pytest.mark.parametrize("via", ["SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1", OTHER_VIA])
def test_ack_of_a_2xx_goes_to_the_agent(rig: Rig, via: str) -> None:
    rig.receive(INVITE)
    answer(rig)
    rig.said()
    assert rig.answers(make_octets("ACK", Via=via)) == []
    assert rig.agent.told == ["invite c1@gw.example.com 1", "ack c1@gw.example.com 1"]


@pytest.mark.parametrize(
    "changes", [{"CSeq": "x"}, {"CSeq": None}, {"To": "<"}, {"From": None}, {"Via": "x"}, {"Via": None}]
)
def test_ack_that_cannot_be_read_is_discarded(rig: Rig, changes: dict[str, str | None]) -> None:
    ack = make_octets("ACK", "sip:100@router.example.com", b"", **changes)
    assert rig.answers(ack) == []
    assert rig.agent.told == []
    assert rig.events == [MessageDiscarded(PEER, Reason.ACK_UNMATCHED)]
    assert rig.endpoint.close_reason is None


# --- CANCEL: 9.2


def test_cancel_of_a_pending_invite_is_answered_with_its_tag_and_told(rig: Rig) -> None:
    rig.receive(INVITE)
    [response] = rig.answers(CANCEL)
    assert (response.status, response.cseq) == (200, (1, "CANCEL"))
    assert response.to_tag == rig.agent.transactions[0].to_tag
    assert rig.agent.told == ["invite c1@gw.example.com 1", "cancel c1@gw.example.com 1"]


@pytest.mark.parametrize("status", [200, 486])
def test_cancel_after_the_final_answer_changes_nothing(rig: Rig, status: int) -> None:
    rig.receive(INVITE)
    answer(rig, status)
    rig.said()
    assert rig.statuses(CANCEL) == [200]
    assert rig.agent.told == ["invite c1@gw.example.com 1"]


def test_cancel_of_nothing_is_refused(rig: Rig) -> None:
    assert rig.statuses(CANCEL) == [481]
    rig.receive(INVITE)
    assert rig.statuses(make_octets("CANCEL", Via=OTHER_VIA)) == [481]


# --- bugs of ours


@pytest.mark.parametrize(("octets", "raises"), [(make_octets("INFO"), "INFO"), (INVITE, "invite")])
def test_agent_that_raises_costs_one_500_and_not_the_connection(rig: Rig, octets: bytes, raises: str) -> None:
    rig.agent.raises = raises
    assert rig.statuses(octets) == [500]
    assert [type(event) for event in rig.events] == [SessionFailed, RequestAnswered]
    assert rig.endpoint.close_reason is None
    rig.receive(make_octets("OPTIONS"))
    assert rig.agent.told[-1] == "OPTIONS 1"


def test_agent_that_raises_after_the_final_answer_gives_no_other(rig: Rig) -> None:
    rig.agent.reply = OK
    rig.agent.raises = "invite"
    assert rig.statuses(INVITE) == [200]


# --- as a whole


def test_timers_are_run_by_the_deadline(rig: Rig) -> None:
    done: list[float] = []
    rig.endpoint.timers.set(5.0, done.append)
    assert rig.endpoint.next_deadline() == 5.0
    rig.endpoint.handle_deadline(5.0)
    assert done == [5.0]


@pytest.mark.parametrize("idles_for_ever", [True, False])
@pytest.mark.parametrize("busy", [True, False])
def test_idle_connection_is_kept_for_a_call_or_by_who_opened_it(busy: bool, idles_for_ever: bool) -> None:
    rig = Rig(idles_for_ever=idles_for_ever)
    rig.agent.busy = busy
    rig.endpoint.handle_deadline(600.0)
    if busy or idles_for_ever:
        assert rig.endpoint.next_deadline() == 1200.0
    else:
        assert rig.endpoint.close_reason is CloseReason.IDLE_TIMEOUT


def test_drain_is_told_to_the_agent_and_waits_for_it(rig: Rig) -> None:
    rig.agent.busy = True
    rig.endpoint.begin_drain(1.0)
    assert rig.agent.told == ["drain 1"]
    rig.endpoint.handle_deadline(5.0)
    assert rig.endpoint.next_deadline() == 600.0
    rig.agent.busy = False
    assert rig.endpoint.next_deadline() == 1.25
    rig.endpoint.handle_deadline(5.0)
    assert rig.endpoint.close_reason is CloseReason.DRAINED


def test_drain_waits_for_the_ack(rig: Rig) -> None:
    rig.receive(INVITE)
    answer(rig, 486)
    rig.said()
    rig.endpoint.begin_drain(1.0)
    assert rig.endpoint.next_deadline() == 33.0
    rig.receive(ACK, 2.0)
    assert rig.endpoint.next_deadline() == 2.25


def test_eof_waits_for_the_final_answer_only(rig: Rig) -> None:
    rig.receive(INVITE)
    rig.endpoint.timers.set(5.0, lambda now: [answer(rig, now=now)].clear())
    rig.endpoint.receive_eof(2.0)
    assert (rig.endpoint.is_usable, rig.endpoint.next_deadline()) == (True, 5.0)
    rig.endpoint.handle_deadline(5.0)
    assert len(rig.said()) == 1
    assert rig.endpoint.close_reason is CloseReason.PEER_CLOSED


def test_connection_lost_is_told_and_nothing_is_usable_any_more(rig: Rig) -> None:
    rig.endpoint.connection_lost(3.0)
    assert rig.agent.told == ["lost 3"]
    assert not rig.endpoint.is_usable
    assert rig.endpoint.next_deadline() is None


def test_close_ends_it_once_and_keeps_an_earlier_reason(rig: Rig) -> None:
    rig.endpoint.close()
    assert rig.endpoint.close_reason is CloseReason.DONE
    assert not rig.endpoint.is_usable
    late = Rig()
    late.endpoint.receive_eof(1.0)
    late.endpoint.close()
    assert late.endpoint.close_reason is CloseReason.PEER_CLOSED


def test_endpoint_without_an_agent_says_nothing_and_ends(rig: Rig) -> None:
    rig.endpoint._agent = None
    assert rig.answers(make_octets("OPTIONS") + INVITE + ACK) == []
    rig.endpoint.begin_drain(1.0)
    rig.endpoint.connection_lost(1.0)
    assert rig.agent.told == []
