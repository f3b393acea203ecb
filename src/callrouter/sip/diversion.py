"""Diversion: who a call was diverted from, most recent on top (RFC 5806)."""

from collections.abc import Iterable
from dataclasses import dataclass

from callrouter.sip.address import NameAddr, parse_address_list
from callrouter.sip.params import unquote


@dataclass(frozen=True, slots=True)
class Diversion:
    """One diversion."""

    address: NameAddr

    @property
    def reason(self) -> str:
        """As "no-answer", "user-busy", "unconditional", ... in lower case; "unknown" where there is none."""
        return unquote(self.address.params.get("reason") or "unknown").lower()


def parse_diversions(rows: Iterable[str]) -> tuple[Diversion, ...]:
    """Every entry of every row, in their order.

    Raises:
        HeaderError: an entry is outside the grammar; fatal for the call in the product too (event 1021).
    """
    return tuple(Diversion(address) for address in parse_address_list(rows))
