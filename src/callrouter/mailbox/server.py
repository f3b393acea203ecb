"""One emulated Mailbox server as it runs: its UM service, its current worker, those that drain, and the recycling.

A recycle starts the successor on the other port of the pair and then lets the UM service name it, so that no call is
sent to a port that does not listen. The old worker goes on listening until its last call is over, takes calls that were
redirected to it before the switch, and after `LATE_CALLS_SECONDS` no new ones (EXCHANGE-UM A1, B 1). How the
ports are opened is `doors`, what is said on them `um_service` and `worker`.
"""

import asyncio
import secrets
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf
from time import monotonic

from callrouter.directory.model import ComponentState
from callrouter.dispatcher import Dispatcher
from callrouter.mailbox.calls import CallTable, WorkerProcess
from callrouter.mailbox.config import freeze_worker
from callrouter.mailbox.doors import Doors, MailboxError, Surroundings
from callrouter.mailbox.um_service import service_snapshot
from callrouter.mailbox.worker import MediaSessions, WorkerAgent, WorkerDesk
from callrouter.session import SipSession
from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from callrouter.snapshot import RoutingSnapshot, SnapshotCell
from callrouter.transport.connection import SessionFactory
from callrouter.transport.listener import Listener
from callrouter.transport.port import StreamSession
from callrouter.ua.endpoint import Endpoint, EndpointConfig
from callrouter.wire import Peer, Transport

LATE_CALLS_SECONDS = 32.0
"""64*T1: how long a caller may take from the redirect to its INVITE (RFC 3261 17.1.1.2)."""

WORKER_STARTED_EVENT_ID = 1000
WORKER_FAILED_EVENT_ID = 1001
"""Of the product: a worker has started on a port, or could not (EXCHANGE-UM B 6)."""

_TAG_KEY_BYTES = 32
_TOKEN_BYTES = 8
_CRYPTO_KEY_BYTES = 30
_SESSION_ID_BITS = 31


@dataclass(slots=True)
class Life:
    """A worker process and its listeners."""

    process: WorkerProcess
    ports: Mapping[Transport, int]
    listeners: list[Listener] = field(default_factory=list)
    late_calls: asyncio.TimerHandle | None = None


class RunningServer:
    """One server. Used inside a running loop."""

    def __init__(self, server: EmulatedServer, surroundings: Surroundings, snapshot: RoutingSnapshot) -> None:
        self.name = server.name
        self._server = server
        self._around = surroundings
        self._doors = Doors(server, surroundings)
        self._log = surroundings.log.bind(server=server.name)
        self._router_snapshot = snapshot
        self._cell = SnapshotCell(snapshot)
        self._table = CallTable(freeze_worker(surroundings.settings, server), self._calls_changed)
        self._tag_key = secrets.token_bytes(_TAG_KEY_BYTES)
        settings, emit = surroundings.settings, surroundings.make_sink(server.name, "worker")
        sessions = MediaSessions(settings.rtp_port_min, settings.rtp_port_max, secrets.randbits(_SESSION_ID_BITS))
        self._desk = WorkerDesk(self._table, self._cell, emit, sessions, _make_crypto_key)
        self._service_emit = surroundings.make_sink(server.name, "um-service")
        self._services: list[Listener] = []
        self._current: Life | None = None
        self._retired: list[Life] = []
        self._ending: dict[asyncio.Task[None], Life] = {}
        """Workers without calls whose last connections are being closed."""
        self._lives = 0
        self._is_stopping = False
        self._recycle_seconds = settings.recycle_seconds
        self._recycle_timer: asyncio.TimerHandle | None = None
        self._table_timer: asyncio.TimerHandle | None = None
        self._table_due_at = inf

    # --- what can be seen

    @property
    def calls(self) -> int:
        """How many go on."""
        return len(self._table)

    @property
    def max_calls_allowed(self) -> int:
        """How many there may be."""
        return self._table.config.max_calls

    @property
    def recycles(self) -> int:
        """How often the worker was replaced."""
        return max(0, self._lives - 1)

    @property
    def worker_ports(self) -> Mapping[Transport, int]:
        """Where the current worker listens."""
        return {} if self._current is None else self._current.ports

    @property
    def draining_calls(self) -> int:
        """How many calls older workers still have."""
        return self.calls - (0 if self._current is None else self._current.process.calls)

    @property
    def listeners(self) -> Iterator[tuple[str, Listener]]:
        """(role, listener) of everything that accepts: the UM service and the current worker."""
        if not self._is_stopping:
            yield from (("um-service", listener) for listener in self._services)
            if self._current is not None:
                yield from (("worker", listener) for listener in self._current.listeners)

    @property
    def bind_address(self) -> str:
        """Where it listens; "" for all addresses."""
        return self._doors.address

    # --- what can be done

    def open(self) -> None:
        """Listen: the first worker, then the UM service that names it.

        Raises:
            MailboxError: some ports cannot be opened; then none is.
        """
        problems: list[str] = []
        try:
            self._current = self._start_life(0)
        except MailboxError as error:
            problems.extend(error.problems)
        ports = self._around.settings.um_service_ports(self._server)
        try:
            self._services = self._doors.open(ports, self._service_factory(), self._service_emit)
        except MailboxError as error:
            problems.extend(error.problems)
        if problems or self._current is None:
            for listener in self._all_listeners():
                listener.stop_accepting()
            self._current, self._services = None, []
            raise MailboxError(tuple(problems))
        self._log_start(self._current)
        self._refresh()
        self._arm_recycling()

    def follow(self, snapshot: RoutingSnapshot) -> None:
        """Gateways, dial plans or users have changed."""
        self._router_snapshot = snapshot
        self._refresh()

    def configure(self, settings: MailboxSettings) -> None:
        """Take up what a reload changed of how calls are answered and workers recycled; ports stay as they are."""
        same = (each for each in settings.servers if each.name.casefold() == self.name.casefold())
        config = self._table.config = freeze_worker(settings, next(same, self._server))
        self._desk.sessions.set_range(config.rtp_port_min, config.rtp_port_max)
        self._refresh()
        if settings.recycle_seconds != self._recycle_seconds:
            self._recycle_seconds = settings.recycle_seconds
            self._arm_recycling()

    def recycle(self) -> None:
        """Replace the worker by its successor on the other port of the pair.

        Raises:
            MailboxError: the successor's ports cannot be opened, and the worker stays; or there is none any more.
        """
        before = self._current
        if before is None or self._is_stopping:
            raise MailboxError((f"{self.name} does not listen: it is starting or stopping",))
        try:
            successor = self._start_life(self._lives % 2)
        except MailboxError as error:
            self._log.warning("worker not recycled", event_id=WORKER_FAILED_EVENT_ID, problems=error.problems)
            raise
        self._log_start(successor)
        self._current = successor
        self._refresh()
        self._retire(before)
        self._arm_recycling()

    async def drain(self, seconds: float) -> int:
        """End every call by BYE, stop listening; how many connections were cut off after these seconds."""
        self._begin_stop()
        listeners = list(self._all_listeners())
        cut_off = sum(await asyncio.gather(*(listener.drain(seconds) for listener in listeners)))
        await self._finish()
        return cut_off

    async def close(self) -> None:
        """End everything now."""
        self._begin_stop()
        await asyncio.gather(*(listener.close() for listener in self._all_listeners()))
        await self._finish()

    # --- inside: lives of workers

    def _start_life(self, turn: int) -> Life:
        pairs = self._around.settings.worker_ports_of(self._server)
        ports = {transport: pair[turn] for transport, pair in pairs.items()}
        self._make_room(ports)
        process = WorkerProcess(self._lives + 1)
        life = Life(process, ports)
        life.listeners = self._doors.open(ports, self._worker_factory(process), self._desk.emit)
        self._lives += 1
        return life

    def _log_start(self, life: Life) -> None:
        ports = {transport.value: port for transport, port in life.ports.items()}
        self._log.info("worker started", event_id=WORKER_STARTED_EVENT_ID, worker=life.process.number, ports=ports)

    def _make_room(self, ports: Mapping[Transport, int]) -> None:
        """A worker of two recycles ago may hold the ports still: it keeps its connections, and stops listening."""
        for life in tuple(self._retired):
            if set(life.ports.items()) & set(ports.items()):
                self._end_late_calls(life)
                for listener in life.listeners:
                    listener.stop_accepting()

    def _retire(self, life: Life) -> None:
        self._retired.append(life)
        loop = asyncio.get_running_loop()
        life.late_calls = loop.call_later(LATE_CALLS_SECONDS, self._end_late_calls, life)
        self._log.info("worker draining", worker=life.process.number, calls=life.process.calls)

    def _end_late_calls(self, life: Life) -> None:
        if life.late_calls is not None:
            life.late_calls.cancel()
            life.late_calls = None
        life.process.takes_calls = False
        self._end_lives()

    def _end_lives(self) -> None:
        """Let go of old workers whose last call is over."""
        over = [life for life in self._retired if not life.process.takes_calls and not life.process.calls]
        for life in over:
            self._retired.remove(life)
            task = asyncio.get_running_loop().create_task(self._end_life(life))
            self._ending[task] = life
            task.add_done_callback(self._ending.pop)

    async def _end_life(self, life: Life) -> None:
        # No call is left, so that only silent connections are.
        await asyncio.gather(*(listener.drain(LATE_CALLS_SECONDS) for listener in life.listeners))
        self._log.info("worker ended", worker=life.process.number)

    def _arm_recycling(self) -> None:
        if self._recycle_timer is not None:
            self._recycle_timer.cancel()
            self._recycle_timer = None
        if self._recycle_seconds and self._current is not None and not self._is_stopping:
            loop = asyncio.get_running_loop()
            self._recycle_timer = loop.call_later(self._recycle_seconds, self._recycle_in_time)

    def _recycle_in_time(self) -> None:
        try:
            self.recycle()
        except MailboxError:  # logged; the next period tries again
            self._arm_recycling()

    # --- inside: ports and sessions

    def _service_factory(self) -> SessionFactory:
        dispatcher, limits, emit, key = Dispatcher(self._cell), self._around.limits, self._service_emit, self._tag_key

        def create_session(peer: Peer, now: float) -> StreamSession:
            return SipSession(peer, dispatcher, limits, emit, tag_key=key, now=now)

        return create_session

    def _worker_factory(self, process: WorkerProcess) -> SessionFactory:
        limits, desk, key = self._around.limits, self._desk, self._tag_key
        make_token = partial(secrets.token_hex, _TOKEN_BYTES)

        def create_session(peer: Peer, now: float) -> StreamSession:
            form = self._cell.current.form
            endpoint = Endpoint(peer, EndpointConfig(limits, desk.emit, key, make_token, form), now)
            endpoint.serve(WorkerAgent(endpoint, process, desk))
            return endpoint

        return create_session

    def _all_listeners(self) -> Iterator[Listener]:
        yield from self._services
        for life in (*([self._current] if self._current else []), *self._retired, *self._ending.values()):
            yield from life.listeners

    # --- inside: the snapshot and the timers

    def _refresh(self) -> None:
        snapshot = service_snapshot(
            self._router_snapshot,
            self.name,
            dict(self.worker_ports),
            advertised_host=self._table.config.advertised_host,
            is_full=self._table.is_full,
        )
        if self._is_stopping:
            snapshot = replace(snapshot, component_state=ComponentState.DRAINING)
        self._cell.current = snapshot

    def _calls_changed(self) -> None:
        if self._cell.current.is_full is not self._table.is_full:
            self._cell.current = replace(self._cell.current, is_full=self._table.is_full)
        if self._retired:
            self._end_lives()
        deadline = self._table.next_deadline()
        if deadline is None or deadline >= self._table_due_at:
            return
        if self._table_timer is not None:
            self._table_timer.cancel()
        self._table_due_at = deadline
        self._table_timer = asyncio.get_running_loop().call_later(max(0.0, deadline - monotonic()), self._table_due)

    def _table_due(self) -> None:
        self._table_timer, self._table_due_at = None, inf
        self._table.handle_deadline(monotonic())
        self._calls_changed()

    def _begin_stop(self) -> None:
        """No worker takes a call from here on, none has a successor, and calls without a connection end."""
        self._is_stopping = True
        self._refresh()
        if self._recycle_timer is not None:
            self._recycle_timer.cancel()
        self._table.stop(monotonic())
        for life in tuple(self._retired):
            self._end_late_calls(life)

    async def _finish(self) -> None:
        """All connections are gone, and with them the last that a call could wait for."""
        self._table.stop(monotonic())
        await asyncio.gather(*self._ending)
        if self._table_timer is not None:
            self._table_timer.cancel()
            self._table_timer, self._table_due_at = None, inf


def _make_crypto_key() -> str:
    """The inline key of AES_CM_128: 16 octets of key and 14 of salt (RFC 4568 6.1)."""
    return b64encode(secrets.token_bytes(_CRYPTO_KEY_BYTES)).decode("ascii")
