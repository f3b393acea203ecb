"""Binding, accepting, draining. TLS: test_listener_tls.py."""

import asyncio
import contextlib
import dataclasses
import errno
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from callrouter.telemetry import ConnectionClosed, ConnectionOpened, ConnectionRejected
from callrouter.transport import listener as listener_module
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.listener import IpFamily, Listener, ListenError, bind_sockets
from callrouter.wire import CloseReason, Transport
from tests.transport.rig import (
    PATIENCE_SECONDS,
    EchoSession,
    EventLog,
    HangingSession,
    HoldingSession,
    close_writer,
    exchange,
    heard,
    listening,
    read_exactly,
    session_of,
)


@contextlib.contextmanager
def bound(*args: Any, **options: Any) -> Iterator[list[socket.socket]]:
    sockets = bind_sockets(*args, **options)
    try:
        yield sockets
    finally:
        for each in sockets:
            each.close()


# --- binding


def test_bind_any_family_port_zero_takes_same_port_on_both() -> None:
    with bound("", 0, "Any") as (four, six):
        assert four.getsockname()[0] == "0.0.0.0"
        assert six.getsockname()[0] == "::"
        assert four.getsockname()[1] == six.getsockname()[1] != 0
        assert six.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) == 1


@pytest.mark.parametrize(
    ("address", "family", "expected"),
    [
        ("", "IPv4Only", "0.0.0.0"),
        ("", "IPv6Only", "::"),
        ("127.0.0.1", "Any", "127.0.0.1"),
        ("127.0.0.1", "IPv4Only", "127.0.0.1"),
        ("::1", "Any", "::1"),
        ("::1", "IPv6Only", "::1"),
    ],
)
def test_bind_one_family_or_address_binds_just_that(address: str, family: IpFamily, expected: str) -> None:
    with bound(address, 0, family) as sockets:
        assert [each.getsockname()[0] for each in sockets] == [expected]


@pytest.mark.parametrize("reuse_port", [False, True])
def test_bind_taken_port_says_so(reuse_port: bool) -> None:
    with bound("127.0.0.1", 0, "IPv4Only") as (first,):
        port = first.getsockname()[1]
        with pytest.raises(ListenError) as raised:
            bind_sockets("127.0.0.1", port, "IPv4Only", reuse_port=reuse_port, label="TLS")
        assert str(raised.value) == f"cannot listen on 127.0.0.1:{port} over TLS: address already in use"


def test_bind_any_family_port_taken_on_ipv6_only_says_so() -> None:
    with bound("", 0, "IPv6Only") as (six,):
        port = six.getsockname()[1]
        with pytest.raises(ListenError, match=rf"^cannot listen on \[::\]:{port} over TCP: address already in use$"):
            bind_sockets("", port, "Any")
        with bound("", port, "IPv4Only") as (four,):  # the half that was bound is free again
            assert four.getsockname()[1] == port


def test_bind_shared_port_where_all_ask_for_it_works() -> None:
    with bound("127.0.0.1", 0, "IPv4Only", reuse_port=True) as (first,):
        port = first.getsockname()[1]
        with bound("127.0.0.1", port, "IPv4Only", reuse_port=True) as (second,):
            assert second.getsockname()[1] == port


@pytest.mark.parametrize(
    ("address", "port", "family", "message"),
    [
        ("192.0.2.1", 5060, "Any", "cannot listen on 192.0.2.1:5060 over TCP: cannot assign requested address"),
        ("::1", 5060, "IPv4Only", "cannot listen on [::1]:5060 over TCP: not an address of IPv4Only"),
        ("127.0.0.1", 5060, "IPv6Only", "cannot listen on 127.0.0.1:5060 over TCP: not an address of IPv6Only"),
        ("router.example", 5060, "Any", "cannot listen on router.example:5060 over TCP: not a numeric address"),
        ("127.0.0.1", 65_536, "Any", "cannot listen on 127.0.0.1:65536 over TCP: bind(): port must be 0-65535."),
    ],
)
def test_bind_impossible_address_says_why(address: str, port: int, family: IpFamily, message: str) -> None:
    with pytest.raises(ListenError) as raised:
        bind_sockets(address, port, family)
    assert str(raised.value) == message


class NoIpv6(socket.socket):
    """A socket of a host without IPv6."""

    def __init__(self, family: int = socket.AF_INET, *args: Any, **options: Any) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(family, *args, **options)


def test_bind_any_family_without_ipv6_is_ipv4_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", NoIpv6)
    with bound("", 0, "Any") as sockets:
        assert [each.getsockname()[0] for each in sockets] == ["0.0.0.0"]
    with pytest.raises(ListenError, match="address family not supported"):
        bind_sockets("", 0, "IPv6Only")


def test_bind_any_family_port_zero_tries_another_number_where_ipv6_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = iter([True, True, False])

    class Unlucky(socket.socket):
        def bind(self, address: Any) -> None:
            if self.family == socket.AF_INET6 and next(refusals):
                raise OSError(errno.EADDRINUSE, "Address already in use")
            super().bind(address)

    monkeypatch.setattr(socket, "socket", Unlucky)
    with bound("", 0, "Any") as (four, six):
        assert four.getsockname()[1] == six.getsockname()[1]
    assert list(refusals) == []


# --- accepting


async def test_listener_on_both_families_reports_addresses_and_serves_both() -> None:
    events = EventLog()
    limits = TransportLimits()
    listener = Listener(bind_sockets("", 0, "Any"), EchoSession, limits, Admission(limits), events)
    await listener.start()
    (four, port), (six, same_port) = listener.addresses
    assert listener.transport is Transport.TCP
    assert (four, six, port) == ("0.0.0.0", "::", same_port)
    for host in ("127.0.0.1", "::1"):
        reader, writer = await asyncio.open_connection(host, port)
        assert await exchange(reader, writer, b"hello") == b"hello"
        await close_writer(writer)
    await listener.close()
    assert [event.peer.address for event in events.of(ConnectionOpened)] == ["127.0.0.1", "::1"]
    assert listener.addresses == [("0.0.0.0", port), ("::", port)]


@pytest.mark.parametrize("limit", ["max_connections", "max_connections_per_address"])
async def test_connection_over_limit_is_refused_until_one_ends(limit: str) -> None:
    async with listening(limits=dataclasses.replace(TransportLimits(), **{limit: 1})) as rig:
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"in") == b"in"
        refused = await rig.connect()
        assert await read_exactly(refused, 1) == b""
        host, port = refused.getsockname()
        assert rig.events.of(ConnectionRejected) == [ConnectionRejected(host, port, Transport.TCP, f"limits.{limit}")]
        assert await exchange(reader, writer, b"still in") == b"still in"
        await close_writer(writer)
        await rig.events.wait_for(ConnectionClosed)
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"next") == b"next"
        await close_writer(writer)


async def test_accept_without_descriptors_left_pauses_reports_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener_module, "_ACCEPT_RETRY_SECONDS", 0.05)
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))

    class Exhausted(socket.socket):
        failures = 1

        def accept(self) -> tuple[socket.socket, Any]:
            if self.failures:
                self.failures -= 1
                raise OSError(errno.EMFILE, "Too many open files")
            return super().accept()

    monkeypatch.setattr(socket, "socket", Exhausted)
    async with listening() as rig:
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"late") == b"late"
        await close_writer(writer)
    assert [context["exception"].errno for context in complaints] == [errno.EMFILE]


async def test_stop_accepting_while_paused_forgets_the_retry(monkeypatch: pytest.MonkeyPatch) -> None:
    class Exhausted(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            raise OSError(errno.EMFILE, "Too many open files")

    complained = asyncio.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, __: complained.set())
    monkeypatch.setattr(socket, "socket", Exhausted)
    async with listening() as rig:
        await rig.connect()
        async with asyncio.timeout(PATIENCE_SECONDS):
            await complained.wait()
        (retry,) = rig.listener._retries.values()
        rig.listener.stop_accepting()
        assert retry.cancelled()


async def test_stop_accepting_refuses_new_and_keeps_old() -> None:
    async with listening() as rig:
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"a") == b"a"
        rig.listener.stop_accepting()
        rig.listener.stop_accepting()
        with pytest.raises(ConnectionRefusedError):
            await rig.connect()
        assert await exchange(reader, writer, b"b") == b"b"
        await close_writer(writer)


async def test_close_before_start_frees_the_port() -> None:
    limits = TransportLimits()
    sockets = bind_sockets("127.0.0.1", 0, "IPv4Only")
    listener = Listener(sockets, EchoSession, limits, Admission(limits), EventLog())
    await listener.close()
    assert [each.fileno() for each in sockets] == [-1]


# --- drain


async def test_drain_without_connections_returns_at_once() -> None:
    async with listening() as rig:
        assert await rig.listener.drain(60.0) == 0


async def test_drain_closes_idle_and_lets_busy_finish() -> None:
    async with listening(HoldingSession) as rig:
        idle_reader, idle_writer = await rig.open()
        busy_reader, busy_writer = await rig.open()
        busy_writer.write(b"busy")
        await rig.events.wait_for(ConnectionOpened, 2)
        await heard(session_of(rig, busy_writer))
        draining = asyncio.create_task(rig.listener.drain(60.0))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await idle_reader.read() == b""
            assert not draining.done()
            assert await busy_reader.read() == b"busy"
        await close_writer(idle_writer)
        await close_writer(busy_writer)
        assert await draining == 0
        assert [event.reason for event in rig.events.of(ConnectionClosed)] == [CloseReason.DRAINED] * 2


async def test_drain_aborts_what_has_not_ended_in_time() -> None:
    async with listening(HangingSession) as rig:
        reader, writer = await rig.open()
        writer.write(b"never answered")
        opened = await rig.events.wait_for(ConnectionOpened)
        await heard(rig.sessions[0])
        start = asyncio.get_running_loop().time()
        assert await rig.listener.drain(0.1) == 1
        assert asyncio.get_running_loop().time() - start >= 0.099
        closed = await rig.events.wait_for(ConnectionClosed)
        assert (closed.peer, closed.reason) == (opened.peer, CloseReason.DRAIN_TIMEOUT)
        async with asyncio.timeout(PATIENCE_SECONDS):
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
        await close_writer(writer)


async def test_drain_connection_accepted_in_the_same_moment_is_drained_too() -> None:
    async with listening() as rig:
        client = socket.create_connection(rig.address)
        client.setblocking(False)
        rig.listener._accept(rig.listener._sockets[0])  # accepted, and its connection_made still to come
        assert not rig.listener.connections
        draining = asyncio.create_task(rig.listener.drain(60.0))
        assert await read_exactly(client, 1) == b""
        client.close()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await draining == 0
        assert [event.reason for event in rig.events.of(ConnectionClosed)] == [CloseReason.DRAINED]


async def test_close_connection_accepted_in_the_same_moment_is_cut() -> None:
    async with listening(HangingSession) as rig:
        client = socket.create_connection(rig.address)
        rig.listener._accept(rig.listener._sockets[0])
        async with asyncio.timeout(PATIENCE_SECONDS):
            await rig.listener.close()
        client.close()
        assert [event.reason for event in rig.events.of(ConnectionClosed)] == [CloseReason.DRAIN_TIMEOUT]
