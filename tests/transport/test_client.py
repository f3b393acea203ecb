"""Outgoing connections: that they come about, every way in which they do not, and that nothing is left behind.

The handshake of TLS: test_client_tls.py.
"""

import asyncio
import contextlib
import gc
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from callrouter.telemetry import ConnectionClosed, ConnectionOpened, SessionFailed
from callrouter.transport.client import Destination, connect
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection
from callrouter.transport.port import StreamSession
from callrouter.transport.tls import ServerTls
from callrouter.wire import CloseReason, Peer, Transport
from tests.transport.client_rig import (
    after_connecting,
    attempt,
    cancel_self,
    end,
    failure_of,
    keep_silent,
    resolve_to,
    serving,
    words_of_failure,
)
from tests.transport.rig import EchoSession, EventLog, SinkSession, heard, listening, reset


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """A socket that nobody closed is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


@pytest.fixture
def deaf_address() -> Iterator[tuple[str, int]]:
    """A port that is taken and not listened on: it refuses."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


@pytest.fixture
def full_address() -> Iterator[tuple[str, int]]:
    """A listener with a full backlog: it answers to nobody any more."""
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()


# --- it comes about


@pytest.mark.parametrize(
    ("host", "text"), [("mbx1.example", "mbx1.example:5062"), ("2001:db8::1", "[2001:db8::1]:5062")]
)
def test_destination_is_written_as_host_and_port(host: str, text: str) -> None:
    assert str(Destination(host, 5062)) == text


async def test_connect_over_tcp_starts_a_session_that_may_speak_first() -> None:
    sessions: list[SinkSession] = []

    def make_caller(peer: Peer, now: float) -> StreamSession:
        sessions.append(SinkSession(peer, now))
        sessions[0].output = [b"hello"]
        return sessions[0]

    events = EventLog()
    async with listening() as rig:
        connection = await attempt(Destination(*rig.address), events, make_caller)
        await heard(sessions[0])
        assert sessions[0].received == [b"hello"]
        peer = connection.peer
        assert peer == Peer(*rig.address, Transport.TCP, "127.0.0.1", peer.local_port)
        assert sessions[0].peer == peer
        assert events.events == [ConnectionOpened(peer)]
        await end(connection, events)
        assert len(sessions[0].lost_at) == 1


async def test_connect_tells_the_owner_of_beginning_and_end() -> None:
    class Owner:
        def __init__(self) -> None:
            self.told: list[tuple[str, Connection]] = []

        def connection_opened(self, connection: Connection) -> None:
            self.told.append(("opened", connection))

        def connection_ended(self, connection: Connection) -> None:
            self.told.append(("ended", connection))

    owner, events = Owner(), EventLog()
    async with listening() as rig:
        connection = await connect(
            Destination(*rig.address), EchoSession, TransportLimits(), events, timeout_seconds=5.0, owner=owner
        )
        assert owner.told == [("opened", connection)]
        await end(connection, events)
        assert owner.told == [("opened", connection), ("ended", connection)]


async def test_connect_from_a_local_address_is_seen_by_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    events = EventLog()
    async with listening() as rig:
        resolve_to(monkeypatch, ("::1", 5062), rig.address)  # an address of the other family is no hindrance
        connection = await attempt(Destination("mbx1.example", 5062, local_address="127.9.8.7"), events)
        assert connection.peer.local_address == "127.9.8.7"
        assert (await rig.events.wait_for(ConnectionOpened)).peer.address == "127.9.8.7"
        await end(connection, events)


async def test_connect_tries_every_address_of_the_name_in_turn(
    monkeypatch: pytest.MonkeyPatch, deaf_address: tuple[str, int]
) -> None:
    events = EventLog()
    async with listening() as rig:
        asked = resolve_to(monkeypatch, deaf_address, rig.address)
        connection = await attempt(Destination("mbx1.example", 5062), events)
        assert (connection.peer.address, connection.peer.port) == rig.address
        assert asked == [("mbx1.example", 5062)]
        await end(connection, events)


async def test_connect_with_a_session_that_raises_ends_the_connection() -> None:
    def explode(peer: Peer, now: float) -> StreamSession:
        raise LookupError(str(peer), now)

    events = EventLog()
    async with listening() as rig:
        await attempt(Destination(*rig.address), events, explode)
        assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.INTERNAL_ERROR
        assert len(events.of(SessionFailed)) == 1


# --- it does not: names and TCP


async def test_refused_everywhere_is_told_apart(monkeypatch: pytest.MonkeyPatch, deaf_address: tuple[str, int]) -> None:
    destination = Destination(*deaf_address)
    error = await failure_of(destination)
    assert error.is_refused
    assert str(error) == f"127.0.0.1:{deaf_address[1]}: connection refused"
    resolve_to(monkeypatch, deaf_address, deaf_address)
    error = await failure_of(Destination("mbx1.example", 5062))
    assert error.is_refused
    assert str(error) == "mbx1.example:5062: connection refused"


async def test_refused_by_one_address_only_is_not_refused(
    monkeypatch: pytest.MonkeyPatch, deaf_address: tuple[str, int]
) -> None:
    resolve_to(monkeypatch, ("::1", 5062), deaf_address)
    words = await words_of_failure(Destination("mbx1.example", 5062, local_address="127.0.0.1"))
    assert words == "address family for hostname not supported; connection refused"


async def test_local_address_of_another_host_is_told(deaf_address: tuple[str, int]) -> None:
    destination = Destination(*deaf_address, local_address="192.0.2.1")
    assert await words_of_failure(destination) == "cannot assign requested address"


async def test_name_without_address_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    words = await words_of_failure(Destination("nowhere.example", 5062))
    assert words == "the host cannot be resolved: Name or service not known"


async def test_name_that_can_be_none_is_told() -> None:
    words = await words_of_failure(Destination(f"{'a' * 64}.example", 5062))
    assert words.startswith("the host cannot be resolved: ")
    assert "label empty or too long" in words


async def test_name_that_is_never_resolved_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*_: object, **__: object) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    words = await words_of_failure(Destination("mbx1.example", 5062), timeout_seconds=0.05)
    assert words == "no connection within 0.05 s"


async def test_host_that_never_answers_is_given_up(full_address: tuple[str, int]) -> None:
    assert await words_of_failure(Destination(*full_address), timeout_seconds=0.05) == "no connection within 0.05 s"


@pytest.mark.parametrize("over_tls", [False, True])
async def test_reset_before_the_first_octet_is_told(
    monkeypatch: pytest.MonkeyPatch, good_client: ssl.SSLContext, over_tls: bool
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        after_connecting(monkeypatch, lambda: reset(server.accept()[0]))
        host, port = server.getsockname()
        words = await words_of_failure(Destination(host, port, good_client if over_tls else None))
    assert words == ("TLS failed: connection reset by peer" if over_tls else "the peer closed the connection")


async def test_reset_before_the_session_speaks_is_the_end_of_the_connection() -> None:
    def cut_off_and_speak(peer: Peer, now: float) -> StreamSession:
        reset(server.accept()[0])
        session = EchoSession(peer, now)
        session.output = [b"hello"]
        return session

    events = EventLog()
    with socket.create_server(("127.0.0.1", 0)) as server:
        await attempt(Destination(*server.getsockname()), events, cut_off_and_speak)
        assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_RESET


# --- it is called off


async def test_cancelled_when_tcp_is_there_ends_the_session_as_it_began(monkeypatch: pytest.MonkeyPatch) -> None:
    after_connecting(monkeypatch, cancel_self)
    events = EventLog()
    async with serving(keep_silent) as address:
        task = asyncio.create_task(attempt(Destination(*address), events))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.DRAINED
    assert [type(event) for event in events.events] == [ConnectionOpened, ConnectionClosed]


@pytest.mark.parametrize("over_tls", [False, True])
async def test_cancelled_by_its_session_ends_it_once(
    server_tls: ServerTls, good_client: ssl.SSLContext, over_tls: bool
) -> None:
    sessions: list[EchoSession] = []

    def call_off(peer: Peer, now: float) -> StreamSession:
        sessions.append(EchoSession(peer, now))
        task.cancel()
        return sessions[0]

    events = EventLog()
    async with listening(tls=server_tls if over_tls else None) as rig:
        destination = Destination(*rig.address, good_client if over_tls else None)
        task = asyncio.create_task(attempt(destination, events, call_off))
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.DRAINED
    assert [type(event) for event in events.events] == [ConnectionOpened, ConnectionClosed]
    assert [len(session.lost_at) for session in sessions] == [1]
