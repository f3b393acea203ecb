"""Composition root: build, start, drain, stop. The only place that wires the rooms together.

`preparation` has read everything that can be wrong; `Application` opens the ports; `lifecycle` keeps it going until a
signal comes. What can be changed while it runs is in `operations` and `mailbox_operations`.
"""

import asyncio
import os
import secrets
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from structlog.typing import FilteringBoundLogger

from callrouter.admin.api import ApiSources, create_api
from callrouter.admin.control import ControlError
from callrouter.admin.models import Readiness
from callrouter.admin.server import AdminServer
from callrouter.caller.spec import CallerConfig
from callrouter.certificates.inspect import UnreadableCertificate
from callrouter.certificates.watch import watch_files
from callrouter.directory.model import ComponentState
from callrouter.dispatcher import Dispatcher
from callrouter.mailbox.doors import MailboxError, Surroundings
from callrouter.mailbox.outcalls import Outcalls
from callrouter.mailbox.role import MailboxRole
from callrouter.mailbox_operations import MailboxOperations
from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import Logs
from callrouter.observability.metrics import MetricSources, create_registry, render
from callrouter.observability.recorder import Recorder
from callrouter.operations import Operations, Reread
from callrouter.pool.health import ProbeResult
from callrouter.ports import SipPorts
from callrouter.preparation import Prepared, Role, StartError, inspect_certificates
from callrouter.probing.config import ProbeConfig
from callrouter.probing.prober import Prober
from callrouter.probing.report import describe_change
from callrouter.reachability import find_bridge_address, find_misnamed, find_unreachable
from callrouter.readiness import (
    describe,
    describe_certificates,
    describe_listeners,
    describe_mailbox,
    describe_mailbox_alone,
)
from callrouter.session import SipSession
from callrouter.settings.advertised import advertise_mailbox
from callrouter.settings.freeze import freeze_probes, freeze_session_limits, freeze_transport_limits
from callrouter.settings.model import Settings
from callrouter.telemetry import Event, SessionFailed, Sink
from callrouter.transport.admission import Admission
from callrouter.transport.listener import ListenError, bind_sockets
from callrouter.transport.tls import ServerTls, TlsConfigurationError, build_client_context
from callrouter.wire import Peer, Transport

_TAG_KEY_BYTES = 32


class Application:
    """One process: router, Mailbox role or both, with admin server, recorders, and the operations that change them."""

    def __init__(self, prepared: Prepared, reread: Reread, logs: Logs) -> None:
        settings = prepared.settings
        self.log = logs.logger
        self.operations = Operations(prepared, reread, self.log)
        self.counters = Counters()
        self.journal = Journal(settings.journal.max_calls)
        self.mailbox_counters: dict[tuple[str, str], Counters] = {}
        """By server and role."""
        self.mailbox_journal = Journal(settings.journal.max_calls)
        self._logs = logs
        self._prepared = prepared
        self._certificates = prepared.certificates
        self._client_tls, self._mailbox_client_tls = self._read_client_tls()
        self._admin: AdminServer | None = None
        self._probes: Prober | None = None
        self._bridge_address = find_bridge_address()
        self._stopping = asyncio.Event()
        self._cut = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.recorder = self._create_recorder(self.counters, self.journal, self.log)
        self.mailbox: MailboxRole | None = None
        self._outcalls: Outcalls | None = None
        mailbox_control: MailboxOperations | None = None
        if Role.MAILBOX in prepared.roles:
            self.mailbox, self._outcalls = self._create_mailbox(), self._create_outcalls()
            mailbox_control = MailboxOperations(
                self.mailbox, self._outcalls, lambda: self.operations.cell.current, self.log
            )
        registry = create_registry(
            MetricSources(self.counters, time.monotonic, lambda: logs.lines_lost, self.mailbox_counters)
        )
        self._api = create_api(
            ApiSources(
                self,
                self.journal,
                partial(render, registry),
                time.monotonic,
                control=self.operations,
                mailbox=mailbox_control,
                token=settings.admin.token,
            )
        )
        limits = freeze_transport_limits(settings.limits)
        self._ports = SipPorts(self._session_factory(), limits, self.recorder, prepared.server_tls)

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.operations.settings

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """Where the admin port is, or None where there is none."""
        return None if self._admin is None else self._admin.address

    async def start(self) -> None:
        """Open every port, or none.

        Raises:
            StartError: a port cannot be opened; all that cannot are named.
        """
        problems: list[str] = []
        admin_socket: socket.socket | None = None
        try:
            if Role.ROUTER in self._prepared.roles:
                self.operations.open(self._ports)
        except StartError as error:
            problems.extend(error.problems)
        try:
            if self.mailbox is not None:
                self.mailbox.open()
        except MailboxError as error:
            problems.extend(error.problems)
        try:
            admin_socket = self._bind_admin()
        except ListenError as error:
            problems.append(f"{error} (admin.port)")
        if problems:
            await self._close_ports()
            if admin_socket is not None:
                admin_socket.close()
            raise StartError(tuple(problems))
        if admin_socket is not None:
            self._admin = AdminServer(self._api, admin_socket)
            await self._admin.start()
        if Role.ROUTER in self._prepared.roles:
            self._probes = self._start_probing()
        self._tasks = [asyncio.create_task(each) for each in self._background()]

    async def stop(self) -> int:
        """Stop accepting, finish what is in flight, close. Returns how many connections the drain limit cut off."""
        self._stopping.set()
        if self._probes is not None:
            await self._probes.stop()
        if self._outcalls is not None:
            await self._outcalls.close()
        aborted = await self._drain()
        await self._close_ports()
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None
        await asyncio.gather(*self._tasks)
        return aborted

    async def _drain(self) -> int:
        """Let everything finish, the router first: the Mailbox role takes the calls that were redirected to it."""
        limits, until = self.settings.limits, time.monotonic() + self.settings.limits.drain_seconds
        router = asyncio.create_task(self._ports.drain(limits.drain_seconds))
        if self.mailbox is None:
            return await router
        # The half that is left is for calls to be ended, which callers that are never silent must not use up.
        await asyncio.wait((router,), timeout=limits.drain_seconds / 2)
        cell = self.operations.cell
        cell.current = replace(cell.current, component_state=ComponentState.DRAINING)
        with suppress(TimeoutError):  # nobody has cut the drain off
            async with asyncio.timeout(min(limits.drain_quiet_seconds, until - time.monotonic())):
                await self._cut.wait()
        return sum(await asyncio.gather(router, self.mailbox.drain(max(0.0, until - time.monotonic()))))

    async def _close_ports(self) -> None:
        await self._ports.close()
        if self.mailbox is not None:
            await self.mailbox.close()

    async def cut_drain(self) -> None:
        """End a stop that waits: connections are cut off as they are."""
        self._cut.set()
        await self._close_ports()

    async def reload(self) -> None:
        """What SIGHUP asks for: the log file anew, settings and directory again."""
        try:
            self._logs.reopen()
        except OSError as error:
            self.log.warning("log file not reopened", problem=str(error))
        with suppress(ControlError):  # logged, and shown by /readyz
            await self.operations.reload()

    def readiness(self) -> Readiness:
        """The state of everything, for `/readyz`."""
        operations = self.operations
        certificates = describe_certificates(self._certificates, datetime.now(UTC))
        directory = operations.cell.current.lookup.directory
        trouble = (
            *(text for about, text in operations.trouble.items() if text and about != "names"),
            *find_unreachable(self.settings, directory, self._prepared.roles, self._bridge_address),
            *find_misnamed(self.settings, self._certificates, self._prepared.roles),
        )
        servers = () if self.mailbox is None else describe_mailbox(self.mailbox.servers)
        snapshot, origin = operations.cell.current, operations.origin
        if Role.ROUTER not in self._prepared.roles:
            return describe_mailbox_alone(snapshot, origin, servers, certificates, trouble)
        listeners = () if self._stopping.is_set() else describe_listeners(self._ports.listeners)
        readiness = describe(snapshot, origin, listeners, certificates, trouble, operations.health)
        return readiness.model_copy(update={"mailbox": servers})

    def _session_factory(self) -> Callable[[Peer, float], SipSession]:
        dispatcher = Dispatcher(self.operations.cell)
        limits = freeze_session_limits(self._prepared.settings.limits)
        emit = self.recorder
        tag_key = os.urandom(_TAG_KEY_BYTES)

        def create_session(peer: Peer, now: float) -> SipSession:
            return SipSession(peer, dispatcher, limits, emit, tag_key=tag_key, now=now)

        return create_session

    def _start_probing(self) -> Prober:
        """Watch the Mailbox servers, as far as the settings say so now or after a reload."""
        operations = self.operations

        def record(server: str, transport: Transport, result: ProbeResult, now: float) -> None:
            change = operations.record(server, transport, result, now)
            if change is not None:
                self.recorder(describe_change(change))

        prober = Prober(self._freeze_probes(), record, self.recorder)
        operations.followers.append(lambda: prober.follow(operations.health, self._freeze_probes()))
        prober.follow(operations.health)
        return prober

    def _freeze_probes(self) -> ProbeConfig:
        return freeze_probes(self.settings, self._client_tls)

    def _read_client_tls(self) -> tuple[ssl.SSLContext | None, ssl.SSLContext | None]:
        """What our own connections show: those of the router, and those of the emulated servers."""
        holders = (self._prepared.server_tls, self._prepared.mailbox_tls)
        router, mailbox = (
            None if each is None else build_client_context(each.files.ca_file, each.files, verify_host=False)
            for each in holders
        )
        return router, mailbox

    def _create_mailbox(self) -> MailboxRole:
        settings, operations = self.settings, self.operations
        limits = freeze_transport_limits(settings.limits)
        role = MailboxRole(
            Surroundings(
                settings=advertise_mailbox(settings),
                limits=freeze_session_limits(settings.limits),
                transport_limits=limits,
                admission=Admission(limits),
                server_tls=self._prepared.mailbox_tls,
                make_sink=self._make_mailbox_sink,
                log=self.log,
            ),
            operations.cell.current,
        )

        def follow() -> None:
            role.follow(operations.cell.current)
            role.configure(advertise_mailbox(operations.settings))

        operations.followers.append(follow)
        return role

    def _create_outcalls(self) -> Outcalls:
        settings = self.settings
        config = CallerConfig(
            tls=lambda: self._mailbox_client_tls or build_client_context(None),
            local_address=settings.mailbox.bind_address,
            user_agent=settings.redirect.effective_server_header or CallerConfig().user_agent,
            limits=freeze_session_limits(settings.limits),
            transport_limits=freeze_transport_limits(settings.limits),
            emit=self._report_failure,
        )
        return Outcalls(config, lambda: self.settings.mailbox.outcall_seconds, lambda: secrets.token_hex(16), self.log)

    def _report_failure(self, event: Event, /) -> None:
        """Of an outcall only what is a bug of ours: how it went is told by `Outcalls`."""
        if isinstance(event, SessionFailed):
            self.recorder(event)

    def _make_mailbox_sink(self, server: str, role: str) -> Sink:
        """The recorder of one role of an emulated server; what it counts is not the router's."""
        counters = self.mailbox_counters[server, role] = Counters()
        return self._create_recorder(counters, self.mailbox_journal, self.log.bind(server=server, role=role))

    def _create_recorder(self, counters: Counters, journal: Journal, log: FilteringBoundLogger) -> Recorder:
        # The clock of the transport. uvloop's own counts milliseconds, and a call takes microseconds.
        clock, write_call = time.monotonic, self._logs.call_writer(log)
        log_calls = self._prepared.settings.log.calls
        return Recorder(counters, journal, log, log_calls=log_calls, clock=clock, write_call=write_call)

    def _bind_admin(self) -> socket.socket | None:
        admin = self.settings.admin
        if not admin.enabled:
            return None
        # uvicorn serves one socket; without an address that is all of IPv4.
        [bound] = bind_sockets(admin.bind_address or "0.0.0.0", admin.port, "Any", label="HTTP")
        return bound

    def _background(self) -> Iterator[Coroutine[None, None, None]]:
        """What goes on beside the calls until the stop."""
        yield self._follow_names()
        holders = [each for each in (self._prepared.server_tls, self._prepared.mailbox_tls) if each is not None]
        if holders:
            tls, mailbox = self._prepared.settings.tls, self._prepared.settings.mailbox
            named = (tls.certificate_file, tls.private_key_file, tls.ca_file)
            own = (mailbox.certificate_file, mailbox.private_key_file)
            files = [file for file in (*named, *own) if file is not None]
            yield self._follow_certificates(holders, watch_files(files, self._stopping))
        if self._prepared.watched:
            yield self._follow_files(watch_files(self._prepared.watched, self._stopping))

    async def _follow_names(self) -> None:
        """Resolve the gateways' names now and again (EXCHANGE-UM B 1: every 10 minutes)."""
        while not self._stopping.is_set():
            await self.operations.resolve()
            with suppress(TimeoutError):
                async with asyncio.timeout(self.settings.directory.resolve_seconds):
                    await self._stopping.wait()

    async def _follow_files(self, changes: AsyncIterator[None]) -> None:
        """Reload when the settings file or the directory file has changed."""
        async for _ in changes:
            await self.reload()

    async def _follow_certificates(self, holders: Sequence[ServerTls], changes: AsyncIterator[None]) -> None:
        """Take up certificates and CA that were replaced; a bad set keeps the last good one and says so."""
        trouble = self.operations.trouble
        async for _ in changes:
            try:
                certificates = inspect_certificates(self._prepared.settings, self._prepared.roles)
                for each in holders:
                    each.reload()
                self._client_tls, self._mailbox_client_tls = self._read_client_tls()
            except (TlsConfigurationError, UnreadableCertificate) as error:
                problem = str(error).replace("\n", "; ")
                trouble["certificates"] = f"the certificates could not be reloaded: {problem}"
                self.log.warning("certificates not reloaded", problem=problem, kept="the last good ones")
            else:
                self._certificates = certificates
                if self._probes is not None:
                    self._probes.follow(self.operations.health, self._freeze_probes())
                trouble.pop("certificates", None)
                self.log.info("certificates reloaded", files=[file for file, _ in certificates])
