"""Composition root and lifecycle: build, start, ready, drain, stop. The only place that wires the rooms together.

`prepare` reads everything that can be wrong and says all of it at once; `Application` then opens ports; `run` keeps it
going until a signal comes. Exit codes: 0 after a stop that was asked for, 2 where the start failed (see `cli`).
"""

import asyncio
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from types import FrameType

from callrouter.admin.api import ApiSources, create_api
from callrouter.admin.models import Readiness
from callrouter.admin.server import AdminServer
from callrouter.certificates.inspect import CertificateFacts, UnreadableCertificate, inspect_certificate
from callrouter.certificates.watch import watch_files
from callrouter.directory.model import Directory
from callrouter.dispatcher import Dispatcher
from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import Logs
from callrouter.observability.metrics import MetricSources, create_registry, render
from callrouter.observability.recorder import Recorder
from callrouter.readiness import DirectoryOrigin, describe, describe_certificates, describe_listeners
from callrouter.session import SipSession
from callrouter.settings.freeze import (
    freeze_session_limits,
    freeze_snapshot,
    freeze_tls,
    freeze_transport_limits,
)
from callrouter.settings.model import IPAddressFamily, Settings, StartupMode
from callrouter.snapshot import SnapshotCell
from callrouter.sources.document import DirectoryError, build_directory
from callrouter.sources.file import load_directory
from callrouter.transport.admission import Admission
from callrouter.transport.listener import IpFamily, Listener, ListenError, bind_sockets
from callrouter.transport.tls import ServerTls, TlsConfigurationError
from callrouter.wire import Peer, Transport

_TAG_KEY_BYTES = 32

_IP_FAMILIES: dict[IPAddressFamily, IpFamily] = {
    IPAddressFamily.IPV4_ONLY: "IPv4Only",
    IPAddressFamily.IPV6_ONLY: "IPv6Only",
    IPAddressFamily.ANY: "Any",
}


class StartError(Exception):
    """The router cannot start; `problems` are all the reasons that could be found, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything read and found good; no port is open yet."""

    settings: Settings
    directory: Directory
    origin: DirectoryOrigin
    server_tls: ServerTls | None
    certificates: tuple[tuple[str, CertificateFacts], ...]


def prepare(settings: Settings) -> Prepared:
    """Read the directory and the certificates.

    Raises:
        StartError: with every problem of both.
    """
    problems: list[str] = []
    directory = Directory()
    file = settings.directory.file
    try:
        offset = settings.mailbox.port_offset
        if file is None:
            directory = build_directory(settings.directory.document, port_offset=offset)
        else:
            directory = load_directory(file, port_offset=offset)
    except DirectoryError as error:
        problems.extend(error.problems if file else (f"directory: {problem}" for problem in error.problems))
    server_tls: ServerTls | None = None
    certificates: tuple[tuple[str, CertificateFacts], ...] = ()
    if settings.router.um_startup_mode is not StartupMode.TCP:
        try:
            server_tls = ServerTls(*freeze_tls(settings.tls))
            certificates = _inspect(settings)
        except TlsConfigurationError as error:
            problems.extend(error.problems)
        except UnreadableCertificate as error:
            problems.append(str(error))
    if problems:
        raise StartError(tuple(problems))
    source = str(file) if file else "settings"
    return Prepared(settings, directory, DirectoryOrigin(source, datetime.now(UTC)), server_tls, certificates)


def _inspect(settings: Settings) -> tuple[tuple[str, CertificateFacts], ...]:
    """What the certificate files say.

    Raises:
        UnreadableCertificate: one of them says nothing.
        TlsConfigurationError: no peer would take them, because they have expired.
    """
    files = (settings.tls.certificate_file, settings.tls.ca_file)
    certificates = tuple((str(file), inspect_certificate(file)) for file in files if file is not None)
    now = datetime.now(UTC)
    expired = [f"{file}: expired on {each.not_after:%Y-%m-%d}" for file, each in certificates if each.not_after <= now]
    if expired:
        raise TlsConfigurationError(tuple(expired))
    return certificates


class Application:
    """One router: listeners, admin server, recorder, and the snapshot that all sessions decide by."""

    def __init__(self, prepared: Prepared, logs: Logs) -> None:
        settings = prepared.settings
        self.settings = settings
        self._prepared = prepared
        self._certificates = prepared.certificates
        self.log = logs.logger
        self._trouble: dict[str, str] = {}
        """What went wrong since the start, by what it concerns."""
        self.cell = SnapshotCell(freeze_snapshot(settings, prepared.directory, frozenset()))
        self.counters = Counters()
        self.journal = Journal(settings.journal.max_calls)
        self._listeners: list[Listener] = []
        self._admin: AdminServer | None = None
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        # The clock of the transport. uvloop's own counts milliseconds, and a call takes microseconds.
        clock = time.monotonic
        self.recorder = Recorder(self.counters, self.journal, self.log, log_calls=settings.log.calls, clock=clock)
        registry = create_registry(MetricSources(self.counters, clock, lambda: logs.lines_lost))
        self._api = create_api(ApiSources(self, self.journal, partial(render, registry), clock))

    @property
    def sip_listeners(self) -> list[Listener]:
        """TCP first."""
        return self._listeners

    @property
    def admin_address(self) -> tuple[str, int] | None:
        """Where the admin port is, or None where there is none."""
        return None if self._admin is None else self._admin.address

    async def start(self) -> None:
        """Open every port, or none.

        Raises:
            StartError: a port cannot be opened; all that cannot are named.
        """
        sip_sockets, admin_socket = self._bind()
        self.cell.current = freeze_snapshot(self.settings, self._prepared.directory, _own_endpoints(sip_sockets))
        limits = freeze_transport_limits(self.settings.limits)
        admission = Admission(limits)
        factory = self._session_factory()
        for transport, sockets in sip_sockets:
            server_tls = self._prepared.server_tls if transport is Transport.TLS else None
            self._listeners.append(Listener(sockets, factory, limits, admission, self.recorder, server_tls))
        if admin_socket is not None:
            self._admin = AdminServer(self._api, admin_socket)
            await self._admin.start()
        for listener in self._listeners:
            await listener.start()
        if self._prepared.server_tls is not None:
            self._tasks.append(asyncio.create_task(self._follow_certificates(self._prepared.server_tls)))

    async def stop(self) -> int:
        """Stop accepting, finish what is in flight, close. Returns how many connections the drain limit cut off."""
        self._stopping.set()
        seconds = self.settings.limits.drain_seconds
        aborted = sum(await asyncio.gather(*(listener.drain(seconds) for listener in self._listeners)))
        for listener in self._listeners:
            await listener.close()
        self._listeners.clear()
        if self._admin is not None:
            await self._admin.stop()
            self._admin = None
        await asyncio.gather(*self._tasks)
        return aborted

    async def cut_drain(self) -> None:
        """End a stop that waits: connections are cut off as they are."""
        await asyncio.gather(*(listener.close() for listener in self._listeners))

    def readiness(self) -> Readiness:
        """The state of everything, for `/readyz`."""
        listeners = () if self._stopping.is_set() else describe_listeners(self._listeners)
        certificates = describe_certificates(self._certificates, datetime.now(UTC))
        return describe(
            self.cell.current, self._prepared.origin, listeners, certificates, tuple(self._trouble.values())
        )

    def _session_factory(self) -> Callable[[Peer, float], SipSession]:
        dispatcher = Dispatcher(self.cell)
        limits = freeze_session_limits(self.settings.limits)
        emit = self.recorder
        tag_key = os.urandom(_TAG_KEY_BYTES)

        def create_session(peer: Peer, now: float) -> SipSession:
            return SipSession(peer, dispatcher, limits, emit, tag_key=tag_key, now=now)

        return create_session

    def _bind(self) -> tuple[list[tuple[Transport, list[socket.socket]]], socket.socket | None]:
        """Every socket that the settings ask for, bound; on any failure all are closed and all failures told."""
        router, admin = self.settings.router, self.settings.admin
        mode, family = router.um_startup_mode, _IP_FAMILIES[router.ip_address_family]
        bound: list[tuple[Transport, list[socket.socket]]] = []
        admin_socket: socket.socket | None = None
        problems: list[str] = []
        wanted = [
            (Transport.TCP, StartupMode.TLS, router.sip_tcp_listening_port, "router.sip_tcp_listening_port"),
            (Transport.TLS, StartupMode.TCP, router.sip_tls_listening_port, "router.sip_tls_listening_port"),
        ]
        for transport, unless, port, key in wanted:
            if mode is unless:
                continue
            try:
                sockets = bind_sockets(
                    router.bind_address, port, family, reuse_port=router.reuse_port, label=transport.value
                )
                bound.append((transport, sockets))
            except ListenError as error:
                problems.append(f"{error} ({key})")
        if admin.enabled:
            try:
                # uvicorn serves one socket; without an address that is all of IPv4.
                [admin_socket] = bind_sockets(admin.bind_address or "0.0.0.0", admin.port, "Any", label="HTTP")
            except ListenError as error:
                problems.append(f"{error} (admin.port)")
        if problems:
            for _, sockets in bound:
                for each in sockets:
                    each.close()
            if admin_socket is not None:
                admin_socket.close()
            raise StartError(tuple(problems))
        return bound, admin_socket

    async def _follow_certificates(self, server_tls: ServerTls) -> None:
        """Take up certificates and CA that were replaced; a bad set keeps the last good one and says so."""
        tls = self.settings.tls
        files = [file for file in (tls.certificate_file, tls.private_key_file, tls.ca_file) if file is not None]
        async for _ in watch_files(files, self._stopping):
            try:
                certificates = _inspect(self.settings)
                server_tls.reload()
            except (TlsConfigurationError, UnreadableCertificate) as error:
                problem = str(error).replace("\n", "; ")
                self._trouble["certificates"] = f"the certificates could not be reloaded: {problem}"
                self.log.warning("certificates not reloaded", problem=problem, kept="the last good ones")
            else:
                self._certificates = certificates
                self._trouble.pop("certificates", None)
                self.log.info("certificates reloaded", files=[str(file) for file in files])


def _own_endpoints(bound: list[tuple[Transport, list[socket.socket]]]) -> frozenset[tuple[str, int]]:
    """Every (address, port) that is listened on, and the host's own name with each port."""
    endpoints = set()
    name = socket.gethostname().lower()
    for _, sockets in bound:
        for each in sockets:
            address, port = each.getsockname()[:2]
            endpoints.update({(address, port), (name, port)})
    return frozenset(endpoints)


async def run(prepared: Prepared, logs: Logs, announce: Callable[[Application], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the drain.

    announce: called once everything listens.

    Raises:
        StartError: a port cannot be opened.
    """
    application = Application(prepared, logs)
    with _stop_signals() as signals:
        await application.start()
        announce(application)
        tune_collector()
        await signals.first.wait()
        logs.logger.info("stopping", drain_seconds=prepared.settings.limits.drain_seconds)
        stop = asyncio.create_task(application.stop())
        second = asyncio.create_task(signals.second.wait())
        await asyncio.wait((stop, second), return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            await application.cut_drain()
        second.cancel()
        aborted = await stop
        logs.logger.info("stopped", connections_cut_off=aborted)


class _StopSignals:
    """SIGTERM and SIGINT as events."""

    def __init__(self) -> None:
        self.first = asyncio.Event()
        self.second = asyncio.Event()

    def notice(self) -> None:
        """One of the signals came."""
        (self.second if self.first.is_set() else self.first).set()


@contextmanager
def _stop_signals() -> Iterator[_StopSignals]:
    signals = _StopSignals()
    loop = asyncio.get_running_loop()

    def pass_on(_number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(signals.notice)

    # Not loop.add_signal_handler: when a loop takes its handlers back, the next signal kills the process, and one that
    # comes while a router ends as it was asked to must not turn that into a failure.
    previous = {number: signal.signal(number, pass_on) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if signals.first.is_set() else handler)


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
