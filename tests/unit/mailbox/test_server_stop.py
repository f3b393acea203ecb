"""How a server ends: calls by BYE, nothing new, and nothing left; whatever else is under way at that moment."""

import asyncio

import pytest

from callrouter.mailbox import server as module
from callrouter.mailbox.doors import MailboxError
from callrouter.telemetry import ConnectionClosed
from tests.transport.rig import PATIENCE_SECONDS
from tests.unit.mailbox.servers import (
    ALL_PORTS,
    EVEN,
    ODD,
    SERVICE,
    contact_of,
    is_open,
    over_tcp,
    phone,
    serving,
)
from tests.unit.mailbox.talk import Talk


async def test_drain_ends_every_call_by_bye() -> None:
    async with serving() as (server, world), phone(ODD) as first, phone(ODD) as second, phone(SERVICE) as idle:
        await first.call(Talk("c1"))
        await first.call(Talk("c2"))
        await second.call(Talk("c3"))
        drain = asyncio.create_task(server.drain(PATIENCE_SECONDS))
        byes = [await caller.be_hung_up() for caller in (first, first, second)]
        assert [bye["Call-ID"] for bye in byes] == ["c1", "c2", "c3"]
        assert await drain == 0
        assert [await caller.read_to_end() for caller in (first, second, idle)] == [b""] * 3
        assert sorted(world.ends()) == [("c1", "stopped"), ("c2", "stopped"), ("c3", "stopped")]
        assert (server.calls, list(server.listeners)) == (0, [])
        assert not [port for port in ALL_PORTS if await is_open(port)]


async def test_drain_ends_calls_of_workers_that_have_a_successor() -> None:
    async with serving() as (server, world), phone(ODD) as first:
        await first.call(Talk("c1"))
        server.recycle()
        async with phone(EVEN) as second:
            await second.call(Talk("c2"))
            server.recycle()
            drain = asyncio.create_task(server.drain(PATIENCE_SECONDS))
            await first.be_hung_up()
            await second.be_hung_up()
            assert await drain == 0
        assert sorted(world.ends()) == [("c1", "stopped"), ("c2", "stopped")]


async def test_drain_of_a_caller_that_does_not_answer_is_cut_off() -> None:
    async with serving() as (server, world), phone(ODD) as mute:
        await mute.call(Talk("c1"))
        drain = asyncio.create_task(server.drain(0.1))
        await mute.be_hung_up(answers=False)
        assert await drain == 1
        assert (world.ends(), server.calls) == ([("c1", "stopped")], 0)


async def test_drain_of_calls_that_are_not_acknowledged_leaves_none_in_the_table() -> None:
    # Such a call must not be hung up before its ACK, and goes with its connection.
    async with serving() as (server, world), phone(ODD) as caller:
        assert (await caller.ask(Talk("c1").invite())).status == 200
        assert await server.drain(0.1) == 1
        assert (world.ends(), server.calls) == ([("c1", "stopped")], 0)


async def test_drain_ends_calls_without_a_connection_at_once() -> None:
    async with serving() as (server, world), phone(ODD) as mute:
        await mute.call(Talk("here"))
        async with phone(ODD) as caller:
            await caller.call(Talk("gone"))
        await world.events.wait_for(ConnectionClosed)
        drain = asyncio.create_task(server.drain(PATIENCE_SECONDS))
        await mute.be_hung_up(answers=False)
        assert world.ends() == [("gone", "stopped")]
        await mute.hang_up()
        assert await drain == 0
        assert world.ends() == [("gone", "stopped"), ("here", "stopped")]


async def test_drain_refuses_new_calls_on_both_hops() -> None:
    async with serving() as (server, _), phone(SERVICE) as service, phone(ODD) as worker:
        talk = Talk("held")
        await worker.call(talk)
        # An INVITE without its ACK keeps the second connection open meanwhile.
        held = Talk("c1")
        assert (await service.ask(held.invite())).status == 302
        drain = asyncio.create_task(server.drain(PATIENCE_SECONDS))
        bye = await worker.be_hung_up(answers=False)
        server.follow(server._router_snapshot)
        late = Talk("c2")
        for caller in (service, worker):
            refused = await caller.ask(late.invite())
            assert (refused.status, "Retry-After" in refused) == (503, True)
            await caller.send(late.ack_failure())
        await service.send(held.ack_failure())
        assert bye["Call-ID"] == "held"
        assert (await worker.ask(talk.request("BYE"))).status == 200
        await worker.hang_up()
        assert await drain == 0


async def test_recycle_while_the_server_stops_is_refused_and_opens_nothing() -> None:
    async with serving() as (server, _), phone(ODD) as caller:
        await caller.call(Talk("c1"))
        drain = asyncio.create_task(server.drain(PATIENCE_SECONDS))
        await caller.be_hung_up(answers=False)
        with pytest.raises(MailboxError, match="MBX1 does not listen: it is starting or stopping"):
            server.recycle()
        assert not await is_open(EVEN)
        await caller.hang_up()
        await drain
        with pytest.raises(MailboxError):
            server.recycle()


async def test_recycling_period_ends_with_the_server() -> None:
    async with serving(over_tcp(recycle_seconds=0.01)) as (server, world):
        await world.log.wait_for("worker started", 2)
        await server.drain(PATIENCE_SECONDS)
        recycles = server.recycles
        server.configure(over_tcp(recycle_seconds=0.02))
        assert (server._recycle_timer, server.recycles) == (None, recycles)


async def test_drain_does_not_wait_for_the_connections_of_a_worker_that_ended_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as (server, world), phone(ODD) as stubborn:
        monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 0.0)
        # Its refusal is never acknowledged, and so keeps the connection busy for 32 seconds.
        assert (await stubborn.ask(Talk("c1", contact="").invite())).status == 400
        server.recycle()
        monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 32.0)
        assert await contact_of(SERVICE) != ""
        assert list(server._ending)
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await server.drain(0.1) == 1
        assert world.log.select("worker ended")


async def test_close_cuts_a_drain_short() -> None:
    async with serving() as (server, world), phone(ODD) as mute:
        await mute.call(Talk("c1"))
        drain = asyncio.create_task(server.drain(60.0))
        await mute.be_hung_up(answers=False)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await server.close()
            await drain
        assert (world.ends(), server.calls) == ([("c1", "stopped")], 0)


async def test_close_with_calls_of_every_kind_leaves_nothing() -> None:
    # What is left is asked by `serving`: calls, tasks, timers, connections.
    async with serving(over_tcp(answer_after_seconds=60.0)) as (server, world), phone(ODD) as ringing:
        await ringing.send(Talk("ringing").invite())
        assert [(await ringing.read()).status for _ in range(2)] == [100, 180]
        server.configure(over_tcp())
        async with phone(ODD) as gone:
            await gone.call(Talk("gone"))
        await world.events.wait_for(ConnectionClosed)
        server.recycle()
        async with phone(ODD) as unsure, phone(EVEN) as sure:
            assert (await unsure.ask(Talk("unsure").invite())).status == 200
            await sure.call(Talk("sure"))
            assert (server.calls, server.draining_calls) == (4, 3)
            await server.close()
            ends = dict(world.ends())
            assert ends == {"ringing": "connection-lost", "gone": "stopped", "unsure": "stopped", "sure": "stopped"}


async def test_close_and_drain_may_be_asked_for_again() -> None:
    async with serving() as (server, _):
        for _ in range(2):
            assert await server.drain(1.0) == 0
            await server.close()
