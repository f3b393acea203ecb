"""The ports of an emulated server: all that are asked for are opened, or none. What is said there is not known here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from structlog.typing import FilteringBoundLogger

from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from callrouter.stream import SessionLimits
from callrouter.telemetry import Sink
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import SessionFactory
from callrouter.transport.listener import Listener, ListenError, bind_sockets
from callrouter.transport.tls import ServerTls
from callrouter.wire import Transport


class MailboxError(Exception):
    """Ports of a server cannot be opened; `problems` names each, and nothing was changed."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all servers of a process share.

    make_sink: gives the telemetry sink of a role ("um-service" or "worker") of a server. server_tls: None where no
    server listens for TLS.
    """

    settings: MailboxSettings
    limits: SessionLimits
    transport_limits: TransportLimits
    admission: Admission
    server_tls: ServerTls | None
    make_sink: Callable[[str, str], Sink]
    log: FilteringBoundLogger


class Doors:
    """Where one server listens."""

    def __init__(self, server: EmulatedServer, surroundings: Surroundings) -> None:
        self._name = server.name
        self.address = server.bind_address or surroundings.settings.bind_address
        """Numeric; "" for all addresses."""
        self._around = surroundings

    def open(self, ports: Mapping[Transport, int], factory: SessionFactory, emit: Sink) -> list[Listener]:
        """Listen on these ports, in the running loop.

        Raises:
            MailboxError: some of them cannot be opened; then none is.
        """
        around = self._around
        problems: list[str] = []
        listeners: list[Listener] = []
        for transport, port in ports.items():
            server_tls = around.server_tls if transport is Transport.TLS else None
            if transport is Transport.TLS and server_tls is None:
                problems.append("mailbox.um_startup_mode: TLS needs a certificate")
                continue
            try:
                sockets = bind_sockets(self.address, port, "Any", label=transport.value)
            except ListenError as error:
                problems.append(f"{error} (mailbox server {self._name})")
                continue
            listeners.append(Listener(sockets, factory, around.transport_limits, around.admission, emit, server_tls))
        if problems:
            for listener in listeners:
                listener.stop_accepting()
            raise MailboxError(tuple(problems))
        for listener in listeners:
            listener.accept()
        return listeners
