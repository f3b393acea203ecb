"""What the tests of outgoing connections share: connecting in vain, and servers and names that are not nice."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from callrouter.telemetry import ConnectionClosed
from callrouter.transport.client import ConnectError, Destination, connect
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection, SessionFactory
from callrouter.transport.tls import TlsFiles, build_client_context
from callrouter.wire import CloseReason
from tests.transport.certificates import Identity, LabCertificates
from tests.transport.rig import PATIENCE_SECONDS, EchoSession, EventLog, reset

Behaviour = Callable[[socket.socket], Awaitable[object]]
"""What a server does with the socket that it accepted."""


def client_tls(certificates: LabCertificates, identity: Identity) -> ssl.SSLContext:
    """Trust the server whatever it is called, and show a certificate."""
    shown = TlsFiles(identity.certificate_file, identity.private_key_file)
    return build_client_context(certificates.authority.certificate_file, shown, verify_host=False)


async def attempt(
    destination: Destination,
    events: EventLog,
    factory: SessionFactory = EchoSession,
    *,
    timeout_seconds: float = PATIENCE_SECONDS,
) -> Connection:
    return await connect(destination, factory, TransportLimits(), events, timeout_seconds=timeout_seconds)


async def failure_of(destination: Destination, *, timeout_seconds: float = PATIENCE_SECONDS) -> ConnectError:
    """Connect in vain. Whatever the case: no connection is reported, and the message is one readable line."""
    events = EventLog()
    with pytest.raises(ConnectError) as raised:
        await attempt(destination, events, timeout_seconds=timeout_seconds)
    assert events.events == []
    message = str(raised.value)
    assert message.startswith(f"{destination}: ")
    assert message.isprintable()
    assert "_" not in message
    return raised.value


async def words_of_failure(destination: Destination, *, timeout_seconds: float = PATIENCE_SECONDS) -> str:
    """Why connecting was in vain, where the host did not refuse."""
    error = await failure_of(destination, timeout_seconds=timeout_seconds)
    assert not error.is_refused
    return str(error).removeprefix(f"{destination}: ")


async def end(connection: Connection, events: EventLog) -> None:
    connection.abort(CloseReason.DONE)
    assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.DONE


# --- servers


@contextlib.asynccontextmanager
async def serving(behaviour: Behaviour) -> AsyncIterator[tuple[str, int]]:
    """A listener of one connection, which need not be nice to it."""

    async def serve() -> None:
        accepted, _ = await asyncio.get_running_loop().sock_accept(server)
        with accepted:
            await behaviour(accepted)

    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        task = asyncio.create_task(serve())
        yield server.getsockname()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await task


async def hear(accepted: socket.socket) -> bytes:
    return await asyncio.get_running_loop().sock_recv(accepted, 65_536)


async def hang_up(accepted: socket.socket) -> None:
    await hear(accepted)


async def cut_off(accepted: socket.socket) -> None:
    await hear(accepted)
    reset(accepted)


async def talk_plainly(accepted: socket.socket) -> None:
    await hear(accepted)
    await asyncio.get_running_loop().sock_sendall(accepted, b"SIP/2.0 400 Bad Request\r\n\r\n")


async def keep_silent(accepted: socket.socket) -> None:
    while await hear(accepted):
        pass


async def refuse_certificate(context: ssl.SSLContext, accepted: socket.socket) -> None:
    """Shake hands as far as the client's certificate, and send the alert, which the loops' own servers keep."""
    loop = asyncio.get_running_loop()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = context.wrap_bio(incoming, outgoing, server_side=True)
    with contextlib.suppress(ssl.SSLCertVerificationError):
        while True:
            try:
                server.do_handshake()
            except ssl.SSLWantReadError:
                await loop.sock_sendall(accepted, outgoing.read())
                incoming.write(await hear(accepted))
    await loop.sock_sendall(accepted, outgoing.read())


# --- what happens in the loop


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[str, int]) -> list[tuple[str, int]]:
    """Let every name have these addresses; return what is asked for."""
    loop = asyncio.get_running_loop()
    resolve = loop.getaddrinfo
    asked: list[tuple[str, int]] = []

    async def getaddrinfo(host: str, port: int, **wanted: int) -> list[Any]:
        if "family" in wanted:  # uvloop looks at every address once more before it connects
            return await resolve(host, port, **wanted)
        assert wanted == {"type": socket.SOCK_STREAM}
        asked.append((host, port))
        return [
            (socket.AF_INET6 if ":" in address[0] else socket.AF_INET, socket.SOCK_STREAM, 0, "", address)
            for address in addresses
        ]

    monkeypatch.setattr(loop, "getaddrinfo", getaddrinfo)
    return asked


def after_connecting(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let something happen between the handshake of TCP and all that comes after."""
    loop = asyncio.get_running_loop()
    sock_connect = loop.sock_connect

    async def connect_and_act(trial: socket.socket, address: Any) -> None:
        await sock_connect(trial, address)
        act()

    monkeypatch.setattr(loop, "sock_connect", connect_and_act)


def cancel_self() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
