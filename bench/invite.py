"""The call that the bench places: prepared bytes in which only Call-ID, branch, From tag and Diversion vary.

A call is named by one number in hexadecimal of fixed width, and that name stands in every field but the Diversion; so
an answer is matched by one search for `CALL_MARK` and one dictionary look-up, with no header parsed. It is a call that
somebody did not answer: the Diversion says whose voice mail it is for, another user's at every call, and a directory
with dial plans decides it by that number. What the message holds follows RFC 3261 8.1.1 and what a gateway in front of
Exchange UM sends; nothing here opens a socket.
"""

from dataclasses import dataclass

CALL_MARK = b"cr-bench-"
CALL_NAME_LENGTH = len(CALL_MARK) + 14
PILOT = "4000"
"""The number that is called."""
EXTENSION_DIGITS = 6

_STRIDE = 7919
"""From one call's user to the next one's; a prime, so that all have their turn."""

_SDP = (
    b"v=0\r\n"
    b"o=gateway 53655765 2353687637 IN IP4 127.0.0.1\r\n"
    b"s=-\r\n"
    b"c=IN IP4 127.0.0.1\r\n"
    b"t=0 0\r\n"
    b"m=audio 30000 RTP/AVP 0 8 101\r\n"
    b"a=rtpmap:0 PCMU/8000\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\n"
)

# `%%b` survives the first formatting (the connection's own values) and takes the call's name in the second.
_INVITE = (
    b"INVITE sip:4000@router.example.test:%(router_port)d;transport=%(scheme)b SIP/2.0\r\n"
    b"Via: SIP/2.0/%(transport)b 127.0.0.1:%(local_port)d;branch=z9hG4bK%%b\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Gateway" <sip:+15551234567@127.0.0.1>;tag=%%b\r\n'
    b"To: <sip:4000@router.example.test>\r\n"
    b"Call-ID: %%b\r\n"
    b"CSeq: 1 INVITE\r\n"
    b"Diversion: <sip:%%b@127.0.0.1>;reason=no-answer\r\n"
    b"Contact: <sip:gateway@127.0.0.1:%(local_port)d;transport=%(scheme)b>\r\n"
    b"Allow: INVITE, ACK, CANCEL, OPTIONS, BYE\r\n"
    b"Supported: replaces, timer\r\n"
    b"User-Agent: callrouter-bench\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: %(body_length)d\r\n"
    b"\r\n"
)

# The To of the answer, with its tag, goes where the third `%%b` stands (RFC 3261 17.1.1.3).
_ACK = (
    b"ACK sip:4000@router.example.test:%(router_port)d;transport=%(scheme)b SIP/2.0\r\n"
    b"Via: SIP/2.0/%(transport)b 127.0.0.1:%(local_port)d;branch=z9hG4bK%%b\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Gateway" <sip:+15551234567@127.0.0.1>;tag=%%b\r\n'
    b"To: %%b\r\n"
    b"Call-ID: %%b\r\n"
    b"CSeq: 1 ACK\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)


@dataclass(frozen=True, slots=True)
class CallTemplate:
    """The two requests of a call on one connection, ready for `%` formatting.

    invite: takes the call's name three times, then the extension that did not answer. ack: takes name, name, the value
    of the answer's To, name.
    """

    invite: bytes
    ack: bytes


def build_call_template(*, tls: bool, router_port: int, local_port: int) -> CallTemplate:
    """Prepare the requests that a connection from `local_port` to `router_port` sends."""
    values = {
        b"router_port": router_port,
        b"local_port": local_port,
        b"transport": b"TLS" if tls else b"TCP",
        b"scheme": b"tls" if tls else b"tcp",
        b"body_length": len(_SDP),
    }
    return CallTemplate(invite=_INVITE % values + _SDP, ack=_ACK % values)


def build_call_name(connection: int, call: int) -> bytes:
    """Name the `call`th call of a connection: `CALL_NAME_LENGTH` octets, unlike any other's in the run."""
    return b"%b%04x-%09x" % (CALL_MARK, connection, call)


def list_extensions(users: int) -> list[bytes]:
    """The extensions of so many users, in the order in which one call after another is diverted from them."""
    return [b"%0*d" % (EXTENSION_DIGITS, number * _STRIDE % users) for number in range(users)]
