"""The header fields of one message: names in one spelling, values as they came, read by those who need them.

RFC 3261 7.3.1 (repeats are one list, in order), 7.3.3 and the registry of compact forms. Values are unfolded and
stripped of LWS; nothing else was done to them.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from callrouter.sip.grammar import LWS, is_token

# fmt: off
_CANONICAL = (
    "Accept", "Accept-Encoding", "Accept-Language", "Alert-Info", "Allow", "Allow-Events", "Authorization", "Call-ID",
    "Call-Info", "Contact", "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length",
    "Content-Type", "CSeq", "Date", "Diversion", "Event", "Expires", "From", "History-Info", "In-Reply-To",
    "Max-Forwards", "MIME-Version", "Min-Expires", "Min-SE", "Organization", "P-Asserted-Identity", "Priority",
    "Privacy", "Proxy-Authorization", "Proxy-Require", "RAck", "Reason", "Record-Route", "Refer-To", "Referred-By",
    "Remote-Party-ID", "Replaces", "Reply-To", "Require", "Retry-After", "Route", "RSeq", "Server", "Session-Expires",
    "Subject", "Supported", "Timestamp", "To", "Unsupported", "User-Agent", "Via", "Warning", "WWW-Authenticate",
)
# fmt: on

_COMPACT = {
    "a": "accept-contact",
    "b": "referred-by",
    "c": "content-type",
    "d": "request-disposition",
    "e": "content-encoding",
    "f": "from",
    "i": "call-id",
    "j": "reject-contact",
    "k": "supported",
    "l": "content-length",
    "m": "contact",
    "o": "event",
    "r": "refer-to",
    "s": "subject",
    "t": "to",
    "u": "allow-events",
    "v": "via",
    "x": "session-expires",
    "y": "identity",
}

# The spellings that nearly every message uses, so that they cost one look-up.
SPELLINGS: Mapping[str, str] = {
    **{name: name.lower() for name in _CANONICAL},
    **{name.lower(): name.lower() for name in _CANONICAL},
    **_COMPACT,
    **{name.upper(): full for name, full in _COMPACT.items()},
}
"""Full, compact and upper-case compact names -> full name in lower case. Never changed; no proxy, which costs time."""

DISPLAY_NAMES = MappingProxyType({name.lower(): name for name in _CANONICAL})
"""Lower-case name -> the RFC's spelling."""


def canonical_name(raw: str) -> str:
    """The full name in lower case, or "" where the text is no header name."""
    name = raw.rstrip(LWS)
    if not is_token(name):
        return ""
    name = name.lower()
    return _COMPACT.get(name, name)


class Headers:
    """Header fields by name. Built by the parser, then only read."""

    __slots__ = ("by_name",)

    def __init__(self, by_name: dict[str, list[str]]) -> None:
        self.by_name = by_name
        """Lower-case full name -> rows. For the hot path; not to be changed."""

    def get(self, name: str) -> str | None:
        """The first row of this lower-case name."""
        rows = self.by_name.get(name)
        return rows[0] if rows else None

    def rows(self, name: str) -> list[str]:
        """Every row of this lower-case name, in order; not to be changed."""
        return self.by_name.get(name) or []

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def __len__(self) -> int:
        return sum(len(rows) for rows in self.by_name.values())

    def items(self) -> list[tuple[str, str]]:
        """(name, row) in the order in which the names first came."""
        return [(name, row) for name, rows in self.by_name.items() for row in rows]


def cut_plain_rows(lines: Iterable[str]) -> dict[str, list[str]] | None:
    """Rows by name where all are written `Name: value`, as nearly every message's are; None where one is not."""
    by_name: dict[str, list[str]] = {}
    for line in lines:
        raw_name, colon, value = line.partition(": ")
        name = SPELLINGS.get(raw_name) or canonical_name(raw_name)
        if not colon or not name:
            return None
        if name in by_name:
            by_name[name].append(value)
        else:
            by_name[name] = [value]
    return by_name
