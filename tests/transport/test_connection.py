"""The pump: reads, writes, flow control, deadlines, sessions that raise. Ends: test_connection_end.py."""

import asyncio
import functools
import math

import pytest

from callrouter.telemetry import ConnectionClosed, ConnectionOpened, SessionFailed
from callrouter.transport.config import TransportLimits
from callrouter.transport.connection import Connection, plain_address
from callrouter.wire import CloseReason, Peer, Transport
from tests.transport.fake_transport import made
from tests.transport.rig import (
    PATIENCE_SECONDS,
    AmplifyingSession,
    EchoSession,
    HoldingSession,
    RaisingSession,
    SinkSession,
    close_writer,
    exchange,
    listening,
    read_exactly,
    reset,
)


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_plain_address_any_form_is_numeric_without_zone_or_mapping(raw: str, plain: str) -> None:
    assert plain_address(raw) == plain


# --- one read


async def test_connection_made_builds_peer_and_reports_it() -> None:
    async with listening() as rig:
        client = await rig.connect()
        opened = await rig.events.wait_for(ConnectionOpened)
        remote, local = client.getsockname(), rig.address
        assert opened.peer == Peer(remote[0], remote[1], Transport.TCP, local[0], local[1])
        client.close()


async def test_data_received_several_answers_are_one_write() -> None:
    connection, transport, session, _ = made(AmplifyingSession)
    connection.data_received(b"ab")
    assert transport.writes == [b"ab" * AmplifyingSession.factor]
    assert session.received == [b"ab"]


async def test_data_received_without_answer_writes_nothing() -> None:
    connection, transport, session, _ = made(SinkSession)
    connection.data_received(b"ab")
    assert transport.writes == []
    assert session.received == [b"ab"]


async def test_connection_made_session_with_something_to_say_is_written_at_once() -> None:
    class Greeting(EchoSession):
        def __init__(self, peer: Peer, now: float) -> None:
            super().__init__(peer, now)
            self.output = [b"hello"]

    _, transport, _, _ = made(Greeting)
    assert transport.writes == [b"hello"]


async def test_echo_many_reads_come_back_in_order_and_are_counted() -> None:
    async with listening() as rig:
        reader, writer = await rig.open()
        for number in range(20):
            data = b"%d." % number
            assert await exchange(reader, writer, data) == data
        await close_writer(writer)
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.PEER_CLOSED
        assert closed.received_bytes == closed.sent_bytes == sum(len(b"%d." % n) for n in range(20))


# --- flow control


async def test_peer_that_does_not_read_is_paused_bounded_and_aborted_while_others_are_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    data_received = Connection.data_received

    def note_size(self: Connection, data: bytes) -> None:
        data_received(self, data)
        sizes.append(self._transport.get_write_buffer_size())

    monkeypatch.setattr(Connection, "data_received", note_size)
    limits = TransportLimits(max_write_buffer_bytes=65_536, write_seconds=0.3)
    async with listening(AmplifyingSession, limits) as rig:
        loop = asyncio.get_running_loop()
        client = await rig.connect(receive_buffer_bytes=4096)
        sending = loop.create_task(loop.sock_sendall(client, bytes(64 * 1024 * 1024)))
        opened = await rig.events.wait_for(ConnectionOpened)
        reader, writer = await rig.open()
        await rig.events.wait_for(ConnectionOpened, 2)
        while not rig.events.of(ConnectionClosed):
            writer.write(b"x")
            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await reader.readexactly(AmplifyingSession.factor) == b"x" * AmplifyingSession.factor

        closed = rig.events.of(ConnectionClosed)[0]
        assert closed.peer == opened.peer
        assert closed.reason is CloseReason.WRITE_TIMEOUT
        first = rig.sessions[0]
        assert isinstance(first, AmplifyingSession)
        one_read = max(len(data) for data in first.received) * AmplifyingSession.factor
        assert 65_536 < max(sizes) <= 65_536 + one_read
        assert closed.received_bytes < 64 * 1024 * 1024  # reading stopped
        with pytest.raises(OSError):  # noqa: PT011  reset or broken pipe, as the kernel likes
            await sending
        client.close()
        await close_writer(writer)


async def test_peer_that_reads_late_gets_everything_and_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    paused = asyncio.Event()
    pause_writing = Connection.pause_writing

    def note_pause(self: Connection) -> None:
        pause_writing(self)
        paused.set()

    monkeypatch.setattr(Connection, "pause_writing", note_pause)
    async with listening(limits=TransportLimits(max_write_buffer_bytes=65_536, write_seconds=60.0)) as rig:
        loop = asyncio.get_running_loop()
        client = await rig.connect(receive_buffer_bytes=4096)
        data = bytes(range(256)) * 32_768  # 8 MiB, more than the kernel holds for both directions
        sending = loop.create_task(loop.sock_sendall(client, data))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await paused.wait()
        assert await read_exactly(client, len(data)) == data
        await sending
        (connection,) = rig.listener.connections
        assert connection._limit_at == math.inf
        await loop.sock_sendall(client, b"still here")
        assert await read_exactly(client, 10) == b"still here"
        client.close()


# --- deadlines


async def test_session_deadline_fires_once_and_not_early() -> None:
    async with listening(HoldingSession) as rig:
        reader, writer = await rig.open()
        assert await exchange(reader, writer, b"held") == b"held"
        (session,) = rig.sessions
        assert isinstance(session, HoldingSession)
        assert len(session.deadlines_handled) == 1
        assert session.deadlines_handled[0] >= session.opened_at + session.hold_seconds
        assert await exchange(reader, writer, b"again") == b"again"
        assert len(session.deadlines_handled) == 2
        await close_writer(writer)


async def test_later_deadline_leaves_armed_timer_and_is_met_when_that_fires() -> None:
    connection, _, session, _ = made(SinkSession)
    loop = asyncio.get_running_loop()
    fired = asyncio.Event()
    handle = session.handle_deadline

    def note(now: float) -> None:
        handle(now)
        fired.set()

    session.handle_deadline = note  # type: ignore[method-assign]
    start = loop.time()
    session.deadline = start + 0.02
    connection.data_received(b"a")
    timer = connection._timer
    session.deadline = start + 0.08
    connection.data_received(b"b")
    assert connection._timer is timer  # the hot path touches no timer
    async with asyncio.timeout(PATIENCE_SECONDS):
        await fired.wait()
    assert [at >= start + 0.08 for at in session.deadlines_handled] == [True]
    connection.connection_lost(None)


async def test_earlier_deadline_replaces_armed_timer() -> None:
    connection, _, session, _ = made(SinkSession)
    now = asyncio.get_running_loop().time()
    session.deadline = now + 3600
    connection.data_received(b"a")
    late = connection._timer
    session.deadline = now + 60
    connection.data_received(b"b")
    assert late is not None
    assert late.cancelled()
    assert connection._timer is not late
    connection.connection_lost(None)
    assert connection._timer is None


async def test_session_that_times_out_is_closed_with_its_reason() -> None:
    class Impatient(SinkSession):
        def __init__(self, peer: Peer, now: float) -> None:
            super().__init__(peer, now)
            self.deadline = now + 0.05

        def handle_deadline(self, now: float) -> None:
            super().handle_deadline(now)
            self.reason = CloseReason.IDLE_TIMEOUT

    async with listening(Impatient) as rig:
        client = await rig.connect()
        assert await read_exactly(client, 1) == b""
        client.close()
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.IDLE_TIMEOUT


# --- the session is told something by another


async def test_advance_does_what_the_session_wants_by_now() -> None:
    connection, transport, session, _ = made(SinkSession)
    connection.advance()
    assert (transport.writes, transport.calls, connection._timer) == ([], [], None)
    session.output = [b"bye"]
    session.deadline = asyncio.get_running_loop().time() + 60
    connection.advance()
    assert transport.writes == [b"bye"]
    assert connection._timer is not None
    session.output = [b"last ", b"words"]
    session.reason = CloseReason.DONE
    connection.advance()
    assert (transport.writes, transport.calls) == ([b"bye", b"last words"], ["write_eof"])
    connection.connection_lost(None)


@pytest.mark.parametrize("is_gone", [False, True])
async def test_advance_after_the_end_does_nothing(is_gone: bool) -> None:
    connection, transport, session, events = made(EchoSession)
    connection.data_received(b"quit")
    if is_gone:
        connection.connection_lost(None)
    session.output = [b"too late"]
    connection.advance()
    assert (transport.writes, transport.calls) == ([b"quit"], ["write_eof"])
    if not is_gone:
        connection.connection_lost(None)
    assert len(events.of(ConnectionClosed)) == 1


async def test_advance_of_a_session_that_raises_ends_the_connection() -> None:
    connection, transport, session, events = made(RaisingSession)
    assert isinstance(session, RaisingSession)
    connection.data_received(b"x")
    session.method = "data_to_send"
    connection.advance()
    connection.advance()
    assert [str(event.error) for event in events.of(SessionFailed)] == ["data_to_send"]
    assert transport.calls == ["write_eof"]
    connection.connection_lost(None)
    assert [event.reason for event in events.of(ConnectionClosed)] == [CloseReason.INTERNAL_ERROR]


@pytest.mark.parametrize("way", ["peer closes", "peer resets", "session closes", "session raises", "abort"])
async def test_session_is_told_once_that_the_connection_is_lost(way: str) -> None:
    async with listening(functools.partial(RaisingSession, method="receive_data" if "raises" in way else "")) as rig:
        client = await rig.connect()
        loop = asyncio.get_running_loop()
        opened = await rig.events.wait_for(ConnectionOpened)
        (session,) = rig.sessions
        assert isinstance(session, RaisingSession)
        if way == "peer resets":
            reset(client)
        elif way == "abort":
            (connection,) = rig.listener.connections
            connection.abort(CloseReason.DRAIN_TIMEOUT)
        elif way.startswith("session"):
            await loop.sock_sendall(client, b"quit")
            assert await read_exactly(client, 100) == (b"" if "raises" in way else b"quit")
        assert session.lost_at == []
        client.close()
        await rig.events.wait_for(ConnectionClosed)
        assert len(session.lost_at) == 1
        assert session.peer == opened.peer


async def test_session_that_raises_when_the_connection_is_lost_is_reported_and_the_end_told() -> None:
    class Sore(EchoSession):
        def connection_lost(self, now: float) -> None:
            super().connection_lost(now)
            raise LookupError("connection_lost")

    async with listening(Sore) as rig:
        _, writer = await rig.open()
        await close_writer(writer)
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.PEER_CLOSED
        (failed,) = rig.events.of(SessionFailed)
        assert (failed.peer, str(failed.error)) == (closed.peer, "connection_lost")
        (session,) = rig.sessions
        assert isinstance(session, Sore)
        assert len(session.lost_at) == 1
        assert rig.events.events[-2:] == [failed, closed]


# --- our bugs


@pytest.mark.parametrize("method", ["receive_data", "data_to_send", "handle_deadline", "receive_eof", "begin_drain"])
async def test_session_that_raises_ends_its_own_connection_only(method: str) -> None:
    async with listening(functools.partial(RaisingSession, method="")) as rig:
        healthy_reader, healthy_writer = await rig.open()
        assert await exchange(healthy_reader, healthy_writer, b"before") == b"before"
        rig._factory = functools.partial(RaisingSession, method=method)
        reader, writer = await rig.open()
        writer.write(b"trigger")
        if method == "receive_eof":
            writer.write_eof()
        elif method == "begin_drain":
            await rig.events.wait_for(ConnectionOpened, 2)
            for connection in tuple(rig.listener.connections):
                if connection.peer.port == writer.get_extra_info("sockname")[1]:
                    connection.begin_drain(asyncio.get_running_loop().time())
        async with asyncio.timeout(PATIENCE_SECONDS):
            await reader.read()  # until the server's FIN
        await close_writer(writer)
        closed = await rig.events.wait_for(ConnectionClosed)
        failed = rig.events.of(SessionFailed)
        assert closed.reason is CloseReason.INTERNAL_ERROR
        assert [(event.peer, type(event.error), event.error.args) for event in failed] == [
            (closed.peer, LookupError, (method,))
        ]
        broken = rig.sessions[1]
        assert isinstance(broken, RaisingSession)
        assert broken.calls_after_raising == 0
        assert await exchange(healthy_reader, healthy_writer, b"after") == b"after"
        await close_writer(healthy_writer)


async def test_session_factory_that_raises_ends_the_connection() -> None:
    def explode(peer: Peer, now: float) -> EchoSession:
        raise LookupError(str(peer), now)

    async with listening(explode) as rig:
        client = await rig.connect()
        assert await read_exactly(client, 1) == b""
        client.close()
        # There is nobody to tell of the end: the one failure is the factory's.
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.INTERNAL_ERROR
        assert len(rig.events.of(SessionFailed)) == len(rig.events.of(ConnectionOpened)) == 1
