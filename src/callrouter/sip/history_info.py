"""History-Info: the targets that a request has had (RFC 7044; RFC 4244 before it)."""

from collections.abc import Iterable
from dataclasses import dataclass

from callrouter.sip.address import NameAddr, parse_address_list
from callrouter.sip.uri import unescape


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One target, with the header fields that its URI carries escaped."""

    address: NameAddr

    @property
    def index(self) -> str:
        """`1`, `1.1`, ...; "" where there is none."""
        return self.address.params.get("index") or ""

    @property
    def reason(self) -> str:
        """The escaped Reason header field of the URI, unescaped; "" where there is none (RFC 7044 5)."""
        _, question_mark, headers = self.address.raw_uri.partition("?")
        if not question_mark:
            return ""
        for header in headers.split("&"):
            name, _, value = header.partition("=")
            if name.lower() == "reason":
                return unescape(value)
        return ""


def parse_history_info(rows: Iterable[str]) -> tuple[HistoryEntry, ...]:
    """Every entry of every row, in their order.

    Raises:
        HeaderError: an entry is outside the grammar.
    """
    return tuple(HistoryEntry(address) for address in parse_address_list(rows))
