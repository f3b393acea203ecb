"""How connections end: by the peer, by the session, by limits. Goes with test_connection.py."""

import asyncio
import socket

import pytest

from callrouter.telemetry import ConnectionClosed, ConnectionOpened
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection
from callrouter.wire import CloseReason
from tests.transport.fake_transport import FakeTransport, made
from tests.transport.rig import (
    PATIENCE_SECONDS,
    AmplifyingSession,
    EchoSession,
    EventLog,
    FarewellSession,
    HangingSession,
    HoldingSession,
    close_writer,
    exchange,
    listening,
    read_exactly,
    reset,
)

# --- the peer ends


async def test_eof_while_answer_is_held_back_still_delivers_it() -> None:
    async with listening(HoldingSession) as rig:
        reader, writer = await rig.open()
        writer.write(b"question")
        writer.write_eof()
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == b"question"
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_CLOSED
        await close_writer(writer)


async def test_eof_from_peer_that_reads_late_is_seen_once_and_all_is_delivered() -> None:
    async with listening(AmplifyingSession, TransportLimits(max_write_buffer_bytes=4096)) as rig:
        loop = asyncio.get_running_loop()
        client = await rig.connect(receive_buffer_bytes=4096)
        await loop.sock_sendall(client, bytes(400_000))
        client.shutdown(socket.SHUT_WR)
        assert len(await read_exactly(client, 1 << 30)) == 400_000 * AmplifyingSession.factor
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_CLOSED
        client.close()


async def test_reset_by_peer_is_reported_as_reset() -> None:
    async with listening() as rig:
        client = await rig.connect()
        await asyncio.get_running_loop().sock_sendall(client, b"x")
        assert await read_exactly(client, 1) == b"x"
        reset(client)
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.PEER_RESET
        assert (closed.received_bytes, closed.sent_bytes) == (1, 1)


async def test_reset_before_accept_leaves_nothing_behind() -> None:
    async with listening() as rig:
        for _ in range(5):
            # Blocking on purpose: the kernel completes and resets these before the loop can accept them.
            early = socket.create_connection(rig.address)
            early.sendall(b"x" * 10)
            reset(early)
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"fine") == b"fine"
        await close_writer(writer)
        opened = await rig.events.wait_for(ConnectionOpened)
        await rig.events.wait_for(ConnectionClosed, len(rig.events.of(ConnectionOpened)))
        assert opened.peer.address == "127.0.0.1"


async def test_connection_made_without_peername_is_dropped_quietly() -> None:
    events = EventLog()
    connection = Connection(EchoSession, TransportLimits(), events)
    transport = FakeTransport(peername=None)
    connection.connection_made(transport)
    connection.data_received(b"late")
    # uvloop hands the socket over after connection_made; until then the transport must be left alone.
    assert transport.calls == []
    next_turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(next_turn.set)
    await next_turn.wait()
    connection.connection_lost(None)
    assert transport.calls == ["abort"]
    assert events.events == []
    assert not connection.opened


# --- we end


async def test_close_with_unread_input_pending_delivers_last_answer_without_reset() -> None:
    async with listening(FarewellSession) as rig:
        loop = asyncio.get_running_loop()
        client = await rig.connect(receive_buffer_bytes=4096)
        await loop.sock_sendall(client, b"go")
        # More input than anybody will ever read, on its way while the server closes.
        await loop.sock_sendall(client, bytes(900_000))
        assert await read_exactly(client, 1 << 30) == FarewellSession.answer
        client.close()
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.UNANSWERABLE


async def test_close_with_output_above_the_mark_delivers_all_of_it() -> None:
    async with listening(FarewellSession, TransportLimits(max_write_buffer_bytes=4096)) as rig:
        client = await rig.connect(receive_buffer_bytes=4096)
        await asyncio.get_running_loop().sock_sendall(client, b"go")
        await rig.events.wait_for(ConnectionOpened)
        assert await read_exactly(client, 1 << 30) == FarewellSession.answer
        client.close()
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.UNANSWERABLE


async def test_close_with_output_that_nobody_reads_is_cut_after_write_seconds() -> None:
    limits = TransportLimits(write_seconds=0.1, linger_seconds=60.0)
    async with listening(FarewellSession, limits) as rig:
        client = await rig.connect(receive_buffer_bytes=4096)
        await asyncio.get_running_loop().sock_sendall(client, b"go")
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.UNANSWERABLE
        client.close()


async def test_linger_peer_that_never_closes_is_cut_after_linger_seconds() -> None:
    async with listening(limits=TransportLimits(linger_seconds=0.1)) as rig:
        client = await rig.connect()
        start = asyncio.get_running_loop().time()
        await asyncio.get_running_loop().sock_sendall(client, b"quit")
        assert await read_exactly(client, 100) == b"quit"
        await rig.events.wait_for(ConnectionClosed)
        # uvloop tells whole milliseconds, which as floats are a little off.
        assert asyncio.get_running_loop().time() - start > 0.099
        client.close()


async def test_linger_peer_that_closes_ends_it_at_once() -> None:
    async with listening(limits=TransportLimits(linger_seconds=60.0)) as rig:
        client = await rig.connect()
        await asyncio.get_running_loop().sock_sendall(client, b"quit")
        assert await read_exactly(client, 100) == b"quit"
        client.close()
        await rig.events.wait_for(ConnectionClosed)


async def test_linger_peer_that_goes_on_sending_is_cut_at_linger_bytes() -> None:
    async with listening(limits=TransportLimits(linger_seconds=60.0, linger_bytes=65_536)) as rig:
        loop = asyncio.get_running_loop()
        client = await rig.connect()
        await loop.sock_sendall(client, b"quit")
        assert await read_exactly(client, 4) == b"quit"
        with pytest.raises(OSError):  # noqa: PT011  reset or broken pipe, as the kernel likes
            await loop.sock_sendall(client, bytes(64 * 1024 * 1024))
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.received_bytes > 65_536
        client.close()


async def test_nothing_reaches_the_session_after_it_wanted_to_close() -> None:
    connection, transport, session, _ = made(EchoSession)
    connection.data_received(b"quit")
    connection.data_received(b"more")
    connection.begin_drain(0.0)
    assert session.received == [b"quit"]
    assert transport.writes == [b"quit"]
    assert transport.calls == ["write_eof"]
    connection.eof_received()
    assert transport.calls == ["write_eof", "close"]
    connection.connection_lost(None)


async def test_abort_unheard_answer_is_dropped_and_reason_kept() -> None:
    async with listening(HangingSession) as rig:
        client = await rig.connect()
        await rig.events.wait_for(ConnectionOpened)
        (connection,) = rig.listener.connections
        connection.abort(CloseReason.DRAIN_TIMEOUT)
        connection.abort(CloseReason.INTERNAL_ERROR)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.DRAIN_TIMEOUT
        client.close()


# --- what the loops do once in a while, made to happen


async def test_pause_after_eof_leaves_reading_alone() -> None:
    connection, transport, session, _ = made(HoldingSession)
    connection.data_received(b"question")
    assert connection.eof_received()
    connection.pause_writing()
    connection.resume_writing()
    assert transport.calls == []
    assert session.close_reason is None
    connection.connection_lost(None)


@pytest.mark.parametrize(
    ("eof", "error", "reason"),
    [
        (False, None, CloseReason.PEER_CLOSED),
        (False, BrokenPipeError(), CloseReason.PEER_RESET),
        (True, ConnectionResetError(), CloseReason.PEER_CLOSED),
        (False, RuntimeError(), CloseReason.INTERNAL_ERROR),
    ],
)
async def test_connection_lost_without_reason_of_ours_is_told_by_its_error(
    eof: bool, error: Exception | None, reason: CloseReason
) -> None:
    connection, _, _, events = made(HoldingSession)
    connection.data_received(b"question")
    if eof:
        connection.eof_received()
    connection.connection_lost(error)
    assert [event.reason for event in events.of(ConnectionClosed)] == [reason]


async def test_close_after_reset_that_the_loop_has_not_told_yet_aborts() -> None:
    connection, transport, _, events = made(EchoSession)
    transport.peer_is_gone = True
    connection.data_received(b"quit")
    assert transport.calls == ["abort"]
    connection.connection_lost(None)
    assert [event.reason for event in events.of(ConnectionClosed)] == [CloseReason.UNANSWERABLE]


async def test_close_of_transport_that_is_closing_already_waits_for_its_end() -> None:
    connection, transport, _, events = made(EchoSession)
    transport.abort()  # as after a write that failed
    connection.data_received(b"quit")
    assert transport.calls == ["abort"]
    connection.connection_lost(ConnectionResetError())
    assert [event.reason for event in events.of(ConnectionClosed)] == [CloseReason.UNANSWERABLE]
