"""The events that the layers below the line emit, and the port that takes them.

Events are in the past tense and carry plain values, so that a reader needs nothing else. Instants are monotonic
seconds as the session was given them. Nothing here formats, counts or writes: that is `observability`.

`RequestAnswered` is made once per request on the hot path, so the events are slotted but not frozen (a frozen
dataclass costs one function call per field to build), and it has an `__init__` of its own (docs/decisions/0007).
"""

from builtins import Exception  # noqa: A004 - mypyc looks the field of a dataclass up in its module
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, TypeAlias, final

from mypy_extensions import mypyc_attr

from callrouter.reason import CallEnd, Reason
from callrouter.wire import CloseReason, Peer, Transport


@mypyc_attr(acyclic=True, free_list_len=1)
@final
@dataclass(slots=True, init=False)
class RequestAnswered:
    """A final answer was handed to the transport."""

    peer: Peer
    method: str
    call_id: str
    status: int
    reason: Reason
    contact: str
    """What the redirect's first Contact header field carries, "" where the answer is no redirect."""
    detail: str
    """What was wrong, in one sentence without the peer's octets; "" where there is nothing to add."""
    received_at: float
    answered_at: float
    """Later than `received_at` only where the answer was held back on purpose."""
    call_type: str
    """What the call is for, as the decision found; "" where it did not come to that."""

    def __init__(  # noqa: PLR0913, PLR0917 - one for each field
        self,
        peer: Peer,
        method: str,
        call_id: str,
        status: int,
        reason: Reason,
        contact: str,
        detail: str,
        received_at: float,
        answered_at: float,
        call_type: str = "",
    ) -> None:
        self.peer = peer
        self.method = method
        self.call_id = call_id
        self.status = status
        self.reason = reason
        self.contact = contact
        self.detail = detail
        self.received_at = received_at
        self.answered_at = answered_at
        self.call_type = call_type


@dataclass(slots=True)
class MessageDiscarded:
    """A message was taken and got no answer (ACK, stray response, unanswerable request)."""

    peer: Peer
    reason: Reason


@dataclass(slots=True)
class KeepAliveAnswered:
    """A double CRLF was answered (RFC 5626 3.5.1)."""

    peer: Peer


@dataclass(slots=True)
class FramingLost:
    """Where the next message begins can no longer be known; the connection closes (RFC 3261 18.3)."""

    peer: Peer
    reason: Reason
    detail: str


@dataclass(slots=True)
class TransactionTimedOut:
    """No ACK came within Timer H (RFC 3261 17.2.1)."""

    peer: Peer
    call_id: str


@dataclass(slots=True)
class CallBegan:
    """A call that a user agent holds was answered 2xx."""

    peer: Peer
    call_id: str


@dataclass(slots=True)
class CallEnded:
    """A call that a user agent held, or tried, is over."""

    peer: Peer
    call_id: str
    cause: CallEnd
    seconds: float
    """Since the 2xx; 0.0 where it never came to that."""
    was_answered: bool


@dataclass(slots=True)
class ConnectionOpened:
    """A connection was accepted and, over TLS, its handshake done."""

    peer: Peer


@dataclass(slots=True)
class ConnectionClosed:
    """An opened connection ended."""

    peer: Peer
    reason: CloseReason
    received_bytes: int
    sent_bytes: int


@dataclass(slots=True)
class ConnectionRejected:
    """A connection was refused by a limit before it carried a message."""

    address: str
    port: int
    transport: Transport
    limit: str
    """The setting that refused it, as `limits.max_connections`."""


@dataclass(slots=True)
class TlsHandshakeFailed:
    """No TLS session came about: event 1649 of the documented service (EXCHANGE-UM A5)."""

    address: str
    port: int
    local_address: str
    local_port: int
    detail: str
    """The TLS library's words, one line."""


class ProbeOutcome(StrEnum):
    """What a probe of a Mailbox server found: label of its counter."""

    ALIVE = "alive"
    """A final answer that a living SIP server gives."""
    UNAVAILABLE = "unavailable"
    """A final answer that says that it takes no calls, as 503."""
    REFUSED = "refused"
    """Nobody listens there."""
    NO_ANSWER = "no-answer"
    """Nothing in time, no connection, or one that ended before the answer."""


@dataclass(slots=True)
class ProbeFinished:
    """An OPTIONS probe of a port of a Mailbox server has come to its end."""

    server: str
    """By its name in the directory, as in the two events below."""
    transport: Transport
    outcome: ProbeOutcome
    detail: str
    """What was found, in one sentence; never the server's words."""
    seconds: float
    """From the probe's begin, where there was no connection from connecting, to its end."""


@dataclass(slots=True)
class ProbingEnded:
    """A port of a Mailbox server is probed no more, there at least: it left the directory, or moved."""

    server: str
    transport: Transport


@dataclass(slots=True)
class ServerHealthChanged:
    """A port of a Mailbox server went up or down: with the latter event 1400 (EXCHANGE-UM A5)."""

    server: str
    transport: Transport
    is_up: bool
    detail: str
    """What the probe found that made the difference."""
    status: int = 0
    """Of its answer, 0 where none came."""


@dataclass(slots=True)
class SessionFailed:
    """A session raised: a bug of ours. The connection was closed, nothing else was touched."""

    peer: Peer
    error: Exception


Event: TypeAlias = (
    RequestAnswered
    | MessageDiscarded
    | KeepAliveAnswered
    | FramingLost
    | TransactionTimedOut
    | CallBegan
    | CallEnded
    | ConnectionOpened
    | ConnectionClosed
    | ConnectionRejected
    | TlsHandshakeFailed
    | ProbeFinished
    | ProbingEnded
    | ServerHealthChanged
    | SessionFailed
)


class Sink(Protocol):
    """Takes events; `list.append` is one. Must not raise and must not wait."""

    def __call__(self, event: Event, /) -> None: ...
