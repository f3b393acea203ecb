"""The endpoint as a client: what it sends, and who is told of the answers. Goes with test_endpoint.py."""

import pytest

from callrouter.reason import Reason
from callrouter.sip.errors import UriError
from callrouter.sip.message import Request
from callrouter.sip.request import OutgoingRequest
from callrouter.telemetry import MessageDiscarded
from callrouter.wire import CloseReason, Transport
from tests.unit.ua.endpoint_rig import PEER, Rig, make_peer

TO = "<sip:100@192.0.2.10>"


@pytest.fixture
def rig() -> Rig:
    return Rig()


def make_request(method: str = "INVITE") -> OutgoingRequest:
    return OutgoingRequest(method, "sip:100@192.0.2.10", "<sip:a@192.0.2.1>;tag=1", TO, "c1", 1)


def send(rig: Rig, method: str = "INVITE", now: float = 0.0) -> OutgoingRequest:
    sent = rig.endpoint.send(make_request(method), rig.agent, now)
    assert [isinstance(each, Request) for each in rig.said()] == [True]
    return sent


def make_answer(sent: OutgoingRequest, status: int, *, method: str = "", to: str = TO + ";tag=t9") -> bytes:
    rows = [f"SIP/2.0 {status} X", f"Via: {sent.via}", f"From: {sent.from_}", f"To: {to}", "Call-ID: c1"]
    rows += [f"CSeq: 1 {method or sent.method}", "Content-Length: 0"]
    return "\r\n".join([row for row in rows if row != "To: "]).encode() + b"\r\n\r\n"


@pytest.mark.parametrize(
    ("transport", "address", "via"),
    [
        (Transport.TCP, "192.0.2.1", "SIP/2.0/TCP 192.0.2.1:5066;rport;branch=z9hG4bKT1"),
        (Transport.TLS, "2001:db8::1", "SIP/2.0/TLS [2001:db8::1]:5066;rport;branch=z9hG4bKT1"),
    ],
)
def test_send_says_where_we_are_and_returns_what_went_out(transport: Transport, address: str, via: str) -> None:
    rig = Rig(peer=make_peer(transport, address))
    sent = rig.endpoint.send(make_request("OPTIONS"), rig.agent, 0.0)
    assert sent.via == via
    assert rig.endpoint.data_to_send() == [sent.build()]


def test_send_every_request_has_a_branch_of_its_own(rig: Rig) -> None:
    assert len({send(rig, "OPTIONS").branch for _ in range(3)}) == 3


def test_send_of_what_cannot_be_written_raises_and_leaves_nothing_open(rig: Rig) -> None:
    request = OutgoingRequest("BYE", "not a uri", "<sip:a@b>;tag=1", TO, "c1", 1)
    with pytest.raises(UriError):
        rig.endpoint.send(request, rig.agent, 0.0)
    assert rig.said() == []
    rig.endpoint.connection_lost(1.0)
    assert rig.agent.told == ["lost 1"]


def test_answers_are_told_to_the_sender(rig: Rig) -> None:
    sent = send(rig, "OPTIONS")
    assert rig.receive(make_answer(sent, 100) + make_answer(sent, 200)) == []
    assert rig.agent.told == ["100 of OPTIONS z9hG4bKT1 1", "200 of OPTIONS z9hG4bKT1 1"]
    assert rig.events == []


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE"])
def test_answer_after_a_final_one_is_a_stray(rig: Rig, method: str) -> None:
    sent = send(rig, method)
    rig.receive(make_answer(sent, 486))
    assert rig.receive(make_answer(sent, 486)) == []
    assert rig.events == [MessageDiscarded(PEER, Reason.STRAY_RESPONSE)]
    assert len(rig.agent.told) == 1


def test_2xx_to_invite_that_comes_again_is_told_again(rig: Rig) -> None:
    sent = send(rig)
    assert rig.receive(make_answer(sent, 200)) == []
    assert rig.receive(make_answer(sent, 200), 20.0) == []
    assert rig.agent.told == ["200 of INVITE z9hG4bKT1 1", "200 of INVITE z9hG4bKT1 20"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"SIP/2.0 200", b"SIP/2.0 x"),
        (b"CSeq: 1 ", b"CSeq: x "),
        (b"Via: ", b"Via: SIP/2.0/TCP x;branch=y, "),
        (b"From: ", b"Via: SIP/2.0/TCP x\r\nFrom: "),
        (b"z9hG4bKT1", b"z9hG4bKT2"),
        (b"1 INVITE", b"1 OPTIONS"),
    ],
)
def test_answer_that_belongs_to_nothing_is_a_stray(rig: Rig, old: bytes, new: bytes) -> None:
    answer = make_answer(send(rig), 200)
    assert rig.receive(answer.replace(old, new)) == []
    assert rig.events == [MessageDiscarded(PEER, Reason.STRAY_RESPONSE)]
    assert rig.agent.told == []
    assert rig.endpoint.close_reason is None


# --- ACK and CANCEL


@pytest.mark.parametrize("status", [302, 486, 600])
def test_failure_of_invite_is_acknowledged_hop_by_hop(rig: Rig, status: int) -> None:
    sent = send(rig)
    [ack] = rig.receive(make_answer(sent, status))
    assert isinstance(ack, Request)
    assert (ack.method, ack.raw_uri, ack.cseq) == ("ACK", sent.uri, (1, "ACK"))
    assert ack.headers.rows("via") == [sent.via]
    assert ack.headers.rows("to") == [TO + ";tag=t9"]
    assert rig.agent.told == [f"{status} of INVITE z9hG4bKT1 1"]


def test_failure_with_a_nul_in_its_to_is_acknowledged_with_it(rig: Rig) -> None:
    [ack] = rig.receive(make_answer(send(rig), 486, to='"\\\0" <sip:a@b>;tag=1'))
    assert isinstance(ack, Request)
    assert ack.headers.rows("to") == ['"\\\0" <sip:a@b>;tag=1']


def test_failure_without_a_to_cannot_be_acknowledged_but_counts(rig: Rig) -> None:
    assert rig.receive(make_answer(send(rig), 486, to="")) == []
    assert len(rig.agent.told) == 1


@pytest.mark.parametrize(("method", "status"), [("INVITE", 180), ("INVITE", 200), ("BYE", 481)])
def test_other_answers_are_not_acknowledged_by_the_transaction(rig: Rig, method: str, status: int) -> None:
    assert rig.receive(make_answer(send(rig, method), status)) == []


def test_send_unanswered_opens_no_transaction(rig: Rig) -> None:
    octets = rig.endpoint.send_unanswered(make_request("ACK"))
    rig.endpoint.send_again(octets)
    assert rig.endpoint.data_to_send() == [octets, octets]
    assert b"branch=z9hG4bKT1" in octets
    rig.endpoint.handle_deadline(100.0)
    assert rig.agent.told == []


def test_send_cancel_shares_the_branch_and_has_answers_of_its_own(rig: Rig) -> None:
    sent = send(rig)
    rig.receive(make_answer(sent, 180))
    rig.endpoint.send_cancel(sent, rig.agent, 1.0)
    [cancel] = rig.said()
    assert isinstance(cancel, Request)
    assert (cancel.method, cancel.cseq, cancel.headers.rows("via")) == ("CANCEL", (1, "CANCEL"), [sent.via])
    rig.receive(make_answer(sent, 200, method="CANCEL"))
    [ack] = rig.receive(make_answer(sent, 487))
    assert isinstance(ack, Request)
    assert rig.agent.told[1:] == ["200 of CANCEL z9hG4bKT1 1", "487 of INVITE z9hG4bKT1 1"]


def test_invite_whose_cancel_brings_no_final_answer_ends_after_64_t1(rig: Rig) -> None:
    sent = send(rig)
    rig.receive(make_answer(sent, 180))
    rig.endpoint.send_cancel(sent, rig.agent, 10.0)
    rig.receive(make_answer(sent, 200, method="CANCEL"), 10.0)
    assert rig.endpoint.next_deadline() == 42.0
    rig.endpoint.handle_deadline(42.0)
    assert rig.agent.told[-1] == "timed-out of INVITE z9hG4bKT1 42"


# --- no answer


@pytest.mark.parametrize("method", ["INVITE", "BYE"])
def test_request_without_an_answer_times_out(rig: Rig, method: str) -> None:
    send(rig, method, now=2.0)
    assert rig.endpoint.next_deadline() == 34.0
    rig.endpoint.handle_deadline(33.9)
    assert rig.agent.told == []
    rig.endpoint.handle_deadline(34.0)
    assert rig.agent.told == [f"timed-out of {method} z9hG4bKT1 34"]
    rig.endpoint.connection_lost(35.0)
    assert rig.agent.told[1:] == ["lost 35"]


def test_connection_lost_is_told_to_every_sender_first_and_once(rig: Rig) -> None:
    ringing = send(rig)
    rig.receive(make_answer(ringing, 180))
    done = send(rig, "OPTIONS")
    rig.receive(make_answer(done, 200))
    send(rig, "BYE")
    rig.agent.told.clear()
    rig.endpoint.connection_lost(5.0)
    assert rig.agent.told == [
        "connection-lost of BYE z9hG4bKT3 5",
        "connection-lost of INVITE z9hG4bKT1 5",
        "lost 5",
    ]
    rig.endpoint.handle_deadline(100.0)
    assert len(rig.agent.told) == 3


def test_drain_waits_for_answers(rig: Rig) -> None:
    sent = send(rig, "BYE")
    rig.endpoint.begin_drain(1.0)
    assert rig.endpoint.next_deadline() == 32.0
    rig.receive(make_answer(sent, 200), 2.0)
    assert rig.endpoint.next_deadline() == 2.25
    rig.endpoint.handle_deadline(2.25)
    assert rig.endpoint.close_reason is CloseReason.DRAINED
