"""Contact: the targets of a redirect (RFC 3261 20.10)."""

from collections.abc import Iterable
from dataclasses import dataclass

from callrouter.sip.address import NameAddr, parse_address_list
from callrouter.sip.errors import HeaderError
from callrouter.sip.grammar import is_digits

_DEFAULT_EXPIRES = 3600
"""What a malformed value counts as (20.10)."""
_MAX_EXPIRES = 2**32 - 1
_MAX_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Contact:
    """One alternative."""

    address: NameAddr
    q: float
    """0 to 1; 1 where there is none."""
    expires: int | None
    """Seconds; None where there is none."""


def parse_contacts(rows: Iterable[str]) -> tuple[Contact, ...]:
    """Every value of every row, in their order.

    Raises:
        HeaderError: a value is outside the grammar.
    """
    return tuple(_read_contact(address) for address in parse_address_list(rows))


def _read_contact(address: NameAddr) -> Contact:
    expires = address.params.get("expires")
    return Contact(address, _parse_q(address.params.get("q")), None if expires is None else _parse_expires(expires))


def _parse_q(text: str | None) -> float:
    if text is None:
        return 1.0
    whole, _, decimals = text.partition(".")
    if whole not in ("0", "1") or len(decimals) > len("000") or (decimals and not is_digits(decimals)):
        raise HeaderError("q is not a number of 0 to 1 with at most three decimals")
    q = float(text)
    if q > 1.0:
        raise HeaderError("q is not a number of 0 to 1 with at most three decimals")
    return q


def _parse_expires(text: str) -> int:
    if not is_digits(text) or len(text) > _MAX_DIGITS or int(text) > _MAX_EXPIRES:
        return _DEFAULT_EXPIRES
    return int(text)
