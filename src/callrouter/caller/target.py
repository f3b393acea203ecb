"""Target: where one INVITE goes, read from a URI (RFC 3261 8.1.2, 19.1.1, 19.1.5, 26.2). Pure; no name is looked up.

TCP and TLS are all that is spoken (EXCHANGE-UM A1). Of the ways of RFC 3263 to find a port, the URI's own one and the
usual one are taken; NAPTR and SRV are not asked for.
"""

from dataclasses import dataclass
from typing import Final

from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.grammar import is_token
from callrouter.sip.headers import DISPLAY_NAMES, canonical_name
from callrouter.sip.respond import header_line
from callrouter.sip.uri import SipUri, Uri, parse_host_port, parse_uri, unescape
from callrouter.wire import Transport

USUAL_PORTS: Final = {Transport.TCP: 5060, Transport.TLS: 5061}

OWN_HEADERS: Final = frozenset({
    "allow", "call-id", "contact", "content-length", "content-type", "cseq", "from", "max-forwards", "rack",
    "record-route", "route", "supported", "to", "via",
})  # fmt: skip
"""Header fields, in lower case, that we write ourselves."""

# 19.1.5: what no URI may put into a request of ours, for it would lie about who we are or what the body is.
_REFUSED_HEADERS: Final = OWN_HEADERS | {
    "accept", "accept-encoding", "accept-language", "authorization", "body", "content-disposition", "content-encoding",
    "content-language", "date", "mime-version", "organization", "proxy-authorization", "proxy-require", "require",
    "timestamp", "user-agent",
}  # fmt: skip


class UnusableTarget(ValueError):  # noqa: N818 - STYLE: errors say what was wrong
    """A URI that cannot be called. The text says why, in words of our own."""


@dataclass(frozen=True, slots=True)
class Target:
    """One place to try."""

    uri: str
    """The Request-URI, as it was written, without `method` and headers (8.1.3.4)."""
    host: str
    """Name or numeric address to connect to, without brackets."""
    port: int
    transport: Transport
    headers: tuple[tuple[str, str], ...] = ()
    """(name, value) of header fields that the URI wants in the request."""
    routes: tuple[str, ...] = ()
    """Route values: the proxy of a 305 (21.3.4)."""

    @property
    def address(self) -> str:
        """host:port."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def parsed(self) -> Uri:
        """The Request-URI, read."""
        return parse_uri(self.uri)


def parse_target(raw_uri: str, default: Transport = Transport.TCP) -> Target:
    """Where a URI is called. default: the transport of a sip URI that names none.

    Raises:
        UnusableTarget: it cannot be.
    """
    try:
        uri = parse_uri(raw_uri)
    except UriError as error:
        raise UnusableTarget(f"it cannot be read: {error}") from error
    if not isinstance(uri, SipUri):
        raise UnusableTarget("only sip and sips URIs can be called")
    transport = _transport_of(uri, default)
    host = _host_of(uri)
    return Target(_request_uri(raw_uri), host, uri.port or USUAL_PORTS[transport], transport, _headers_of(uri))


def _transport_of(uri: SipUri, default: Transport) -> Transport:
    named = (uri.param("transport") or "").lower()
    if named not in ("", "tcp", "tls"):
        raise UnusableTarget(f"it asks for {named.upper() if is_token(named) else 'another transport'}")
    if uri.scheme == "sips" or named == "tls":
        return Transport.TLS  # over TCP, whatever sips;transport=tcp says (26.2.2)
    return Transport.TCP if named else default


def _host_of(uri: SipUri) -> str:
    """The host to connect to: maddr overrides that of the URI (19.1.1)."""
    maddr = uri.param("maddr")
    if not maddr:
        return uri.host
    try:
        host, port = parse_host_port(maddr)
    except UriError as error:
        raise UnusableTarget("its maddr is no host") from error
    if port is not None:
        raise UnusableTarget("its maddr is no host")
    return host


def _request_uri(raw_uri: str) -> str:
    userinfo, at, tail = raw_uri.rpartition("@")
    host_port, *params = tail.partition("?")[0].split(";")
    kept = [each for each in params if each.partition("=")[0].lower() != "method"]
    return f"{userinfo}{at}{';'.join([host_port, *kept])}"


def _headers_of(uri: SipUri) -> tuple[tuple[str, str], ...]:
    headers = []
    for each in uri.headers.split("&"):
        raw_name, equals, raw_value = each.partition("=")
        name, value = canonical_name(unescape(raw_name)), unescape(raw_value)
        if equals and name and name not in _REFUSED_HEADERS and _is_sendable(value):
            headers.append((DISPLAY_NAMES.get(name, name), value))
    return tuple(headers)


def _is_sendable(value: str) -> bool:
    try:
        header_line("X", value)
    except HeaderError:
        return False
    return True
