"""Composition root and lifecycle: build, start, ready, drain, stop. The only place that wires the rooms together.

`preparation` has read everything that can be wrong; `Application` opens the ports; `run` keeps it going until a signal
comes. What can be changed while it runs is in `operations`.
"""

import asyncio
import gc
import os
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from callrouter.admin.api import ApiSources, create_api
from callrouter.admin.control import ControlError
from callrouter.admin.models import Readiness
from callrouter.admin.server import AdminServer
from callrouter.certificates.inspect import UnreadableCertificate
from callrouter.certificates.watch import watch_files
from callrouter.dispatcher import Dispatcher
from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import Logs
from callrouter.observability.metrics import MetricSources, create_registry, render
from callrouter.observability.recorder import Recorder
from callrouter.operations import Operations, Reread
from callrouter.ports import SipPorts
from callrouter.preparation import Prepared, StartError, inspect_certificates
from callrouter.readiness import describe, describe_certificates, describe_listeners
from callrouter.session import SipSession
from callrouter.settings.freeze import freeze_session_limits, freeze_transport_limits
from callrouter.settings.model import Settings
from callrouter.signals import catch_signals
from callrouter.transport.listener import ListenError, bind_sockets
from callrouter.transport.tls import ServerTls, TlsConfigurationError
from callrouter.wire import Peer

_TAG_KEY_BYTES = 32


class Application:
    """One router: ports, admin server, recorder, and the operations that change it."""

    def __init__(self, prepared: Prepared, reread: Reread, logs: Logs) -> None:
        settings = prepared.settings
        self.log = logs.logger
        self.operations = Operations(prepared, reread, self.log)
        self.counters = Counters()
        self.journal = Journal(settings.journal.max_calls)
        self._logs = logs
        self._prepared = prepared
        self._certificates = prepared.certificates
        self._admin: AdminServer | None = None
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # The clock of the transport. uvloop's own counts milliseconds, and a call takes microseconds.
        clock = time.monotonic
        self.recorder = Recorder(self.counters, self.journal, self.log, log_calls=settings.log.calls, clock=clock)
        registry = create_registry(MetricSources(self.counters, clock, lambda: logs.lines_lost))
        self._api = create_api(
            ApiSources(
                self,
                self.journal,
                partial(render, registry),
                clock,
                control=self.operations,
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
            admin_socket = self._bind_admin()
        except ListenError as error:
            problems.append(f"{error} (admin.port)")
        try:
            self.operations.open(self._ports)
        except StartError as error:
            problems[:0] = error.problems
        if problems:
            await self._ports.close()
            if admin_socket is not None:
                admin_socket.close()
            raise StartError(tuple(problems))
        if admin_socket is not None:
            self._admin = AdminServer(self._api, admin_socket)
            await self._admin.start()
        self._tasks = [asyncio.create_task(each) for each in self._background()]

    async def stop(self) -> int:
        """Stop accepting, finish what is in flight, close. Returns how many connections the drain limit cut off."""
        self._stopping.set()
        aborted = await self._ports.drain(self.settings.limits.drain_seconds)
        await self._ports.close()
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None
        await asyncio.gather(*self._tasks)
        return aborted

    async def cut_drain(self) -> None:
        """End a stop that waits: connections are cut off as they are."""
        await self._ports.close()

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
        listeners = () if self._stopping.is_set() else describe_listeners(self._ports.listeners)
        certificates = describe_certificates(self._certificates, datetime.now(UTC))
        trouble = tuple(text for about, text in operations.trouble.items() if text and about != "names")
        return describe(operations.cell.current, operations.origin, listeners, certificates, trouble)

    def _session_factory(self) -> Callable[[Peer, float], SipSession]:
        dispatcher = Dispatcher(self.operations.cell)
        limits = freeze_session_limits(self._prepared.settings.limits)
        emit = self.recorder
        tag_key = os.urandom(_TAG_KEY_BYTES)

        def create_session(peer: Peer, now: float) -> SipSession:
            return SipSession(peer, dispatcher, limits, emit, tag_key=tag_key, now=now)

        return create_session

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
        if self._prepared.server_tls is not None:
            tls = self._prepared.settings.tls
            files = [file for file in (tls.certificate_file, tls.private_key_file, tls.ca_file) if file is not None]
            yield self._follow_certificates(self._prepared.server_tls, watch_files(files, self._stopping))
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

    async def _follow_certificates(self, server_tls: ServerTls, changes: AsyncIterator[None]) -> None:
        """Take up certificates and CA that were replaced; a bad set keeps the last good one and says so."""
        trouble = self.operations.trouble
        async for _ in changes:
            try:
                certificates = inspect_certificates(self._prepared.settings)
                server_tls.reload()
            except (TlsConfigurationError, UnreadableCertificate) as error:
                problem = str(error).replace("\n", "; ")
                trouble["certificates"] = f"the certificates could not be reloaded: {problem}"
                self.log.warning("certificates not reloaded", problem=problem, kept="the last good ones")
            else:
                self._certificates = certificates
                trouble.pop("certificates", None)
                self.log.info("certificates reloaded", files=[file for file, _ in certificates])


async def run(prepared: Prepared, reread: Reread, logs: Logs, announce: Callable[[Application], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the drain. SIGHUP reloads.

    reread: gives the settings again at a reload.
    announce: called once everything listens.

    Raises:
        StartError: a port cannot be opened.
    """
    application = Application(prepared, reread, logs)
    with catch_signals() as signals:
        await application.start()
        announce(application)
        tune_collector()
        reloads = asyncio.create_task(_reload_when(signals.reload, application))
        await signals.stop.wait()
        reloads.cancel()
        logs.logger.info("stopping", drain_seconds=prepared.settings.limits.drain_seconds)
        stop = asyncio.create_task(application.stop())
        now = asyncio.create_task(signals.stop_now.wait())
        await asyncio.wait((stop, now), return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            await application.cut_drain()
        now.cancel()
        aborted = await stop
        logs.logger.info("stopped", connections_cut_off=aborted)


async def _reload_when(asked: asyncio.Event, application: Application) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await application.reload()


def tune_collector() -> None:
    """Take what the start made out of the garbage collector's sight, and let it look less often.

    A call leaves no cycles behind: reference counts free all of it. What is left for the collector is rare.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def raise_file_limit() -> None:
    """Let this process open as many files as the host allows: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
