"""Which of several equal servers takes a call (EXCHANGE-UM A3, below the table).

Weighted rendezvous hashing by Call-ID: every server gets a score from the hash of Call-ID and server, the highest wins.
It needs no state, every router agrees, and when a server leaves only its own calls move. Score -w/ln(h), with h evenly
spread over (0, 1), gives shares in proportion to the weights. What round-robin and least-calls must remember comes in
as an argument, so that a selection is a pure function too.
"""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from math import log
from types import MappingProxyType
from typing import Final
from zlib import crc32

from callrouter.pool.model import Member

_BITS: Final = 30
_MASK: Final = 2**30 - 1
_NOBODY: Mapping[str, int] = MappingProxyType({})


class Selection(StrEnum):
    """`pool.selection`."""

    RENDEZVOUS = "rendezvous"
    ROUND_ROBIN = "round-robin"
    LEAST_CALLS = "least-calls"
    FIRST = "first"


# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_RENDEZVOUS: Final = Selection.RENDEZVOUS
_FIRST: Final = Selection.FIRST


class Tally:
    """What a router has done so far, as far as a selection asks; only read here.

    ordinal: how many calls were redirected before this one. calls: server name -> calls that it was given.
    """

    __slots__ = ("calls", "ordinal")

    def __init__(self, ordinal: int = 0, calls: Mapping[str, int] = _NOBODY) -> None:
        self.ordinal = ordinal
        self.calls = calls


NO_CALLS: Final = Tally()


def select(members: Sequence[Member], call_id: str, selection: Selection, tally: Tally = NO_CALLS) -> Member | None:
    """The member that takes the call with this Call-ID; None where there are no members."""
    if len(members) == 1:
        return members[0]
    if not members or selection is _FIRST:
        return members[0] if members else None
    if selection is not _RENDEZVOUS:
        return rank(members, call_id, selection, tally)[0]
    call = _hash(call_id)
    best, best_number = members[0], -1
    for member in members:
        number = _mix(call ^ member.seed)
        # Where weights are equal, the scores stand as the numbers do, and need not be worked out.
        if member.weight == best.weight:
            is_ahead = number > best_number
            is_tied = number == best_number
        else:
            score, best_score = _score(number, member.weight), _score(best_number, best.weight)
            is_ahead, is_tied = score > best_score, score == best_score
        # The name settles a tie, so that the order of the pool never counts.
        if is_ahead or (is_tied and member.server.name < best.server.name):
            best, best_number = member, number
    return best


def rank(members: Sequence[Member], call_id: str, selection: Selection, tally: Tally = NO_CALLS) -> list[Member]:
    """The members in the order in which they should be tried. Except for `first` the order of the pool never counts."""
    if selection is _FIRST:
        return list(members)
    by_name = sorted(members, key=_name)
    if selection is Selection.ROUND_ROBIN:
        start = tally.ordinal % len(by_name) if by_name else 0
        return by_name[start:] + by_name[:start]
    if selection is Selection.LEAST_CALLS:
        return sorted(by_name, key=lambda member: tally.calls.get(member.server.name, 0) / member.server.weight)
    call = _hash(call_id)
    return sorted(by_name, key=lambda member: -_score(_mix(call ^ member.seed), member.weight))


def _name(member: Member) -> str:
    return member.server.name


def _hash(call_id: str) -> int:
    return crc32(call_id.encode("utf-8", "surrogateescape")) & _MASK


def _score(number: int, weight: float) -> float:
    # +0.5 keeps h inside (0, 1) at both ends.
    h = (number + 0.5) / 2**_BITS
    return -weight / log(h)


def _mix(number: int) -> int:
    """Spread 30 bits evenly. So few, because compiled products are quick where both factors fit half a word."""
    number = ((number ^ (number >> 15)) * 0x2C1B3C6D) & _MASK
    number = ((number ^ (number >> 12)) * 0x297A2D39) & _MASK
    return number ^ (number >> 15)
