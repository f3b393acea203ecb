"""Which of several equal servers takes a call (EXCHANGE-UM A3, below the table).

Weighted rendezvous hashing by Call-ID: every server gets a score from the hash of Call-ID and server, the highest wins.
It needs no state, every router agrees, and when a server leaves only its own calls move. Score -w/ln(h), with h evenly
spread over (0, 1), gives shares in proportion to the weights.
"""

from collections.abc import Sequence
from enum import StrEnum
from math import log

from callrouter.pool.model import Member, hash_64

_MASK = 2**64 - 1
_SPAN = float(2**64)


class Selection(StrEnum):
    """`pool.selection`."""

    RENDEZVOUS = "rendezvous"
    FIRST = "first"


def select(members: Sequence[Member], call_id: str, selection: Selection) -> Member | None:
    """The member that takes the call with this Call-ID; None where there are no members."""
    if len(members) == 1:
        return members[0]
    if not members or selection is Selection.FIRST:
        return members[0] if members else None
    call = hash_64(call_id)
    # The name settles a tie, so that the order of the pool never counts.
    return max(members, key=lambda member: (_score(call, member), member.server.name))


def _score(call: int, member: Member) -> float:
    # +0.5 keeps h inside (0, 1) at both ends.
    return -member.server.weight / log((_mix(call ^ member.seed) + 0.5) / _SPAN)


def _mix(number: int) -> int:
    """Spread 64 bits evenly: the finaliser of splitmix64 (Steele, Lea, Flood 2014)."""
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
