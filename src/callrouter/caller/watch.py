"""What can be seen of a call while it goes on: happenings, for who draws or follows it. Instants are monotonic."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

from callrouter.caller.redirects import Skipped
from callrouter.caller.result import CallResult, Hop
from callrouter.caller.target import Target
from callrouter.sip.message import Request, Response
from callrouter.wire import Peer


class PlacedState(Enum):
    """How far a call is that was placed."""

    CONNECTING = auto()
    CALLING = auto()
    """The INVITE is out; also after a redirect."""
    RINGING = auto()
    """A provisional answer of 180 to 199 came."""
    ANSWERED = auto()
    ENDING = auto()
    """CANCEL or BYE is out."""
    ENDED = auto()


@dataclass(frozen=True, slots=True)
class StateChanged:
    """The call has come further."""

    state: PlacedState
    at: float


@dataclass(frozen=True, slots=True)
class HopBegan:
    """A target is tried now. number: 1 for the first."""

    number: int
    target: Target
    at: float


@dataclass(frozen=True, slots=True)
class HopConnected:
    """Its connection is there, over TLS where it is one."""

    number: int
    target: Target
    peer: Peer
    at: float


@dataclass(frozen=True, slots=True)
class MessageSeen:
    """A message went out or came in. is_sent: it is ours."""

    target: Target
    message: Request | Response
    is_sent: bool
    at: float


@dataclass(frozen=True, slots=True)
class HopEnded:
    """It is known what came of a target."""

    hop: Hop
    target: Target
    at: float


@dataclass(frozen=True, slots=True)
class ContactSkipped:
    """A Contact is not followed."""

    skipped: Skipped
    at: float


@dataclass(frozen=True, slots=True)
class CallFinished:
    """It is known what came of the call."""

    result: CallResult
    at: float


Happening: TypeAlias = StateChanged | HopBegan | HopConnected | MessageSeen | HopEnded | ContactSkipped | CallFinished
Watch: TypeAlias = Callable[[Happening], None]
"""Takes what happens, at once. Must not raise and must not wait."""
