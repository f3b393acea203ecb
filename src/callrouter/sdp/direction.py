"""Which way a stream goes: the direction attributes, and hold (RFC 8866 6.7, RFC 3264 6.1 and 8.4)."""

from collections.abc import Iterable
from enum import StrEnum

from callrouter.sdp.description import Attribute


class Direction(StrEnum):
    """As the side that writes it sees it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def sends(self) -> bool:
        """Whether the side that writes it may send."""
        return self in (Direction.SENDRECV, Direction.SENDONLY)

    @property
    def receives(self) -> bool:
        """Whether the side that writes it wants to receive."""
        return self in (Direction.SENDRECV, Direction.RECVONLY)


DIRECTIONS = frozenset(each.value for each in Direction)

_HELD_ADDRESSES = ("0.0.0.0", "::")


def read_direction(attributes: Iterable[Attribute], default: Direction = Direction.SENDRECV) -> Direction:
    """What the attributes of an m-line or of a session say; `default` where they say nothing."""
    return next((Direction(name) for name, _ in attributes if name in DIRECTIONS), default)


def answer_direction(offered: Direction, connection: str) -> Direction:
    """The most that an answer to a direction may be; `connection` is the c= value that came with it.

    Nothing may be sent to an address of zeros, which is how RFC 2543 put a call on hold (RFC 3264 8.4).
    """
    is_reachable = connection.rpartition(" ")[2] not in _HELD_ADDRESSES
    return _direction(sends=offered.receives and is_reachable, receives=offered.sends)


def fits(offered: Direction, answered: Direction) -> bool:
    """Whether an answer sends only what is wanted and wants only what is sent (RFC 3264 6.1)."""
    return answered.sends <= offered.receives and answered.receives <= offered.sends


def _direction(*, sends: bool, receives: bool) -> Direction:
    if sends:
        return Direction.SENDRECV if receives else Direction.SENDONLY
    return Direction.RECVONLY if receives else Direction.INACTIVE
