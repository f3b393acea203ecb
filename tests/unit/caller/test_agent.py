import pytest

from callrouter.reason import Reason
from callrouter.sip.request import OutgoingRequest
from callrouter.telemetry import MessageDiscarded
from callrouter.ua.outgoing import OutgoingCall
from callrouter.ua.proposal import Proposal
from tests.unit.ua.outgoing_rig import MEDIA, Owner, Rig, value


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("OPTIONS", 200),
        ("REGISTER", 405),
        ("FROBNICATE", 501),
        ("BYE", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("INFO", 481),
    ],
)
def test_agent_outside_of_a_dialog_answers_only_options(method: str, status: int) -> None:
    rig = Rig()
    octets = (
        f"{method} sip:192.0.2.1:40000 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5065;branch=z9hG4bKo\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:x@y>;tag=x\r\nTo: <sip:192.0.2.1>\r\n"
        f"Call-ID: o1\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    )
    rig.endpoint.receive_data(octets.encode(), 1.0)
    [answer] = rig.sent()
    assert value(answer, "cseq") == f"1 {method}"
    assert answer.start_line.split(" ")[1] == str(status)  # type: ignore[union-attr]
    assert ("allow" in answer.headers) == (status in (200, 405, 501))


def test_agent_takes_no_calls() -> None:
    rig = Rig()
    octets = (
        "INVITE sip:192.0.2.1:40000 SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5065;branch=z9hG4bKi\r\nMax-Forwards: 70\r\n"
        "From: <sip:x@y>;tag=x\r\nTo: <sip:192.0.2.1>\r\nCall-ID: i1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    rig.endpoint.receive_data(octets.encode(), 1.0)
    [answer] = rig.sent()
    assert "INVITE" not in value(answer, "allow")


@pytest.mark.parametrize("method", ["INVITE", "BYE", "OPTIONS"])
def test_agent_refuses_what_is_inside_of_no_dialog_of_ours(method: str) -> None:
    rig = Rig()
    rig.establish()
    [answer] = rig.receive_request(method, tag="other")
    assert answer.status == (200 if method == "OPTIONS" else 481)


def test_agent_passes_requests_to_their_call() -> None:
    rig = Rig()
    rig.establish()
    assert [answer.status for answer in rig.receive_request("INFO")] == [200]


def test_agent_discards_an_ack_that_is_no_calls() -> None:
    rig = Rig()
    rig.receive_request("ACK", tag="other")
    assert MessageDiscarded(rig.endpoint.peer, Reason.ACK_UNMATCHED) in rig.events


def test_agent_drained_hangs_up() -> None:
    rig = Rig()
    rig.establish()
    assert rig.agent.is_busy()
    rig.endpoint.begin_drain(3.0)
    [bye] = rig.requests()
    assert bye.method == "BYE"
    rig.receive(200, of=bye, now=3.1)
    assert not rig.agent.is_busy()


def test_agent_sweeps_out_calls_that_are_over() -> None:
    rig = Rig()
    rig.receive(404)
    for number in range(200):
        call = OutgoingCall(rig.endpoint, Proposal(MEDIA), Owner(), rig.events.append)
        invite = OutgoingRequest("INVITE", "sip:a@b", "<sip:c@d>;tag=f1", "<sip:a@b>", f"n{number}", 1)
        call.begin(invite, 1.0)
        rig.agent.place(call)
        [sent] = rig.requests()
        rig.receive(404, of=sent)
    assert len(rig.agent._calls) <= 64
    assert not rig.agent.is_busy()
