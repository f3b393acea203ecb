"""RAck and RSeq: which reliable provisional response a PRACK acknowledges (RFC 3262 7.1, 7.2)."""

from typing import NamedTuple

from callrouter.sip.errors import HeaderError
from callrouter.sip.grammar import is_digits, is_token

_PARTS = 3
_MAX_DIGITS = 32
"""Leading zeros are legal; the bound keeps int() cheap."""
_MAX_NUMBER = 2**32 - 1


class RAck(NamedTuple):
    """RSeq of the response, then number and method of its CSeq."""

    response_number: int
    number: int
    method: str

    def __str__(self) -> str:
        return f"{self.response_number} {self.number} {self.method}"


def parse_rack(text: str) -> RAck:
    """Read a RAck value.

    Raises:
        HeaderError: not two numbers of 32 bits and a method.
    """
    parts = [part for part in text.replace("\t", " ").split(" ") if part]
    if len(parts) != _PARTS or not is_token(parts[2]):
        raise HeaderError("not two numbers and a method")
    return RAck(parse_rseq(parts[0]), parse_rseq(parts[1]), parts[2])


def parse_rseq(text: str) -> int:
    """Read a RSeq value.

    Raises:
        HeaderError: not a number of 32 bits.
    """
    if not is_digits(text) or len(text) > _MAX_DIGITS or int(text) > _MAX_NUMBER:
        raise HeaderError("the number does not fit 32 bits")
    return int(text)
