"""Mailbox servers to probe: one that is as the router's own role is, and some that misbehave."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import cast

from callrouter.directory.model import ComponentState
from callrouter.dispatcher import Dispatcher
from callrouter.session import SipSession
from callrouter.snapshot import RoutingSnapshot, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.listener import Listener, bind_sockets
from callrouter.transport.tls import ServerTls
from callrouter.wire import Peer
from tests.transport.rig import PATIENCE_SECONDS, EventLog


class SipServer:
    """A server that answers OPTIONS: 200, or 503 where it is not Active. Can be killed, and started again."""

    def __init__(self, tls: ServerTls | None = None) -> None:
        self.events = EventLog()
        self.cell = SnapshotCell(RoutingSnapshot())
        self._tls = tls
        self._listener: Listener | None = None
        self.port = 0
        self.start()

    def start(self) -> None:
        limits = TransportLimits()
        sockets = bind_sockets("127.0.0.1", self.port, "IPv4Only")
        self._listener = Listener(sockets, self._make_session, limits, Admission(limits), self.events, self._tls)
        self.port = self._listener.addresses[0][1]
        self._listener.accept()

    async def kill(self) -> None:
        assert self._listener is not None
        await self._listener.close()

    async def drain(self) -> None:
        assert self._listener is not None
        await self._listener.drain(PATIENCE_SECONDS)

    def enter(self, state: ComponentState) -> None:
        self.cell.current = RoutingSnapshot(component_state=state)

    def _make_session(self, peer: Peer, now: float) -> SipSession:
        limits = SessionLimits(drain_quiet_seconds=0.01)
        return SipSession(peer, Dispatcher(self.cell), limits, self.events, tag_key=b"k" * 16, now=now)


@contextlib.asynccontextmanager
async def serving(tls: ServerTls | None = None) -> AsyncIterator[SipServer]:
    server = SipServer(tls)
    try:
        yield server
    finally:
        await server.kill()


class SilentServer(asyncio.Protocol):
    """Takes everything and says nothing; base of those that say something wrong."""

    transport: asyncio.Transport

    def __init__(self, house: "House") -> None:
        self.house = house

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.house.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.house.leave(self)


class ClosingServer(SilentServer):
    """Accepts and closes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.close()


class DyingServer(ClosingServer):
    """Takes one more connection that it does not serve, and then its port is gone."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.house.stop_listening()
        super().connection_made(transport)


class ResettingServer(SilentServer):
    """Accepts and resets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.reset()

    def reset(self) -> None:
        connected = self.transport.get_extra_info("socket")
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()


class LaterResettingServer(ResettingServer):
    """Resets when it is asked."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        SilentServer.connection_made(self, transport)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self.reset()


class HttpServer(SilentServer):
    """Speaks something else, which might have been a SIP request."""

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self.transport.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")


class GarbageServer(SilentServer):
    """Speaks nothing that is known."""

    def data_received(self, data: bytes) -> None:  # noqa: ARG002
        self.transport.write(bytes(range(256)))


class AnsweringServer(SilentServer):
    """Answers OPTIONS with 200."""

    def data_received(self, data: bytes) -> None:
        self.house.heard(data)
        self.transport.write(ok_to(data))


class HangingUpServer(AnsweringServer):
    """Answers, and closes."""

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self.transport.close()


class ForgetfulServer(AnsweringServer):
    """Answers the first request of a connection, and no other."""

    def __init__(self, house: "House") -> None:
        super().__init__(house)
        self.requests = 0

    def data_received(self, data: bytes) -> None:
        self.requests += 1
        if self.requests == 1:
            super().data_received(data)


def ok_to(request: bytes) -> bytes:
    """A bare 200 to a request that came in one piece."""
    copied = (b"Via", b"From", b"To", b"Call-ID", b"CSeq")
    lines = [line for line in request.split(b"\r\n") if line.partition(b":")[0] in copied]
    return b"SIP/2.0 200 OK\r\n" + b"\r\n".join(lines) + b"\r\nContent-Length: 0\r\n\r\n"


class House:
    """Where such a server lives: counts connections, and ends those that are left."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.requests: list[bytes] = []
        self.stop_listening: Callable[[], None] = lambda: None
        self._inside: set[SilentServer] = set()
        self._empty = asyncio.Event()
        self._empty.set()

    def enter(self, server: SilentServer) -> None:
        self.connections += 1
        self._inside.add(server)
        self._empty.clear()

    def leave(self, server: SilentServer) -> None:
        self._inside.discard(server)
        if not self._inside:
            self._empty.set()

    def heard(self, data: bytes) -> None:
        self.requests.append(data)

    def close_connections(self) -> None:
        for server in self._inside:
            server.transport.close()

    async def is_empty(self) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self._empty.wait()


@contextlib.asynccontextmanager
async def misbehaving(kind: Callable[[House], SilentServer], tls: ssl.SSLContext | None = None) -> AsyncIterator[House]:
    house = House()
    server = await asyncio.get_running_loop().create_server(lambda: kind(house), "127.0.0.1", 0, ssl=tls)
    house.port = server.sockets[0].getsockname()[1]
    house.stop_listening = server.close
    try:
        yield house
    finally:
        server.close()
        house.close_connections()
        await house.is_empty()
        await server.wait_closed()
