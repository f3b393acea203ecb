"""CSeq (RFC 3261 20.16)."""

from typing import NamedTuple

from callrouter.sip.errors import HeaderError
from callrouter.sip.grammar import is_digits, is_token

_MAX_NUMBER = 2**32 - 1
_MAX_DIGITS = 32
_SURE_DIGITS = 10
"""Fewer than these fit 32 bits whatever they are."""


class CSeq(NamedTuple):
    """A sequence number, 0 to 2**32-1, and a method."""

    number: int
    method: str


def parse_cseq(text: str) -> CSeq:
    """Read a CSeq value.

    Raises:
        HeaderError: not a number of 32 bits and a method.
    """
    number, space, method = text.partition(" ")
    if space and len(number) < _SURE_DIGITS and is_digits(number) and is_token(method):
        return CSeq(int(number), method)
    parts = text.replace("\t", " ").split(" ")
    number, method = parts[0], parts[-1]
    if any(parts[1:-1]) or len(parts) == 1 or not is_token(method):
        raise HeaderError("not a number and a method")
    # Leading zeros are legal (RFC 4475 3.1.1.1); the bound on digits keeps int() cheap.
    if not is_digits(number) or len(number) > _MAX_DIGITS or int(number) > _MAX_NUMBER:
        raise HeaderError("the number does not fit 32 bits")
    return CSeq(int(number), method)
