"""RequestFacts: the only bridge from SIP to policy words. What a decision may look at is here; nothing else is.

EXCHANGE-UM A3, rules 6 to 9; B 3.2 and 3.3. A party that cannot be read is a fact too, not an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple, TypeAlias

from callrouter.sip.address import NameAddr, parse_name_addr
from callrouter.sip.diversion import parse_diversions
from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import is_digits, is_host_name
from callrouter.sip.history_info import HistoryEntry, parse_history_info
from callrouter.sip.message import Request
from callrouter.sip.uri import SipUri, TelUri, Uri, parse_host_port, unescape
from callrouter.wire import Peer, Transport

IPAddress: TypeAlias = IPv4Address | IPv6Address

_VISUAL_SEPARATORS = {ord(character): None for character in "-.()"}


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


class Party(NamedTuple):
    """One of the numbers or names of a call."""

    number: str = ""
    """The user part, unescaped once, without parameters and, where it is a number, without visual separators."""
    host: str = ""
    """Lower case; "" for a tel URI."""
    scheme: str = "sip"
    phone_context: str = ""
    """The domain or dial plan that a local number belongs to (RFC 3966 5.1.5), lower case."""

    @property
    def is_anonymous(self) -> bool:
        """A caller that does not say who it is (RFC 3323 4.1)."""
        return self.number.lower() in ("", "anonymous") or self.host == "anonymous.invalid"

    @property
    def is_number(self) -> bool:
        """Digits, with or without a plus."""
        return is_digits(self.number.removeprefix("+"))

    @property
    def address(self) -> str:
        """As user@domain; the number alone where there is no host."""
        return f"{self.number}@{self.host}" if self.host else self.number


class Diverted(NamedTuple):
    """A party that the call was meant for before."""

    party: Party
    reason: str
    """As RFC 5806 writes it: "no-answer", "user-busy", "unconditional", ..."""


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
    called_party: Party = Party()
    calling_party: Party = Party()
    """From; an anonymous one where it cannot be read."""
    diversions: tuple[Diverted, ...] = ()
    """In the order in which they are to be tried (A3, rule 8)."""
    diversion_fault: str = ""
    """Why the diversion information cannot be used; "" where it can, or there is none."""


def gather_caller_facts(peer: Peer) -> CallerFacts:
    """The facts of a connection."""
    identities = None if peer.certificate is None else peer.certificate.identities
    return CallerFacts(ip_address(peer.address), identities, peer.transport, peer.local_address, peer.local_port)


def gather_facts(request: Request, caller: CallerFacts, *, with_parties: bool = True) -> RequestFacts:
    """The facts of a request that `validate` found sound.

    with_parties: False where the directory does not tell calls apart by number, so that nobody asks for the parties.

    Raises:
        UriError: the Request-URI cannot be read; not after validation.
    """
    uri = request.uri
    called, is_sips, maddr = "", False, ""
    if isinstance(uri, SipUri):
        called, is_sips = uri.user, uri.scheme == "sips"
        maddr = _safe_host(uri.param("maddr")) if uri.params else ""
    elif isinstance(uri, TelUri):
        called = uri.digits
    if not with_parties:
        return RequestFacts(caller, uri, called, request.call_id, is_sips, maddr)
    diversions, fault = _gather_diversions(request)
    return RequestFacts(
        caller, uri, called, request.call_id, is_sips, maddr, party_of(uri), _calling_party(request), diversions, fault
    )


def party_of(uri: Uri) -> Party:
    """The party that a URI names."""
    if isinstance(uri, TelUri):
        return Party(uri.digits, "", "tel", _param(uri.params, "phone-context"))
    if isinstance(uri, SipUri):
        # An escaped semicolon is a character of the user, not the end of a number: cut first (RFC 3261 19.1.2).
        raw_number, _, params = uri.user.partition(";")
        plain = unescape(raw_number).translate(_VISUAL_SEPARATORS)
        if is_digits(plain.removeprefix("+")):
            # A telephone-subscriber in the user part carries its own parameters (RFC 3261 19.1.6).
            return Party(plain, uri.host, uri.scheme, _phone_context(params) or _param(uri.params, "phone-context"))
        return Party(unescape(uri.user), uri.host, uri.scheme)
    return Party("", "", uri.scheme)


def _phone_context(params: str) -> str:
    for piece in params.split(";"):
        name, _, value = piece.partition("=")
        if name.lower() == "phone-context":
            return unescape(value).lower()
    return ""


def _param(params: Sequence[tuple[str, str]], wanted: str) -> str:
    for name, value in params:
        if name == wanted:
            return unescape(value).lower()
    return ""


def _calling_party(request: Request) -> Party:
    try:
        return _party_of_address(parse_name_addr(request.headers.get("from") or ""))
    except MalformedError:
        return Party()


def _party_of_address(address: NameAddr) -> Party:
    return party_of(address.uri)


def _gather_diversions(request: Request) -> tuple[tuple[Diverted, ...], str]:
    """The diverted parties and what is wrong with them. Diversion goes before History-Info where a call has both."""
    headers = request.headers
    try:
        if "diversion" in headers:
            found = parse_diversions(headers.rows("diversion"))
            return tuple(Diverted(_party_of_address(each.address), each.reason) for each in found), ""
        if "history-info" in headers:
            return _read_history(parse_history_info(headers.rows("history-info")))
    except MalformedError as error:
        return (), str(error)
    return (), ""


def _read_history(entries: Sequence[HistoryEntry]) -> tuple[tuple[Diverted, ...], str]:
    """A3, below the table: the last entry is the pilot, the one before it the user, with an escaped Reason."""
    *earlier, last = entries
    pilot = _party_of_address(last.address)
    if not earlier:
        # An index such as 1.2 tells of an entry before this one, which is not here (B 3.3, Avaya).
        return (), "the history begins in the middle" if "." in last.index else ""
    user = _party_of_address(earlier[-1].address)
    if user.number == pilot.number:
        return (), ""
    reason = earlier[-1].reason
    if not reason:
        return (), "the history gives no Reason for the diversion"
    return (Diverted(user, _reason_of_history(reason)),), ""


def _reason_of_history(reason: str) -> str:
    """A Reason header field value (RFC 3326) in the words of RFC 5806."""
    lowered = reason.lower().replace(" ", "")
    for cause, word in _HISTORY_CAUSES:
        if f"cause={cause}" in lowered:
            return word
    for word in ("no-answer", "user-busy", "unconditional"):
        if word in lowered:
            return word
    return "unknown"


# RFC 4458 and RFC 7044: the status that made the call move on.
_HISTORY_CAUSES = (
    ("486", "user-busy"),
    ("408", "no-answer"),
    ("480", "no-answer"),
    ("487", "no-answer"),
    ("302", "unconditional"),
)


def _safe_host(raw: str | None) -> str:
    """A host that may be repeated in a Contact, or ""."""
    if not raw:
        return ""
    if is_host_name(raw):
        return raw
    try:
        _, port = parse_host_port(raw)
    except MalformedError:
        return ""
    return raw if port is None else ""
