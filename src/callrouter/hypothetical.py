"""Calls that nobody made: what a person says of a call becomes a Peer and a SIP message, parsed as any other.

So a hypothetical call goes the way of a real one, from its octets on. Messages from files are mended where an editor or
a clipboard spoilt them: line ends, the empty line, Content-Length. Pure: nothing is read or sent here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Final

from callrouter.sip.errors import FramingError, HeaderError, UriError
from callrouter.sip.framer import PING, Framer
from callrouter.sip.grammar import decode, encode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.parser import parse_head
from callrouter.sip.respond import header_line
from callrouter.sip.uri import parse_host_port
from callrouter.sip.words import ANONYMOUS, address_of, uri_of
from callrouter.wire import Peer, PeerCertificate, Transport

DEFAULT_CALL_ID: Final = "explained@callrouter.invalid"
_SIP_PORT: Final = 5060
_PORTS: Final = {Transport.TCP: 5060, Transport.TLS: 5061}
_END_OF_HEAD = b"\r\n\r\n"
_ANY_NUMBER_OF_HEADERS = 2**31


class UnusableCall(ValueError):  # noqa: N818 - it says what was wrong
    """What was said makes no message that could arrive. The text is one sentence, and may hold what was said."""


@dataclass(frozen=True, slots=True)
class HypotheticalCall:
    """An INVITE in a person's words: every address is a number, a name, user@host, or a URI."""

    called: str
    calling: str = ""
    """"" for an anonymous caller; may be a whole header value with a display name."""
    diversions: tuple[str, ...] = ()
    """Also whole header values, as `<sip:2001@host>;reason=no-answer`; the most recent first."""
    history_info: tuple[str, ...] = ()
    """Also whole header values, the oldest first."""
    call_id: str = DEFAULT_CALL_ID


def build_peer(
    address: str, transport: Transport, certificate: Sequence[str] = (), local: str = "", listening_port: int = 0
) -> Peer:
    """The far end of a connection.

    address, local: numeric, with or without a port; IPv6 with a port in brackets. local: where the router was reached,
    "" for this host, at listening_port where it names none (0: the usual one). certificate: the names that the caller's
    certificate proves; without one it showed none.

    Raises:
        UnusableCall: an address is none, or certificate names without TLS.
    """
    if certificate and transport is not Transport.TLS:
        raise UnusableCall("a certificate is shown over TLS only")
    host, port = _parse_endpoint(address, _SIP_PORT)
    own = local or ("::1" if ":" in host else "127.0.0.1")
    local_host, local_port = _parse_endpoint(own, listening_port or _PORTS[transport])
    proved = PeerCertificate(tuple(name.lower() for name in certificate)) if certificate else None
    return Peer(host, port, transport, local_host, local_port, proved)


def _parse_endpoint(text: str, default_port: int) -> tuple[str, int]:
    """Address and port of `192.0.2.7`, `192.0.2.7:5060`, `2001:db8::7` or `[2001:db8::7]:5060`."""
    port: int | None = None
    host = text
    try:
        if not text.count(":") > 1 or text.startswith("["):
            host, port = parse_host_port(text)
        address = ip_address(host)
    except (UriError, ValueError) as error:
        raise UnusableCall(f"{text} is no numeric address with or without a port") from error
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            raise UnusableCall(f"{text} has a zone; leave it out")
        address = address.ipv4_mapped or address
    return str(address), default_port if port is None else port


def build_invite(call: HypotheticalCall, peer: Peer) -> bytes:
    """The message with which the call would begin.

    Raises:
        UnusableCall: what was said cannot stand in a message.
    """
    if not call.called or any(character.isspace() or character == "\0" for character in call.called):
        raise UnusableCall("the called party is no number and no URI: it is empty or holds white space")
    here = f"[{peer.local_address}]" if ":" in peer.local_address else peer.local_address
    there = f"[{peer.address}]" if ":" in peer.address else peer.address
    called = uri_of(call.called, here)
    calling = _calling_value(call.calling, there)
    rows = [
        ("Via", f"SIP/2.0/{peer.transport} {peer};branch=z9hG4bKexplained"),
        ("Max-Forwards", "70"),
        ("From", calling if ";tag=" in calling else f"{calling};tag=caller"),
        ("To", f"<{called}>"),
        ("Call-ID", call.call_id),
        ("CSeq", "1 INVITE"),
        *(("Diversion", address_of(each, here)) for each in call.diversions),
        *(("History-Info", address_of(each, here)) for each in call.history_info),
        ("Content-Length", "0"),
    ]
    try:
        head = "".join([f"INVITE {called} SIP/2.0\r\n", *(header_line(name, value) for name, value in rows)])
        return encode(f"{head}\r\n")
    except HeaderError as error:
        raise UnusableCall("a line end cannot stand in a header field") from error
    except UnicodeEncodeError as error:
        raise UnusableCall("what was said is not text that could be sent") from error


def _calling_value(text: str, host: str) -> str:
    if not text:
        return ANONYMOUS
    return text if "<" in text else f"<{uri_of(text, host)}>"


def mend_message(octets: bytes) -> bytes:
    """A message from a file or a clipboard as it would be on the wire; one that is whole comes back as it is.

    Where no line ends in CRLF every LF becomes one; empty lines before it go, the one after the head is added, and so
    is a Content-Length where a body has none.
    """
    if b"\r\n" not in octets:
        octets = octets.replace(b"\n", b"\r\n")
    octets = octets.lstrip(b"\r\n")
    if _END_OF_HEAD not in octets:
        octets = octets.rstrip(b"\r\n") + _END_OF_HEAD
    head, _, body = octets.partition(_END_OF_HEAD)
    headers = parse_head(decode(head), _ANY_NUMBER_OF_HEADERS).headers
    if "content-type" in headers and "content-length" not in headers:
        head += b"\r\nContent-Length: %d" % len(body)
    return head + _END_OF_HEAD + body


def read_request(octets: bytes, limits: MessageLimits) -> Request:
    """The first request in these octets, read as a connection reads it.

    Raises:
        UnusableCall: there is no whole message, no request, or the connection would be lost.
    """
    framer = Framer(limits)
    framer.receive_data(octets)
    try:
        frame = framer.next_frame()
        while frame is PING:
            frame = framer.next_frame()
    except FramingError as error:
        problem = f"the message cannot be followed: {error.detail} ({error.status}, and the connection is closed)"
        raise UnusableCall(problem) from error
    if isinstance(frame, Request):
        return frame
    if frame is None:
        is_cut = framer.is_mid_message
        raise UnusableCall("the body is shorter than Content-Length says" if is_cut else "there is no message")
    raise UnusableCall("the message is a response; the router drops it")
