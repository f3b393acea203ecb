"""What the transport tests share: fake sessions, an event log that can be awaited, a listener with its surroundings."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

from callrouter.telemetry import Event, TlsHandshakeFailed
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import SessionFactory
from callrouter.transport.listener import Listener, bind_sockets
from callrouter.transport.port import StreamSession
from callrouter.transport.tls import ServerTls
from callrouter.wire import CloseReason, Peer
from tests.transport.certificates import Authority, Identity

PATIENCE_SECONDS = 5.0
"""How long a test waits for what must come; never reached where all is well."""

EventT = TypeVar("EventT", bound=Event)


class EchoSession:
    """Answers what it gets. Closes after b"quit", at EOF and when drained."""

    def __init__(self, peer: Peer, now: float) -> None:
        self.peer = peer
        self.opened_at = now
        self.received: list[bytes] = []
        self.heard = asyncio.Event()
        self.output: list[bytes] = []
        self.deadline: float | None = None
        self.deadlines_handled: list[float] = []
        self.reason: CloseReason | None = None
        self.lost_at: list[float] = []

    def receive_data(self, data: bytes, now: float) -> None:
        assert now >= self.opened_at
        self.received.append(data)
        self.heard.set()
        self.output.append(data)
        if data.endswith(b"quit"):
            self.reason = CloseReason.UNANSWERABLE

    def receive_eof(self, now: float) -> None:
        assert now >= self.opened_at
        self.reason = CloseReason.PEER_CLOSED

    def connection_lost(self, now: float) -> None:
        assert now >= self.opened_at
        self.lost_at.append(now)

    def data_to_send(self) -> list[bytes]:
        output, self.output = self.output, []
        return output

    def next_deadline(self) -> float | None:
        return self.deadline

    def handle_deadline(self, now: float) -> None:
        self.deadlines_handled.append(now)
        self.deadline = None

    def begin_drain(self, now: float) -> None:
        assert now >= self.opened_at
        self.reason = CloseReason.DRAINED

    @property
    def close_reason(self) -> CloseReason | None:
        return self.reason


class SinkSession(EchoSession):
    """Takes everything, says nothing."""

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        self.output.clear()


class AmplifyingSession(EchoSession):
    """Answers every read with 32 times as much."""

    factor = 32

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        self.output = [data] * self.factor


class FarewellSession(EchoSession):
    """Answers its first read with more than the kernel holds, and wants to close."""

    answer = bytes(range(256)) * 32_768

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        self.output = [self.answer]
        self.reason = CloseReason.UNANSWERABLE


class HoldingSession(EchoSession):
    """Holds every answer back for a while; drains and ends only when it is out."""

    hold_seconds = 0.1

    def __init__(self, peer: Peer, now: float) -> None:
        super().__init__(peer, now)
        self.held: list[bytes] = []
        self.next_reason: CloseReason | None = None

    def receive_data(self, data: bytes, now: float) -> None:
        super().receive_data(data, now)
        self.held, self.output = self.output, []
        self.deadline = now + self.hold_seconds

    def receive_eof(self, now: float) -> None:
        assert now >= self.opened_at
        self._end_with(CloseReason.PEER_CLOSED)

    def handle_deadline(self, now: float) -> None:
        super().handle_deadline(now)
        self.output, self.held = self.held, []
        self.reason = self.next_reason

    def begin_drain(self, now: float) -> None:
        assert now >= self.opened_at
        self._end_with(CloseReason.DRAINED)

    def _end_with(self, reason: CloseReason) -> None:
        self.next_reason = reason
        if not self.held:
            self.reason = reason


class HangingSession(HoldingSession):
    """Never gives its answer."""

    hold_seconds = 3600.0


class RaisingSession(EchoSession):
    """Raises in every method once it was told b"raise", or in the method that it is told."""

    def __init__(self, peer: Peer, now: float, method: str = "") -> None:
        super().__init__(peer, now)
        self.method = method
        self.calls_after_raising = 0
        self.raised = False

    def _maybe_raise(self, method: str) -> None:
        if self.raised:
            self.calls_after_raising += 1
        if method == self.method:
            self.raised = True
            raise LookupError(method)

    def receive_data(self, data: bytes, now: float) -> None:
        self._maybe_raise("receive_data")
        super().receive_data(data, now)
        if self.method == "handle_deadline":
            self.deadline = now

    def receive_eof(self, now: float) -> None:
        self._maybe_raise("receive_eof")
        super().receive_eof(now)

    def data_to_send(self) -> list[bytes]:
        # The first call comes before anything was received and must not raise, or there would be no connection to use.
        if self.received:
            self._maybe_raise("data_to_send")
        return super().data_to_send()

    def handle_deadline(self, now: float) -> None:
        self._maybe_raise("handle_deadline")
        super().handle_deadline(now)

    def begin_drain(self, now: float) -> None:
        self._maybe_raise("begin_drain")
        super().begin_drain(now)


class EventLog:
    """A telemetry sink that can be awaited."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event, /) -> None:
        self.events.append(event)
        self._changed.set()

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    async def wait_for(self, kind: type[EventT], count: int = 1) -> EventT:
        """Wait for the count-th event of a kind."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)[count - 1]


async def heard(session: StreamSession) -> None:
    """Wait until a session was told something."""
    assert isinstance(session, EchoSession)
    async with asyncio.timeout(PATIENCE_SECONDS):
        await session.heard.wait()


class Rig:
    """A listener on loopback and everything around it."""

    def __init__(self, factory: SessionFactory, limits: TransportLimits, tls: ServerTls | None) -> None:
        self.sessions: list[StreamSession] = []
        self.events = EventLog()
        self.admission = Admission(limits)
        self.clients: list[socket.socket] = []
        self._factory = factory
        sockets = bind_sockets("127.0.0.1", 0, "IPv4Only")
        self.listener = Listener(sockets, self._make_session, limits, self.admission, self.events, tls)

    @property
    def address(self) -> tuple[str, int]:
        return self.listener.addresses[0]

    def _make_session(self, peer: Peer, now: float) -> StreamSession:
        session = self._factory(peer, now)
        self.sessions.append(session)
        return session

    async def connect(self, *, receive_buffer_bytes: int = 0) -> socket.socket:
        """Connect a non-blocking socket, for peers that misbehave."""
        client = socket.socket()
        self.clients.append(client)
        client.setblocking(False)
        if receive_buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        await asyncio.get_running_loop().sock_connect(client, self.address)
        return client

    async def open(self, context: ssl.SSLContext | None = None) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect a well-behaved client, over TLS where a context is given."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await asyncio.open_connection(*self.address, ssl=context)


@contextlib.asynccontextmanager
async def listening(
    factory: SessionFactory = EchoSession, limits: TransportLimits | None = None, tls: ServerTls | None = None
) -> AsyncIterator[Rig]:
    rig = Rig(factory, limits or TransportLimits(), tls)
    await rig.listener.start()
    try:
        yield rig
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await rig.listener.close()
        for client in rig.clients:
            client.close()
        # Whatever happened to them, nothing is left over.
        assert rig.admission.connections == rig.admission.handshakes == rig.admission.addresses == 0
        assert not rig.listener.connections


def session_of(rig: Rig, writer: asyncio.StreamWriter) -> EchoSession:
    """Find the server's session of a client."""
    port = writer.get_extra_info("sockname")[1]
    sessions = [each for each in rig.sessions if isinstance(each, EchoSession)]
    return next(each for each in sessions if each.peer.port == port)


async def read_exactly(client: socket.socket, count: int) -> bytes:
    """Read from a raw socket until `count` octets or EOF."""
    loop = asyncio.get_running_loop()
    received = bytearray()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(received) < count:
            data = await loop.sock_recv(client, min(65_536, count - len(received)))
            if not data:
                break
            received += data
    return bytes(received)


async def close_writer(writer: asyncio.StreamWriter) -> None:
    """Close a client, whatever the server did to it before."""
    writer.close()
    with contextlib.suppress(OSError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            await writer.wait_closed()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes) -> bytes:
    """Send, and read as much as was sent."""
    writer.write(data)
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await reader.readexactly(len(data))


def reset(client: socket.socket) -> None:
    """Close with RST instead of FIN."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def client_context(
    authority: Authority, identity: Identity | None, configure: Callable[[ssl.SSLContext], object] | None = None
) -> ssl.SSLContext:
    """Make a client's context that trusts `authority` and shows `identity`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(authority.certificate_file)
    if identity is not None:
        context.load_cert_chain(identity.certificate_file, identity.private_key_file)
    if configure is not None:
        configure(context)
    return context


async def refused(rig: Rig, context: ssl.SSLContext, count: int = 1) -> TlsHandshakeFailed:
    """Connect as a client that must not get in; return the event that says why."""
    writer = None
    with contextlib.suppress(OSError):  # with TLS 1.3 the client's handshake may be over before the server refuses
        reader, writer = await rig.open(context)
        assert await reader.read() == b""
    if writer is not None:
        await close_writer(writer)
    return await rig.events.wait_for(TlsHandshakeFailed, count)
