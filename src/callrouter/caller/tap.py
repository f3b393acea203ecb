"""Tap: a session that wraps another one and tells of every message that goes through, with its instant.

It reads the octets a second time, so that what is seen is what was on the wire. What cannot be framed is passed on
untold.
"""

from collections.abc import Callable
from typing import TypeAlias

from callrouter.sip.errors import FramingError
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.transport.port import StreamSession
from callrouter.wire import CloseReason

MessageTaker: TypeAlias = Callable[[Request | Response, bool, float], None]
"""Called with a message, whether it is ours, and its instant."""


class Tap:
    """One connection's session as a `StreamSession`. clock: gives the instant of what goes out, monotonic seconds."""

    def __init__(
        self, session: StreamSession, take: MessageTaker, limits: MessageLimits, clock: Callable[[], float]
    ) -> None:
        self._session = session
        self._take = take
        self._clock = clock
        self._received = _Reader(limits)
        self._sent = _Reader(limits)

    def receive_data(self, data: bytes, now: float) -> None:
        """As the session; what came is told before what it brings about."""
        for message in self._received.read(data):
            self._take(message, False, now)
        self._session.receive_data(data, now)

    def data_to_send(self) -> list[bytes]:
        """As the session."""
        chunks = self._session.data_to_send()
        if chunks:
            now = self._clock()
            for message in self._sent.read(b"".join(chunks)):
                self._take(message, True, now)
        return chunks

    def receive_eof(self, now: float) -> None:
        """As the session."""
        self._session.receive_eof(now)

    def connection_lost(self, now: float) -> None:
        """As the session."""
        self._session.connection_lost(now)

    def next_deadline(self) -> float | None:
        """As the session."""
        return self._session.next_deadline()

    def handle_deadline(self, now: float) -> None:
        """As the session."""
        self._session.handle_deadline(now)

    def begin_drain(self, now: float) -> None:
        """As the session."""
        self._session.begin_drain(now)

    @property
    def close_reason(self) -> CloseReason | None:
        """As the session."""
        return self._session.close_reason


class _Reader:
    """Reads one direction until its framing is lost."""

    def __init__(self, limits: MessageLimits) -> None:
        self._framer = Framer(limits)
        self._is_lost = False

    def read(self, data: bytes) -> list[Request | Response]:
        """The messages that these octets complete."""
        messages: list[Request | Response] = []
        if self._is_lost:
            return messages
        self._framer.receive_data(data)
        try:
            while (frame := self._framer.next_frame()) is not None:
                if isinstance(frame, Request | Response):
                    messages.append(frame)
        except FramingError:
            self._is_lost = True
        return messages
