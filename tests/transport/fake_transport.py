"""A transport without a socket or loop, for what must be exact: how often is written, what is called."""

import asyncio
import errno
from typing import Any

from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection
from callrouter.wire import Peer
from tests.transport.rig import EchoSession, EventLog


class FakeTransport(asyncio.Transport):
    """Takes writes as they come and never tires."""

    def __init__(self, peername: tuple[str, int] | None = ("192.0.2.1", 5070)) -> None:
        super().__init__({"peername": peername, "sockname": ("192.0.2.9", 5060)})
        self.calls: list[str] = []
        self.writes: list[bytes] = []
        self.peer_is_gone = False

    def write(self, data: Any) -> None:
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (TransportLimits().max_write_buffer_bytes, None)

    def write_eof(self) -> None:
        if self.peer_is_gone:
            raise OSError(errno.ENOTCONN, "Transport endpoint is not connected")
        self.calls.append("write_eof")

    def pause_reading(self) -> None:
        self.calls.append("pause_reading")

    def resume_reading(self) -> None:
        self.calls.append("resume_reading")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    def is_closing(self) -> bool:
        return bool({"abort", "close"} & set(self.calls))


def made(session_type: type[EchoSession]) -> tuple[Connection, FakeTransport, EchoSession, EventLog]:
    """Make a connection over a fake transport."""
    events = EventLog()
    sessions: list[EchoSession] = []

    def make_session(peer: Peer, now: float) -> EchoSession:
        sessions.append(session_type(peer, now))
        return sessions[0]

    connection = Connection(make_session, TransportLimits(), events)
    transport = FakeTransport()
    connection.connection_made(transport)
    return connection, transport, sessions[0], events
