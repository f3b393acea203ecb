"""Listeners: bound sockets, admission of what they accept, TLS handshakes, drain.

Accepts by itself instead of through `loop.create_server`: admission then comes before a transport exists, the peer's
address is known even where it resets at once, the TLS context is chosen per connection, and a failed handshake is an
exception in one place. Both loops start reading after connection_made whatever that did, so a transport cannot be
held back there for `start_tls`. (EXCHANGE-UM A1, A5)
"""

import asyncio
import contextlib
import errno
import functools
import socket
from collections.abc import Iterable
from time import monotonic
from typing import Final, Literal, TypeAlias

from callrouter.telemetry import ConnectionRejected, Sink, TlsHandshakeFailed
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection, SessionFactory, plain_address
from callrouter.transport.tls import ServerTls
from callrouter.wire import CloseReason, Transport

IpFamily: TypeAlias = Literal["IPv4Only", "IPv6Only", "Any"]

_ACCEPTS_PER_WAKE: Final = 64
"""So that a storm of connections leaves room for the calls of those that are connected."""

_ACCEPT_RETRY_SECONDS: Final = 1.0
"""Pause where the process has no descriptor left: the listening socket stays readable, so the loop would spin."""

_OUT_OF_RESOURCES: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})

_SAME_PORT_ATTEMPTS: Final = 10

_NO_IPV6: Final = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})


class ListenError(Exception):
    """A port cannot be listened on; the message is one line for a person."""


class Listener:
    """Accepts connections from bound sockets and owns them until they end. Over TLS where `server_tls` is given."""

    def __init__(
        self,
        sockets: Iterable[socket.socket],
        session_factory: SessionFactory,
        limits: TransportLimits,
        admission: Admission,
        emit: Sink,
        server_tls: ServerTls | None = None,
    ) -> None:
        self.connections: set[Connection] = set()
        """The opened connections that have not ended."""
        self._sockets = list(sockets)
        self._session_factory = session_factory
        self._limits = limits
        self._admission = admission
        self._emit = emit
        self._server_tls = server_tls
        self._transport = Transport.TCP if server_tls is None else Transport.TLS
        self._addresses = [_local_address(each) for each in self._sockets]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._retries: dict[socket.socket, asyncio.TimerHandle] = {}
        self._establishing: dict[asyncio.Task[None], socket.socket] = {}
        self._draining = False
        self._cut = False
        self._quiet = asyncio.Event()
        self._quiet.set()

    @property
    def transport(self) -> Transport:
        """What the listener speaks."""
        return self._transport

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """What was bound, as numeric address and port; also after the listener has stopped."""
        return list(self._addresses)

    async def start(self) -> None:
        """Begin to accept."""
        self.accept()

    def accept(self) -> None:
        """As `start`, for who runs in the loop but must not wait."""
        self._loop = asyncio.get_running_loop()
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def stop_accepting(self) -> None:
        """Close the listening sockets; connections stay. Doing it again does nothing."""
        for listening in self._sockets:
            retry = self._retries.pop(listening, None)
            if retry is not None:
                retry.cancel()
            elif self._loop is not None:
                self._loop.remove_reader(listening)
            listening.close()
        self._sockets.clear()

    def begin_drain(self, now: float) -> None:
        """Ask every connection to finish, and end the handshakes in progress."""
        self._draining = True
        if self._server_tls is not None:
            for accepted in self._establishing.values():
                # Seen as the peer's EOF, this ends a handshake in every state that it can be in.
                _shut_down(accepted)
        for connection in tuple(self.connections):
            connection.begin_drain(now)

    async def drain(self, seconds: float) -> int:
        """Stop accepting, let every connection finish, and abort what has not ended after `seconds`.

        Returns:
            The number of connections aborted.
        """
        self.stop_accepting()
        self.begin_drain(monotonic())
        with contextlib.suppress(TimeoutError):  # what is left is counted, aborted and reported below
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        return await self._cut_off()

    async def close(self) -> None:
        """End everything now."""
        self.stop_accepting()
        self._draining = True
        await self._cut_off()

    # --- connection.ConnectionOwner

    def connection_opened(self, connection: Connection) -> None:
        self.connections.add(connection)
        # It was accepted before the listener stopped, and its connection_made came after.
        if self._cut:
            connection.abort(CloseReason.DRAIN_TIMEOUT)
        elif self._draining:
            connection.begin_drain(monotonic())

    def connection_ended(self, connection: Connection) -> None:
        self.connections.discard(connection)
        self._admission.release(connection.peer.address)
        self._note_quiet()

    # --- inside

    async def _cut_off(self) -> int:
        self._cut = True
        aborted = tuple(self.connections)
        for connection in aborted:
            connection.abort(CloseReason.DRAIN_TIMEOUT)
        if self._server_tls is not None:
            for accepted in self._establishing.values():
                _shut_down(accepted)
        await self._quiet.wait()
        return len(aborted)

    def _note_quiet(self) -> None:
        if not self.connections and not self._establishing:
            self._quiet.set()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTS_PER_WAKE):
            try:
                accepted, remote = listening.accept()
            except OSError as error:
                # Nothing is left, or that one peer is gone: accept(2) hands on errors of the new connection.
                if error.errno in _OUT_OF_RESOURCES:
                    self._pause_accepting(listening, error)
                return
            self._admit(accepted, plain_address(remote[0]), remote[1])

    def _pause_accepting(self, listening: socket.socket, error: OSError) -> None:
        loop = asyncio.get_running_loop()
        loop.call_exception_handler({"message": "cannot accept connections for now", "exception": error})
        loop.remove_reader(listening)
        self._retries[listening] = loop.call_later(_ACCEPT_RETRY_SECONDS, self._accept_again, listening)

    def _accept_again(self, listening: socket.socket) -> None:
        del self._retries[listening]
        asyncio.get_running_loop().add_reader(listening, self._accept, listening)

    def _admit(self, accepted: socket.socket, address: str, port: int) -> None:
        refused_by = self._admission.admit(address)
        if refused_by is None and self._server_tls is not None:
            refused_by = self._admission.begin_handshake()
            if refused_by is not None:
                self._admission.release(address)
        if refused_by is not None:
            accepted.close()
            self._emit(ConnectionRejected(address, port, self._transport, refused_by))
            return
        accepted.setblocking(False)
        connection = Connection(self._session_factory, self._limits, self._emit, self)
        task = asyncio.get_running_loop().create_task(self._establish(connection, accepted, (address, port)))
        self._quiet.clear()
        self._establishing[task] = accepted
        task.add_done_callback(functools.partial(self._established, connection, address))

    async def _establish(self, connection: Connection, accepted: socket.socket, remote: tuple[str, int]) -> None:
        local = _local_address(accepted)
        try:
            await self._connect(connection, accepted)
        except OSError as error:  # ssl.SSLError, resets and timeouts are all OSErrors
            failure = " ".join(str(error).split()) or "the peer closed the connection during the handshake"
        else:
            failure = "" if connection.opened else "the peer is gone"
        if failure and self._server_tls is not None and not self._draining:
            self._emit(TlsHandshakeFailed(*remote, *local, failure))

    async def _connect(self, connection: Connection, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        if self._server_tls is None:
            await loop.connect_accepted_socket(lambda: connection.protocol, accepted)
            return
        await loop.connect_accepted_socket(
            lambda: connection.protocol,
            accepted,
            ssl=self._server_tls.context,
            ssl_handshake_timeout=self._limits.handshake_seconds,
            ssl_shutdown_timeout=self._limits.linger_seconds,
        )

    def _established(self, connection: Connection, address: str, task: asyncio.Task[None]) -> None:
        accepted = self._establishing.pop(task)
        if self._server_tls is not None:
            self._admission.end_handshake()
        if not connection.opened:
            accepted.close()
            self._admission.release(address)
        self._note_quiet()


def bind_sockets(
    bind_address: str,
    port: int,
    family: IpFamily,
    *,
    reuse_port: bool = False,
    backlog: int = 1024,
    label: str = "TCP",
) -> list[socket.socket]:
    """Bind and listen, without accepting yet.

    Args:
        bind_address: a numeric address, or "" for all addresses of the family.
        port: 0 takes a free one; with family "Any" and no address it is the same one for IPv4 and IPv6.
        family: "Any" with no address listens on 0.0.0.0 and, where the host has IPv6, on [::].
        reuse_port: share the port with other processes that ask for this too (SO_REUSEPORT).
        backlog: connections that wait to be accepted.
        label: what is listened for, in the error's words.

    Raises:
        ListenError: the port is taken, the address is not this host's, or it is not of the family.
    """
    bind = functools.partial(_bind, reuse_port=reuse_port, backlog=backlog, label=label)
    if bind_address:
        ip_family = _family_of(bind_address, port, family, label)
        return [bind(ip_family, bind_address, port)]
    if family == "IPv4Only":
        return [bind(socket.AF_INET, "0.0.0.0", port)]
    if family == "IPv6Only":
        return [bind(socket.AF_INET6, "::", port)]
    return _bind_both(bind, port)


def _bind_both(bind: "functools.partial[socket.socket]", port: int) -> list[socket.socket]:
    attempts = _SAME_PORT_ATTEMPTS if port == 0 else 1
    while True:
        attempts -= 1
        first = bind(socket.AF_INET, "0.0.0.0", port)
        try:
            return [first, bind(socket.AF_INET6, "::", first.getsockname()[1])]
        except ListenError as error:
            reason = error.__cause__.errno if isinstance(error.__cause__, OSError) else None
            if reason in _NO_IPV6:
                return [first]
            first.close()
            # The free IPv4 port may be somebody's IPv6 port: take another.
            if reason != errno.EADDRINUSE or not attempts:
                raise


def _bind(
    family: socket.AddressFamily, address: str, port: int, *, reuse_port: bool, backlog: int, label: str
) -> socket.socket:
    listening = None
    try:
        listening = socket.socket(family, socket.SOCK_STREAM)
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((address, port))
        listening.listen(backlog)
    except (OSError, OverflowError) as error:
        if listening is not None:
            listening.close()
        why = error.strerror if isinstance(error, OSError) else None
        raise ListenError(_cannot_listen(address, port, label, why or str(error))) from error
    return listening


def _family_of(address: str, port: int, family: IpFamily, label: str) -> socket.AddressFamily:
    try:
        found = socket.getaddrinfo(address, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (socket.gaierror, UnicodeError) as error:
        raise ListenError(_cannot_listen(address, port, label, "not a numeric address")) from error
    ip_family = found[0][0]
    if (family, ip_family) in {("IPv4Only", socket.AF_INET6), ("IPv6Only", socket.AF_INET)}:
        raise ListenError(_cannot_listen(address, port, label, f"not an address of {family}"))
    return ip_family


def _cannot_listen(address: str, port: int, label: str, why: str) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"cannot listen on {host}:{port} over {label}: {why[:1].lower()}{why[1:]}"


def _local_address(bound: socket.socket) -> tuple[str, int]:
    address, port = bound.getsockname()[:2]
    return plain_address(address), port


def _shut_down(accepted: socket.socket) -> None:
    """End a connection under its transport; nothing to do where the peer was faster."""
    if accepted.fileno() != -1:
        with contextlib.suppress(OSError):
            accepted.shutdown(socket.SHUT_RDWR)
