"""RequestFacts: the only bridge from SIP to policy words. What a decision may look at is here; nothing else is.

EXCHANGE-UM A3, rules 6 to 9; B 3.2 and 3.3. A party that cannot be read is a fact too, not an error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final, NamedTuple, TypeAlias, final

from mypy_extensions import mypyc_attr

from callrouter.sip.address import NameAddr, parse_name_addr
from callrouter.sip.diversion import parse_diversions
from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import is_digits, is_host_name
from callrouter.sip.history_info import HistoryEntry, parse_history_info
from callrouter.sip.memo import SHARED_ENTRIES, Table
from callrouter.sip.message import PlainRequest, Request
from callrouter.sip.scanner import cut_diversion
from callrouter.sip.uri import SipUri, TelUri, Uri, parse_host_port, unescape
from callrouter.wire import Peer, PeerCertificate, Transport

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
    address_version: int = field(init=False, repr=False, compare=False)
    """4 or 6; with `address_number` what a directory is asked by, worked out once for all calls of a connection."""
    address_number: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "address_version", self.address.version)
        object.__setattr__(self, "address_number", int(self.address))


@mypyc_attr(acyclic=True)
class Party:
    """One of the numbers or names of a call. Equal where all four are.

    number: the user part, unescaped once, without parameters and, where it is a number, without visual separators.
    host: lower case; "" for a tel URI. phone_context: the domain or dial plan that a local number belongs to (RFC 3966
    5.1.5), lower case. No dataclass, because what rules ask of a party is found out once, and they ask for every call.
    """

    __slots__ = ("_keys", "host", "is_anonymous", "is_number", "key", "number", "phone_context", "scheme")

    def __init__(self, number: str = "", host: str = "", scheme: str = "sip", phone_context: str = "") -> None:
        self.number = number
        self.host = host
        self.scheme = scheme
        self.phone_context = phone_context
        digits = number.removeprefix("+")
        self.is_number = digits.isdigit() and digits.isascii()
        """Digits, with or without a plus."""
        self.is_anonymous = host == "anonymous.invalid" or (not self.is_number and number.lower() in ("", "anonymous"))
        """A caller that does not say who it is (RFC 3323 4.1)."""
        self.key = number if self.is_number else number.casefold()
        """What the number or name may be entered as in a directory."""
        self._keys: tuple[str, ...] | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """What the party may be entered as in a directory, the more exact first; its `key` is the last."""
        if self._keys is None:
            self._keys = (f"{self.key}@{self.host.casefold()}", self.key) if self.host else (self.key,)
        return self._keys

    @property
    def address(self) -> str:
        """As user@domain; the number alone where there is no host."""
        return f"{self.number}@{self.host}" if self.host else self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Party) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        return f"Party({', '.join(map(repr, self._values()))})"

    def _values(self) -> tuple[str, str, str, str]:
        return self.number, self.host, self.scheme, self.phone_context


NOBODY: Final = Party()


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class Diverted:
    """A party that the call was meant for before."""

    party: Party
    reason: str
    """As RFC 5806 writes it: "no-answer", "user-busy", "unconditional", ..."""

    def __init__(self, party: Party, reason: str) -> None:
        self.party = party
        self.reason = reason


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False, unsafe_hash=True)
class RequestFacts:
    """One request in policy words. Nothing changes it once it is made (docs/decisions/0007)."""

    caller: CallerFacts
    request_uri: Uri
    called: str
    """The user part of the Request-URI octet for octet, or the number of a tel URI; "" where there is none."""
    call_id: str
    is_sips: bool
    maddr: str
    """The maddr of the Request-URI where it is a host, else ""."""
    called_party: Party
    calling_party: Party
    """From; an anonymous one where it cannot be read."""
    diversions: tuple[Diverted, ...]
    """In the order in which they are to be tried (A3, rule 8)."""
    diversion_fault: str
    """Why the diversion information cannot be used; "" where it can, or there is none."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each field
        self,
        caller: CallerFacts,
        request_uri: Uri,
        called: str,
        call_id: str,
        is_sips: bool = False,
        maddr: str = "",
        called_party: Party = NOBODY,
        calling_party: Party = NOBODY,
        diversions: tuple[Diverted, ...] = (),
        diversion_fault: str = "",
    ) -> None:
        self.caller = caller
        self.request_uri = request_uri
        self.called = called
        self.call_id = call_id
        self.is_sips = is_sips
        self.maddr = maddr
        self.called_party = called_party
        self.calling_party = calling_party
        self.diversions = diversions
        self.diversion_fault = diversion_fault


def gather_caller_facts(peer: Peer) -> CallerFacts:
    """The facts of a connection."""
    return _caller_facts(peer.address, peer.certificate, peer.transport, peer.local_address, peer.local_port)


@lru_cache(SHARED_ENTRIES)
def _caller_facts(  # One for all connections of a gateway, which may have hundreds.
    address: str, certificate: PeerCertificate | None, transport: Transport, local_address: str, local_port: int
) -> CallerFacts:
    identities = None if certificate is None else certificate.identities
    return CallerFacts(ip_address(address), identities, transport, local_address, local_port)


class Called(NamedTuple):
    """What a Request-URI says."""

    uri: Uri
    user: str
    """`RequestFacts.called`."""
    is_sips: bool
    maddr: str
    party: Party


class FactsMemo:
    """Request-URIs and From addresses that were read before, by their text: callers are few, and call few numbers."""

    __slots__ = ("_called", "_calling")

    def __init__(self) -> None:
        self._called: Table[Called] = Table(SHARED_ENTRIES)
        self._calling: Table[Party] = Table(SHARED_ENTRIES)

    def called(self, request: Request) -> Called:
        """What the Request-URI says.

        Raises:
            UriError: it cannot be read.
        """
        text = request.raw_uri
        return self._called.find(text) or self._called.keep(text, read_called(request.uri))

    def calling(self, address: str) -> Party:
        """The party of a From value without its tag; an anonymous one where it cannot be read."""
        return self._calling.find(address) or self._calling.keep(address, read_calling(address))


def gather_facts(
    request: Request, caller: CallerFacts, memo: FactsMemo | None = None, *, with_parties: bool = True
) -> RequestFacts:
    """The facts of a request that `validate` found sound.

    memo: of whoever gathers for many requests. with_parties: False where the directory does not tell calls apart by
    number, so that nobody asks for the parties.

    Raises:
        UriError: the Request-URI cannot be read; not after validation.
    """
    uri, user, is_sips, maddr, party = read_called(request.uri) if memo is None else memo.called(request)
    if not with_parties:
        return RequestFacts(caller, uri, user, request.call_id, is_sips, maddr)
    if isinstance(request, PlainRequest):
        calling = read_calling(request.from_address) if memo is None else memo.calling(request.from_address)
        if not request.is_diverted:
            return RequestFacts(caller, uri, user, request.call_id, is_sips, maddr, party, calling)
        diverted = read_usual_diversion(request.diversion)
        if diverted is not None:
            return RequestFacts(caller, uri, user, request.call_id, is_sips, maddr, party, calling, (diverted,))
    else:
        calling = read_calling(request.from_row or "")
    diversions, fault = _gather_diversions(request)
    return RequestFacts(caller, uri, user, request.call_id, is_sips, maddr, party, calling, diversions, fault)


def read_called(uri: Uri) -> Called:
    """What a Request-URI says."""
    if isinstance(uri, SipUri):
        maddr = _safe_host(uri.param("maddr")) if uri.params else ""
        return Called(uri, uri.user, uri.scheme == "sips", maddr, party_of(uri))
    return Called(uri, uri.digits if isinstance(uri, TelUri) else "", False, "", party_of(uri))


def read_calling(address: str) -> Party:
    """The party of a From value; an anonymous one where it cannot be read."""
    try:
        return _party_of_address(parse_name_addr(address))
    except MalformedError:
        return NOBODY


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


def _party_of_address(address: NameAddr) -> Party:
    return party_of(address.uri)


def read_usual_diversion(row: str) -> Diverted | None:
    """The one of a Diversion row that `cut_diversion` can cut; None for any other row."""
    usual = cut_diversion(row)
    if usual is None:
        return None
    scheme, number, host, reason = usual
    return Diverted(Party(number, host, scheme), reason)


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
