"""Outgoing connections: name -> address -> TCP -> TLS -> the same connection pump as a listener's. Knows no SIP.

One deadline for all of it. What can go wrong is one typed error that says whether somebody said no (refused) or nobody
said anything. Whoever connects owns the connection and closes it through its session.
"""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass

from callrouter.telemetry import Sink
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection, ConnectionOwner, SessionFactory
from callrouter.wire import CloseReason


class ConnectError(Exception):
    """No connection came about; the message is one line for a person.

    is_refused: the host is there and does not listen; nothing needs to be waited for.
    """

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to connect to.

    host: name or numeric address, without brackets. tls: over TLS, with this context. local_address: numeric; "" lets
    the system choose.
    """

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    local_address: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


async def connect(
    destination: Destination,
    session_factory: SessionFactory,
    limits: TransportLimits,
    emit: Sink,
    *,
    timeout_seconds: float,
    owner: ConnectionOwner | None = None,
) -> Connection:
    """Connect, hand-shake where it is TLS, and start the session.

    Every address of the name is tried in its turn.

    Raises:
        ConnectError: none of them could be reached within `timeout_seconds`, or TLS did not come about.
    """
    try:
        async with asyncio.timeout(timeout_seconds):
            connected = await _open_socket(destination)
            return await _start(destination, connected, Connection(session_factory, limits, emit, owner))
    except TimeoutError as error:
        raise ConnectError(f"{destination}: no connection within {timeout_seconds:g} s") from error


async def _open_socket(destination: Destination) -> socket.socket:
    """A connected socket.

    Raises:
        ConnectError: no address of the name can be connected to.
    """
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(destination.host, destination.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        why = (error.strerror if isinstance(error, OSError) else "") or str(error)
        raise ConnectError(f"{destination}: the host cannot be resolved: {why}") from error
    problems: list[OSError] = []
    for family, kind, protocol, _, address in found:
        try:
            return await _try_address(destination, socket.socket(family, kind, protocol), address)
        except OSError as error:
            problems.append(error)
    why = "; ".join(dict.fromkeys(_words(error) for error in problems))
    is_refused = bool(problems) and all(isinstance(error, ConnectionRefusedError) for error in problems)
    raise ConnectError(f"{destination}: {why}", is_refused=is_refused)


def _words(error: OSError) -> str:
    """What the system calls an error; the loops put the address into its place, which the message has already."""
    # A local address of another family is an error of the resolver, which counts in numbers of its own.
    if error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()


async def _try_address(destination: Destination, trial: socket.socket, address: tuple[object, ...]) -> socket.socket:
    """Connect a socket to one address; it is closed where that fails.

    Raises:
        OSError: there is no way.
    """
    try:
        trial.setblocking(False)
        if destination.local_address:
            trial.bind((destination.local_address, 0))
        await asyncio.get_running_loop().sock_connect(trial, address)
    except BaseException:
        trial.close()
        raise
    return trial


async def _start(destination: Destination, connected: socket.socket, connection: Connection) -> Connection:
    """Put the pump on a connected socket.

    Raises:
        ConnectError: TLS did not come about, or the peer was gone at once.
    """
    inode = os.fstat(connected.fileno()).st_ino
    try:
        await _hand_over(destination, connected, connection)
    except ssl.SSLCertVerificationError as error:
        raise ConnectError(f"{destination}: the certificate is not accepted: {error.verify_message}") from error
    except ssl.SSLError as error:
        why = (error.reason or str(error)).replace("_", " ").lower()
        raise ConnectError(f"{destination}: TLS failed: {why}") from error
    except OSError as error:
        why = error.strerror or str(error) or "the peer closed the connection"
        raise ConnectError(f"{destination}: {'TLS failed: ' if destination.tls else ''}{why.lower()}") from error
    except BaseException:
        if connection.opened:
            connection.abort(CloseReason.DRAINED)
        raise
    finally:
        if not connection.opened:
            _let_go(connected, inode)
    if not connection.opened:
        raise ConnectError(f"{destination}: the peer closed the connection")
    return connection


async def _hand_over(destination: Destination, connected: socket.socket, connection: Connection) -> None:
    """Give the socket to a transport of the loop, over TLS where it is asked for."""
    loop = asyncio.get_running_loop()
    if destination.tls is not None:
        await loop.create_connection(
            lambda: connection.protocol, sock=connected, ssl=destination.tls, server_hostname=destination.host
        )
        return
    # Without TLS it does not matter who accepted. Nothing is waited for here but turns of the loop, so it is not
    # cancelled: uvloop would close the transport and not tell the connection.
    handing = loop.create_task(loop.connect_accepted_socket(lambda: connection.protocol, connected))
    try:
        await asyncio.shield(handing)
    except asyncio.CancelledError:
        await asyncio.wait((handing,))
        raise


def _let_go(connected: socket.socket, inode: int) -> None:
    """Close a socket that no connection uses.

    Where TLS fails in its first turn, uvloop has closed the descriptor and leaves that to the socket, too; by then the
    number may be another's.
    """
    try:
        is_open = os.fstat(connected.fileno()).st_ino == inode
    except OSError:
        is_open = False
    if is_open:
        connected.close()
    else:
        connected.detach()
