"""The SIP ports of a running router: opened together, changed while it runs, drained together.

A change binds the new port before the old one closes, so that a port that cannot be had changes nothing. Connections of
a closed port live on until their peers are done with them.
"""

import asyncio
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from callrouter.observability.recorder import Recorder
from callrouter.settings.model import RouterSettings
from callrouter.settings.values import IPAddressFamily, StartupMode
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import SessionFactory
from callrouter.transport.listener import IpFamily, Listener, ListenError, bind_sockets
from callrouter.transport.tls import ServerTls
from callrouter.wire import Transport

_FAMILIES: Mapping[IPAddressFamily, IpFamily] = {
    IPAddressFamily.IPV4_ONLY: "IPv4Only",
    IPAddressFamily.IPV6_ONLY: "IPv6Only",
    IPAddressFamily.ANY: "Any",
}


class PortError(Exception):
    """Ports cannot be opened; `problems` names each, and nothing was changed."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one listener is bound to."""

    address: str
    port: int
    family: IpFamily
    reuse_port: bool
    key: str
    """The setting that the port comes from."""

    def bind(self, transport: Transport) -> list[socket.socket]:
        """Open it.

        Raises:
            ListenError: it cannot be had.
        """
        return bind_sockets(self.address, self.port, self.family, reuse_port=self.reuse_port, label=transport.value)


def list_endpoints(router: RouterSettings) -> dict[Transport, Endpoint]:
    """What these settings ask for."""
    mode, family = router.um_startup_mode, _FAMILIES[router.ip_address_family]
    endpoints = {}
    if mode is not StartupMode.TLS:
        key = "router.sip_tcp_listening_port"
        endpoints[Transport.TCP] = Endpoint(
            router.bind_address, router.sip_tcp_listening_port, family, router.reuse_port, key
        )
    if mode is not StartupMode.TCP:
        key = "router.sip_tls_listening_port"
        endpoints[Transport.TLS] = Endpoint(
            router.bind_address, router.sip_tls_listening_port, family, router.reuse_port, key
        )
    return endpoints


class SipPorts:
    """The listeners of one router."""

    def __init__(
        self, factory: SessionFactory, limits: TransportLimits, recorder: Recorder, server_tls: ServerTls | None
    ) -> None:
        self._factory = factory
        self._limits = limits
        self._admission = Admission(limits)
        self._recorder = recorder
        self._server_tls = server_tls
        self._endpoints: dict[Transport, Endpoint] = {}
        self._listeners: dict[Transport, Listener] = {}
        self._retired: list[Listener] = []
        """Listeners that accept no more, while connections of theirs live."""

    @property
    def listeners(self) -> tuple[Listener, ...]:
        """Those that accept, TCP first."""
        return tuple(self._listeners[transport] for transport in Transport if transport in self._listeners)

    def own_endpoints(self, *names: str) -> frozenset[tuple[str, int]]:
        """Every (address, port) that is listened on, and each of these names with each port, in lower case."""
        bound = {pair for listener in self.listeners for pair in listener.addresses}
        named = {(name.lower(), port) for name in names if name for _, port in bound}
        return frozenset(bound | named)

    def open(self, router: RouterSettings) -> None:
        """Listen where these settings say: the first time, or instead of where it listens now.

        Raises:
            PortError: some ports cannot be opened; then everything is as it was.
        """
        wanted = list_endpoints(router)
        changed = {transport: each for transport, each in wanted.items() if self._endpoints.get(transport) != each}
        bound = self._bind(changed)
        for transport in list(self._listeners):
            if transport in changed or transport not in wanted:
                self._retire(transport)
        for transport, sockets in bound.items():
            server_tls = self._server_tls if transport is Transport.TLS else None
            listener = Listener(sockets, self._factory, self._limits, self._admission, self._recorder, server_tls)
            self._listeners[transport] = listener
            listener.accept()
        self._endpoints = wanted

    async def drain(self, seconds: float) -> int:
        """Stop accepting and let every connection finish; how many were cut off after these seconds."""
        return sum(await asyncio.gather(*(listener.drain(seconds) for listener in self._all())))

    async def close(self) -> None:
        """End everything now."""
        await asyncio.gather(*(listener.close() for listener in self._all()))

    def _all(self) -> Iterator[Listener]:
        yield from self.listeners
        yield from self._retired

    def _bind(self, changed: Mapping[Transport, Endpoint]) -> dict[Transport, list[socket.socket]]:
        bound: dict[Transport, list[socket.socket]] = {}
        stopped: list[Transport] = []
        problems: list[str] = []
        for transport, endpoint in changed.items():
            if transport is Transport.TLS and self._server_tls is None:
                problems.append("router.um_startup_mode: TLS needs tls.certificate_file, and a restart to take it up")
                continue
            old = self._endpoints.get(transport)
            if old is not None and old.port == endpoint.port and endpoint.port:
                # The same port at other addresses: the old sockets would be in the way of the new ones.
                self._listeners[transport].stop_accepting()
                stopped.append(transport)
            try:
                bound[transport] = endpoint.bind(transport)
            except ListenError as error:
                problems.append(f"{error} ({endpoint.key})")
        if not problems:
            return bound
        for sockets in bound.values():
            for each in sockets:
                each.close()
        self._restore(stopped)
        raise PortError(tuple(problems))

    def _restore(self, stopped: list[Transport]) -> None:
        """Listen again where a change that failed has made room for itself."""
        for transport in stopped:
            sockets = self._endpoints[transport].bind(transport)
            server_tls = self._server_tls if transport is Transport.TLS else None
            self._retire(transport)
            listener = Listener(sockets, self._factory, self._limits, self._admission, self._recorder, server_tls)
            self._listeners[transport] = listener
            listener.accept()

    def _retire(self, transport: Transport) -> None:
        listener = self._listeners.pop(transport)
        listener.stop_accepting()
        self._retired = [each for each in self._retired if each.connections]
        self._retired.append(listener)
