import pytest

from callrouter.caller.target import Target, UnusableTarget, parse_target
from callrouter.wire import Transport

TCP, TLS = Transport.TCP, Transport.TLS


@pytest.mark.parametrize(
    ("uri", "default", "host", "port", "transport"),
    [
        ("sip:2001@mbx1.example.com:5062;transport=Tcp", TCP, "mbx1.example.com", 5062, TCP),
        ("sip:2001@mbx1.example.com:5062;transport=TCP", TLS, "mbx1.example.com", 5062, TCP),
        ("sip:2001@mbx1.example.com:5063;transport=Tls", TCP, "mbx1.example.com", 5063, TLS),
        ("sip:2001@mbx1.example.com", TCP, "mbx1.example.com", 5060, TCP),
        ("sip:2001@mbx1.example.com", TLS, "mbx1.example.com", 5061, TLS),
        ("sips:2001@mbx1.example.com", TCP, "mbx1.example.com", 5061, TLS),
        ("sips:2001@mbx1.example.com:5063;transport=tcp", TCP, "mbx1.example.com", 5063, TLS),
        ("sip:2001@[2001:db8::1]:5062", TCP, "2001:db8::1", 5062, TCP),
        ("sip:2001@example.com;maddr=192.0.2.7", TCP, "192.0.2.7", 5060, TCP),
        ("sip:2001@example.com:5070;maddr=[2001:db8::7]", TCP, "2001:db8::7", 5070, TCP),
    ],
)
def test_target_is_where_the_uri_says(uri: str, default: Transport, host: str, port: int, transport: Transport) -> None:
    assert parse_target(uri, default) == Target(uri, host, port, transport)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("tel:+14255550100", "only sip and sips URIs can be called"),
        ("mailto:a@example.com", "only sip and sips URIs can be called"),
        ("sip:2001@mbx1.example.com;transport=udp", "it asks for UDP"),
        ("sip:2001@mbx1.example.com;transport=ws", "it asks for WS"),
        ("sips:2001@mbx1.example.com;transport=sctp", "it asks for SCTP"),
        ("sip:2001@mbx1.example.com;transport=%74cp", "it asks for %74CP"),
        ("sip:2001@mbx1.example.com;transport=[x]", "it asks for another transport"),
        ("sip:2001@mbx1.example.com;maddr=a:5", "its maddr is no host"),
        ("sip:2001@mbx1.example.com;maddr=a%20b", "its maddr is no host"),
        ("sip:", "it cannot be read: not a host name or address"),
        ("*", "it cannot be read: not a URI"),
    ],
)
def test_target_that_cannot_be_called_says_why(uri: str, why: str) -> None:
    with pytest.raises(UnusableTarget) as caught:
        parse_target(uri)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    ("uri", "request_uri"),
    [
        ("sip:a;b?c@Host;method=INVITE;Transport=TCP?Subject=x", "sip:a;b?c@Host;Transport=TCP"),
        ("sip:a:secret@host;METHOD=BYE", "sip:a:secret@host"),
        ("sip:host?Subject=x", "sip:host"),
        ("sip:host;;maddr=192.0.2.1", "sip:host;;maddr=192.0.2.1"),
    ],
)
def test_target_keeps_the_uri_as_written_but_for_method_and_headers(uri: str, request_uri: str) -> None:
    assert parse_target(uri).uri == request_uri


def test_target_takes_the_headers_that_a_uri_may_ask_for() -> None:
    headers = "Subject=next%20meeting&x-two=2&s=compact&History-Info=%3Csip:a%40b%3E"
    assert parse_target(f"sip:a@host?{headers}").headers == (
        ("Subject", "next meeting"),
        ("x-two", "2"),
        ("Subject", "compact"),
        ("History-Info", "<sip:a@b>"),
    )


REFUSED = [
    *("From=%3Csip:x%40y%3E", "f=%3Csip:x%40y%3E", "Via=x", "v=x", "Route=%3Csip:x%3E", "CSeq=9", "Content-Length=9"),
    *("l=9", "User-Agent=x", "Require=x", "body=x", "a%20b=c", "x", "Subject=a%0D%0AX:%20y", "Subject=%00"),
]


@pytest.mark.parametrize("header", REFUSED)
def test_target_refuses_the_headers_that_a_uri_must_not_ask_for(header: str) -> None:
    assert parse_target(f"sip:a@host?{header}").headers == ()


def test_target_address_has_brackets_around_ipv6() -> None:
    assert parse_target("sip:[2001:db8::1]").address == "[2001:db8::1]:5060"
    assert parse_target("sips:host").address == "host:5061"
