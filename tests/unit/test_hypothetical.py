import pytest

from callrouter.hypothetical import (
    HypotheticalCall,
    UnusableCall,
    build_invite,
    build_peer,
    mend_message,
    read_request,
)
from callrouter.sip.limits import MessageLimits
from callrouter.sip.validate import validate
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_octets

LIMITS = MessageLimits()
PEER = Peer("192.0.2.7", 5060, local_address="192.0.2.1", local_port=5060)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("192.0.2.7", ("192.0.2.7", 5060, "127.0.0.1", 5060)),
        ("192.0.2.7:40000", ("192.0.2.7", 40000, "127.0.0.1", 5060)),
        ("2001:DB8::7", ("2001:db8::7", 5060, "::1", 5060)),
        ("[2001:db8::7]", ("2001:db8::7", 5060, "::1", 5060)),
        ("[2001:db8::7]:40000", ("2001:db8::7", 40000, "::1", 5060)),
        ("::ffff:192.0.2.7", ("192.0.2.7", 5060, "127.0.0.1", 5060)),
    ],
)
def test_build_peer_reads_addresses_with_and_without_a_port(address: str, expected: tuple[str, int, str, int]) -> None:
    peer = build_peer(address, Transport.TCP)
    assert (peer.address, peer.port, peer.local_address, peer.local_port) == expected


def test_build_peer_over_tls_has_the_certificate_and_reaches_the_listening_port() -> None:
    peer = build_peer("192.0.2.7", Transport.TLS, ("GW.test",), "192.0.2.1", 15061)
    assert (peer.local_address, peer.local_port) == ("192.0.2.1", 15061)
    assert peer.certificate == PeerCertificate(("gw.test",))
    assert build_peer("192.0.2.7", Transport.TLS).certificate is None
    assert build_peer("192.0.2.7", Transport.TLS).local_port == 5061


@pytest.mark.parametrize("text", ["", "gw.test", "192.0.2.7:0", "192.0.2.300", "[::1", "fe80::1%eth0", "1.2.3.4\r\n"])
def test_build_peer_of_no_numeric_address_is_unusable(text: str) -> None:
    with pytest.raises(UnusableCall):
        build_peer(text, Transport.TCP)


def test_build_peer_with_a_certificate_over_tcp_is_unusable() -> None:
    with pytest.raises(UnusableCall, match="over TLS only"):
        build_peer("192.0.2.7", Transport.TCP, ("gw.test",))


@pytest.mark.parametrize(
    ("called", "uri"),
    [
        ("4000", "sip:4000@192.0.2.1"),
        ("+1-555#", "sip:+1-555%23@192.0.2.1"),
        ("alice@lab.test:5070", "sip:alice@lab.test:5070"),
        ("tel:+1555", "tel:+1555"),
        ("sips:4000@h;x=y", "sips:4000@h;x=y"),
    ],
)
def test_build_invite_makes_a_uri_of_what_is_called(called: str, uri: str) -> None:
    request = read_request(build_invite(HypotheticalCall(called), PEER), LIMITS)
    assert (request.method, request.raw_uri) == ("INVITE", uri)
    assert request.headers.get("to") == f"<{uri}>"
    assert validate(request, LIMITS) == ()


def test_build_invite_over_ipv6_brackets_its_hosts() -> None:
    peer = Peer("2001:db8::7", 40000, local_address="2001:db8::1")
    request = read_request(build_invite(HypotheticalCall("4000", "1"), peer), LIMITS)
    assert request.raw_uri == "sip:4000@[2001:db8::1]"
    assert request.headers.get("from") == "<sip:1@[2001:db8::7]>;tag=caller"
    assert validate(request, LIMITS) == ()


@pytest.mark.parametrize(
    ("calling", "value"),
    [
        ("", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=caller'),
        ("1234", "<sip:1234@192.0.2.7>;tag=caller"),
        ('"A" <sip:a@b>', '"A" <sip:a@b>;tag=caller'),
        ("<sip:a@b>;tag=x", "<sip:a@b>;tag=x"),
    ],
)
def test_build_invite_says_who_calls(calling: str, value: str) -> None:
    request = read_request(build_invite(HypotheticalCall("4000", calling), PEER), LIMITS)
    assert request.headers.get("from") == value


def test_build_invite_writes_diversions_and_history_in_their_order() -> None:
    call = HypotheticalCall(
        "4000", "1", ("2001", "<sip:2002@h>;reason=user-busy", "sip:3@h;reason=x"), ("2001?Reason=SIP;index=1",), "c@h"
    )
    request = read_request(build_invite(call, PEER), LIMITS)
    assert request.headers.rows("diversion") == [
        "<sip:2001@192.0.2.1>",
        "<sip:2002@h>;reason=user-busy",
        "<sip:3@h>;reason=x",
    ]
    assert request.headers.rows("history-info") == ["<sip:2001@192.0.2.1?Reason=SIP>;index=1"]
    assert request.call_id == "c@h"


@pytest.mark.parametrize(
    "call",
    [
        HypotheticalCall(""),
        HypotheticalCall("4 000"),
        HypotheticalCall("4\r\nX: y"),
        HypotheticalCall("4000", "a\r\nX: y"),
        HypotheticalCall("4000", diversions=("2001\n",)),
        HypotheticalCall("4000", call_id="a\0b"),
        HypotheticalCall("4000", "\ud800"),
    ],
)
def test_build_invite_of_what_no_message_can_hold_is_unusable(call: HypotheticalCall) -> None:
    with pytest.raises(UnusableCall):
        build_invite(call, PEER)


def test_mend_message_leaves_a_whole_message_as_it_is() -> None:
    octets = make_octets(body=b"v=0\nx", Content_Type="application/sdp")
    assert mend_message(octets) == octets


def test_mend_message_of_a_text_file_is_the_message_that_was_meant() -> None:
    octets = make_octets(body=b"v=0\r\n", Content_Type="application/sdp")
    assert mend_message(b"\n\n" + octets.replace(b"\r\n", b"\n")) == octets
    assert mend_message(make_octets().rstrip().replace(b"\r\n", b"\n") + b"\n") == make_octets()


def test_mend_message_counts_a_body_that_nobody_counted() -> None:
    octets = make_octets(body=b"v=0\r\n", Content_Type="application/sdp", Content_Length=None)
    request = read_request(mend_message(octets), LIMITS)
    assert (request.headers.get("content-length"), request.body) == ("5", b"v=0\r\n")


def test_read_request_passes_over_keep_alives() -> None:
    assert read_request(b"\r\n\r\n" + make_octets(), LIMITS).method == "INVITE"


@pytest.mark.parametrize(
    ("octets", "problem"),
    [
        (b"", "there is no message"),
        (b"\r\n\r\n", "there is no message"),
        (b"\x16\x03\x01\x00\r\n\r\n", "what came is not SIP"),
        (b"SIP/2.0 200 OK\r\nVia: x\r\n\r\n", "is a response"),
        (make_octets(Content_Length="7"), "the body is shorter"),
        (make_octets(Content_Length="x"), "Malformed Content-Length"),
        (make_octets(Subject="x" * 70_000), "larger than limits.max_head_bytes"),
    ],
)
def test_read_request_of_no_whole_request_is_unusable(octets: bytes, problem: str) -> None:
    with pytest.raises(UnusableCall, match=problem):
        read_request(octets, LIMITS)
