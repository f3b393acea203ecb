"""Emulated Mailbox servers on a loopback address of this process, and phones that call them."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncIterator, Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Any

import structlog
from structlog.typing import FilteringBoundLogger

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory, UMIPGateway
from callrouter.mailbox.doors import Surroundings
from callrouter.mailbox.server import RunningServer
from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from callrouter.snapshot import RoutingSnapshot
from callrouter.stream import SessionLimits
from callrouter.telemetry import CallEnded, SessionFailed, Sink
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.tls import ServerTls
from tests.transport.rig import PATIENCE_SECONDS, EventLog
from tests.unit.mailbox.talk import Message, Talk, answer_ok

ADDRESS = f"127.77.{os.getpid() // 250 % 250 + 1}.{os.getpid() % 250 + 1}"
"""Nobody else's: test processes run side by side."""

OFFSET = 20_000
"""The product's own ports may be taken on all addresses, by a lab that somebody runs."""
SERVICE, SERVICE_TLS, ODD, ODD_TLS, EVEN, EVEN_TLS = ALL_PORTS = (25062, 25063, 25065, 25066, 25067, 25068)
"""Of the UM service, and the two pairs of its workers."""

KNOWN = RoutingSnapshot(
    DirectoryLookup(
        Directory(
            (
                UMIPGateway("loopback", ip_network("127.0.0.0/8")),
                UMIPGateway("loopback6", ip_network("::1")),
                UMIPGateway("client", fqdn="gw1.example"),
            )
        )
    )
)
SERVER = EmulatedServer(name="MBX1")


class Log:
    """What is logged, and can be awaited."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._grown = asyncio.Event()
        self.logger: FilteringBoundLogger = structlog.wrap_logger(
            None, processors=[self._take], wrapper_class=structlog.make_filtering_bound_logger(0)
        )

    def _take(self, _logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
        self.lines.append(dict(event))
        self._grown.set()
        raise structlog.DropEvent

    def select(self, event: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["event"] == event]

    async def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """The count-th line of this event."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while len(self.select(event)) < count:
                self._grown.clear()
                await self._grown.wait()
        return self.select(event)[count - 1]


@dataclass
class World:
    """What the servers of a test have around them; at its end nothing may be left."""

    settings: MailboxSettings
    tls: ServerTls | None = None
    events: EventLog = field(default_factory=EventLog)
    log: Log = field(default_factory=Log)
    sinks: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        limits = TransportLimits(linger_seconds=0.1)
        self.admission = Admission(limits)
        self.surroundings = Surroundings(
            settings=self.settings,
            limits=SessionLimits(drain_quiet_seconds=0.01),
            transport_limits=limits,
            admission=self.admission,
            server_tls=self.tls,
            make_sink=self._make_sink,
            log=self.log.logger,
        )

    def _make_sink(self, server: str, role: str) -> Sink:
        self.sinks.append((server, role))
        return self.events

    def ends(self) -> list[tuple[str, str]]:
        """(Call-ID, cause) of every call that has ended."""
        return [(each.call_id, each.cause.value) for each in self.events.of(CallEnded)]


@contextlib.asynccontextmanager
async def surround(settings: MailboxSettings, tls: ServerTls | None = None) -> AsyncIterator[World]:
    """A world, after which no task, timer or connection is left and no session has failed."""
    tasks, timers = asyncio.all_tasks(), _list_timers()
    world = World(settings, tls)
    yield world
    assert world.events.of(SessionFailed) == []
    assert world.admission.connections == world.admission.handshakes == 0
    assert asyncio.all_tasks() <= tasks
    assert _list_timers() <= timers


@contextlib.asynccontextmanager
async def serving(
    settings: MailboxSettings | None = None, server: EmulatedServer = SERVER, tls: ServerTls | None = None
) -> AsyncIterator[tuple[RunningServer, World]]:
    """One server that is open, and is closed in the end."""
    async with surround(settings or over_tcp(), tls) as world:
        running = RunningServer(server, world.surroundings, KNOWN)
        running.open()
        try:
            yield running, world
        finally:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await running.close()
        assert (running.calls, running.draining_calls, list(running.listeners)) == (0, 0, [])


def over_tcp(**changes: Any) -> MailboxSettings:
    """Settings of servers that need no certificate."""
    return MailboxSettings(**{"bind_address": ADDRESS, "port_offset": OFFSET, "um_startup_mode": "TCP", **changes})


def dual(**changes: Any) -> MailboxSettings:
    """Settings of servers that listen for both."""
    return over_tcp(um_startup_mode="Dual", **changes)


def _list_timers() -> set[asyncio.TimerHandle]:
    """Those that wait; only asyncio's own loop tells."""
    scheduled: list[asyncio.TimerHandle] = getattr(asyncio.get_running_loop(), "_scheduled", [])
    return {handle for handle in scheduled if not handle.cancelled()}


class Phone:
    """One connection of a caller."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, octets: bytes) -> None:
        self._writer.write(octets)
        await self._writer.drain()

    async def read(self) -> Message:
        """The next message."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            head = await self._reader.readuntil(b"\r\n\r\n")
            return Message(head + await self._reader.readexactly(int(Message(head)["Content-Length"])))

    async def read_final(self, method: str = "INVITE") -> Message:
        """The next final answer, which has to be one to this method."""
        while (message := await self.read()).status < 200:
            assert not message.is_request, message.octets
        assert message.method == method, message.octets
        return message

    async def ask(self, octets: bytes) -> Message:
        """Send a request and return its final answer."""
        await self.send(octets)
        return await self.read_final(octets.partition(b" ")[0].decode())

    async def call(self, talk: Talk) -> Message:
        """A call from INVITE to ACK; its 200."""
        answer = talk.hear(await self.ask(talk.invite()))
        assert answer.status == 200, answer.octets
        await self.send(talk.ack())
        return answer

    async def be_hung_up(self, *, answers: bool = True) -> Message:
        """Wait for BYE, and answer it."""
        bye = await self.read()
        assert bye.start_line.startswith("BYE "), bye.octets
        if answers:
            await self.send(answer_ok(bye))
        return bye

    async def read_to_end(self) -> bytes:
        """Everything until the server closes, in whatever way it does."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionError):
                return await self._reader.read()
        return b""

    async def hang_up(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):  # the server may have been faster
            async with asyncio.timeout(PATIENCE_SECONDS):
                await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def phone(port: int, context: ssl.SSLContext | None = None, address: str = ADDRESS) -> AsyncIterator[Phone]:
    """A connection to a port, closed in the end."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        made = Phone(*await asyncio.open_connection(address, port, ssl=context))
    try:
        yield made
    finally:
        await made.hang_up()


@contextlib.contextmanager
def taken(*ports: int, address: str = ADDRESS) -> Iterator[None]:
    """Somebody else listens there."""
    with contextlib.ExitStack() as stack:
        for port in ports:
            other = stack.enter_context(socket.socket())
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind((address, port))
            other.listen()
        yield


async def is_open(port: int, address: str = ADDRESS) -> bool:
    """Whether somebody listens there."""
    try:
        _, writer = await asyncio.open_connection(address, port)
    except ConnectionRefusedError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def contact_of(port: int, context: ssl.SSLContext | None = None) -> str:
    """Where the UM service sends a call; what else it answers is its status."""
    async with phone(port, context) as caller:
        talk = Talk(f"asks-{port}")
        answer = await caller.ask(talk.invite())
        await caller.send(talk.ack_failure())
        return answer["Contact"] if answer.status == 302 else str(answer.status)


def with_gateways(snapshot: RoutingSnapshot, *gateways: UMIPGateway) -> RoutingSnapshot:
    """The snapshot with a directory of these gateways."""
    return replace(snapshot, lookup=DirectoryLookup(Directory(gateways)))
