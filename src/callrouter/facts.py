"""RequestFacts: the only bridge from SIP to policy words. What a decision may look at is here; nothing else is."""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, TypeAlias

from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import is_host_name
from callrouter.sip.message import Request
from callrouter.sip.uri import SipUri, TelUri, Uri, parse_host_port
from callrouter.wire import Peer, Transport

IPAddress: TypeAlias = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class CallerFacts:
    """What stays the same for every request of one connection."""

    address: IPAddress
    identities: tuple[str, ...] | None
    """The names that the peer's certificate proves, lower case; None where it showed no certificate."""
    transport: Transport
    local_address: str
    """Where the caller reached the router."""
    local_port: int


class RequestFacts(NamedTuple):
    """One request in policy words. A tuple, because one is made for every call."""

    caller: CallerFacts
    request_uri: Uri
    called: str
    """The user part of the Request-URI octet for octet, or the number of a tel URI; "" where there is none."""
    call_id: str
    is_sips: bool = False
    maddr: str = ""
    """The maddr of the Request-URI where it is a host, else ""."""


def gather_caller_facts(peer: Peer) -> CallerFacts:
    """The facts of a connection."""
    identities = None if peer.certificate is None else peer.certificate.identities
    return CallerFacts(ip_address(peer.address), identities, peer.transport, peer.local_address, peer.local_port)


def gather_facts(request: Request, caller: CallerFacts) -> RequestFacts:
    """The facts of a request that `validate` found sound.

    Raises:
        UriError: the Request-URI cannot be read; not after validation.
    """
    uri = request.uri
    if isinstance(uri, SipUri):
        maddr = _safe_host(uri.param("maddr")) if uri.params else ""
        return RequestFacts(caller, uri, uri.user, request.call_id, uri.scheme == "sips", maddr)
    return RequestFacts(caller, uri, uri.digits if isinstance(uri, TelUri) else "", request.call_id)


def _safe_host(raw: str | None) -> str:
    """A host that may be repeated in a Contact, or ""."""
    if not raw:
        return ""
    if is_host_name(raw):
        return raw
    try:
        parse_host_port(raw)
    except MalformedError:
        return ""
    return raw
