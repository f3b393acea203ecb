import pytest

from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.validate import validate

INVITE = OutgoingRequest(
    "INVITE",
    "sip:100@mbx.example.com:5065;transport=Tcp",
    "<sip:caller@gw.example.com>;tag=f1",
    "<sip:100@mbx.example.com>",
    "c1@gw.example.com",
    7,
    ("<sip:p1.example.com;lr>", "<sip:p2.example.com;lr>"),
    "Contact: <sip:gw.example.com>\r\nContent-Type: application/sdp\r\n",
    b"v=0\r\n",
).with_via("TLS", "192.0.2.10:40000", "t1")


def read(octets: bytes) -> Request:
    framer = Framer(MessageLimits())
    framer.receive_data(octets)
    request = framer.next_frame()
    assert isinstance(request, Request)
    assert framer.next_frame() is None
    assert not framer.is_mid_message
    return request


def test_build_writes_every_line_once_and_in_order() -> None:
    assert INVITE.build() == (
        b"INVITE sip:100@mbx.example.com:5065;transport=Tcp SIP/2.0\r\n"
        b"Via: SIP/2.0/TLS 192.0.2.10:40000;rport;branch=z9hG4bKt1\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1.example.com;lr>\r\n"
        b"Route: <sip:p2.example.com;lr>\r\n"
        b"From: <sip:caller@gw.example.com>;tag=f1\r\n"
        b"To: <sip:100@mbx.example.com>\r\n"
        b"Call-ID: c1@gw.example.com\r\n"
        b"CSeq: 7 INVITE\r\n"
        b"Contact: <sip:gw.example.com>\r\n"
        b"Content-Type: application/sdp\r\n"
        b"Content-Length: 5\r\n"
        b"\r\n"
        b"v=0\r\n"
    )


def test_build_is_sound_by_our_own_judgement() -> None:
    request = read(INVITE.build())
    assert validate(request, MessageLimits()) == ()
    assert request.body == b"v=0\r\n"


def test_with_via_names_the_transaction() -> None:
    assert INVITE.branch == "z9hG4bKt1"
    assert INVITE.with_via("TCP", "[2001:db8::1]:5060", "t2").via == (
        "SIP/2.0/TCP [2001:db8::1]:5060;rport;branch=z9hG4bKt2"
    )


def test_hop_ack_is_of_the_transaction_and_has_the_to_of_the_answer() -> None:
    assert INVITE.hop_ack("<sip:100@mbx.example.com>;tag=t9").build() == (
        b"ACK sip:100@mbx.example.com:5065;transport=Tcp SIP/2.0\r\n"
        b"Via: SIP/2.0/TLS 192.0.2.10:40000;rport;branch=z9hG4bKt1\r\n"
        b"Max-Forwards: 70\r\n"
        b"Route: <sip:p1.example.com;lr>\r\n"
        b"Route: <sip:p2.example.com;lr>\r\n"
        b"From: <sip:caller@gw.example.com>;tag=f1\r\n"
        b"To: <sip:100@mbx.example.com>;tag=t9\r\n"
        b"Call-ID: c1@gw.example.com\r\n"
        b"CSeq: 7 ACK\r\n"
        b"Content-Length: 0\r\n"
        b"\r\n"
    )


def test_cancel_differs_from_its_invite_by_method_and_body_only() -> None:
    cancel = read(INVITE.cancel().build())
    invite = read(INVITE.build())
    assert (cancel.method, cancel.cseq, cancel.body) == ("CANCEL", (7, "CANCEL"), b"")
    assert cancel.raw_uri == invite.raw_uri
    for name in ("via", "route", "from", "to", "call-id", "max-forwards"):
        assert cancel.headers.rows(name) == invite.headers.rows(name)
    assert "contact" not in cancel.headers
    assert "content-type" not in cancel.headers


@pytest.mark.parametrize("uri", ["", "sip:a b@c", "sip:a@b\r\nX: y", "sip:\u00e9@b", "<sip:a@b>"])
def test_build_with_what_is_no_uri_raises_uri_error(uri: str) -> None:
    with pytest.raises(UriError):
        OutgoingRequest("BYE", uri, "<sip:a@b>;tag=1", "<sip:c@d>;tag=2", "c1", 1).build()


@pytest.mark.parametrize("method", ["", "IN VITE", "BYE\r\nX: y"])
def test_build_with_what_is_no_method_raises_header_error(method: str) -> None:
    with pytest.raises(HeaderError):
        OutgoingRequest(method, "sip:a@b", "<sip:a@b>;tag=1", "<sip:c@d>;tag=2", "c1", 1).build()


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("end", ["\r", "\n", "\r\nContact: <sip:x@y>"])
def test_build_with_a_line_end_in_a_value_raises_header_error(place: int, end: str) -> None:
    values = ["<sip:a@b>;tag=1", "<sip:c@d>;tag=2", "c1", "<sip:p;lr>"]
    values[place] += end
    from_, to, call_id, route = values
    with pytest.raises(HeaderError):
        OutgoingRequest("BYE", "sip:a@b", from_, to, call_id, 1, (route,)).build()


def test_build_copies_octets_of_the_peer_that_only_a_quoted_pair_may_hold() -> None:
    # RFC 4475 3.1.1.2 has a NUL in a display name: what came in such a From goes out in our To.
    request = OutgoingRequest("BYE", "sip:a@b", "<sip:a@b>;tag=1", '"NUL:\\\0 \udcff" <sip:c@d>;tag=2', "c1", 1)
    assert b'To: "NUL:\\\0 \xff" <sip:c@d>;tag=2\r\n' in request.build()
    assert validate(read(request.with_via("TCP", "h", "t").build()), MessageLimits()) == ()
