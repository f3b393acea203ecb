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
from typing import NamedTuple

from callrouter.pool.model import Member, hash_64

_MASK = 2**64 - 1
_FLOAT_BITS = 53
"""What a float holds exactly."""
_NOBODY: Mapping[str, int] = MappingProxyType({})


class Selection(StrEnum):
    """`pool.selection`."""

    RENDEZVOUS = "rendezvous"
    ROUND_ROBIN = "round-robin"
    LEAST_CALLS = "least-calls"
    FIRST = "first"


class Tally(NamedTuple):
    """What a router has done so far, as far as a selection asks."""

    ordinal: int = 0
    """How many calls were redirected before this one."""
    calls: Mapping[str, int] = _NOBODY
    """Server name -> calls that it was given."""


def select(members: Sequence[Member], call_id: str, selection: Selection, tally: Tally = Tally()) -> Member | None:  # noqa: B008 - a frozen tuple
    """The member that takes the call with this Call-ID; None where there are no members."""
    if len(members) == 1:
        return members[0]
    if not members or selection is Selection.FIRST:
        return members[0] if members else None
    if selection is Selection.RENDEZVOUS:
        call = hash_64(call_id)
        # The name settles a tie, so that the order of the pool never counts.
        return min(members, key=lambda member: (-_score(call, member), member.server.name))
    return rank(members, call_id, selection, tally)[0]


def rank(members: Sequence[Member], call_id: str, selection: Selection, tally: Tally = Tally()) -> list[Member]:  # noqa: B008 - a frozen tuple
    """The members in the order in which they should be tried. Except for `first` the order of the pool never counts."""
    if selection is Selection.FIRST:
        return list(members)
    by_name = sorted(members, key=_name)
    if selection is Selection.ROUND_ROBIN:
        start = tally.ordinal % len(by_name) if by_name else 0
        return by_name[start:] + by_name[:start]
    if selection is Selection.LEAST_CALLS:
        return sorted(by_name, key=lambda member: tally.calls.get(member.server.name, 0) / member.server.weight)
    call = hash_64(call_id)
    return sorted(by_name, key=lambda member: -_score(call, member))


def _name(member: Member) -> str:
    return member.server.name


def _score(call: int, member: Member) -> float:
    # +0.5 keeps h inside (0, 1) at both ends: one bit less, so that it is not rounded away.
    h = ((_mix(call ^ member.seed) >> (64 - _FLOAT_BITS + 1)) + 0.5) / 2 ** (_FLOAT_BITS - 1)
    return -member.server.weight / log(h)


def _mix(number: int) -> int:
    """Spread 64 bits evenly: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
