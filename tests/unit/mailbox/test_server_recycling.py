"""Recycling: the successor on the other port, and what becomes of calls (EXCHANGE-UM A1, B 1; decision 17)."""

import ssl

import pytest

from callrouter.mailbox import server as module
from callrouter.mailbox.doors import MailboxError
from callrouter.telemetry import ConnectionClosed
from callrouter.transport.tls import ServerTls
from callrouter.wire import Transport
from tests.unit.mailbox.servers import (
    ADDRESS,
    EVEN,
    EVEN_TLS,
    ODD,
    ODD_TLS,
    SERVICE,
    SERVICE_TLS,
    contact_of,
    dual,
    is_open,
    over_tcp,
    phone,
    serving,
    taken,
)
from tests.unit.mailbox.talk import Talk

OF_ODD = f"<sip:100@{ADDRESS}:{ODD};transport=Tcp>"
OF_EVEN = f"<sip:100@{ADDRESS}:{EVEN};transport=Tcp>"


@pytest.fixture
def no_late_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old worker takes no calls from the switch on."""
    monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 0.0)


@pytest.fixture
def few_late_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old worker takes calls, and waits for its last connections, for a time that a test can wait for."""
    monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 0.05)


# --- the ports


async def test_recycle_swaps_both_ports_and_back_again(server_tls: ServerTls, client_tls: ssl.SSLContext) -> None:
    settings = dual()
    async with serving(settings, tls=server_tls) as (server, world):
        for number, (tcp, tls) in enumerate([(EVEN, EVEN_TLS), (ODD, ODD_TLS), (EVEN, EVEN_TLS)], 1):
            server.recycle()
            assert server.worker_ports == {Transport.TCP: tcp, Transport.TLS: tls}
            assert server.recycles == number
            assert await contact_of(SERVICE) == f"<sip:100@{ADDRESS}:{tcp};transport=Tcp>"
            assert await contact_of(SERVICE_TLS, client_tls) == f"<sip:100@{ADDRESS}:{tls};transport=Tls>"
            assert [each.addresses[0][1] for role, each in server.listeners if role == "worker"] == [tcp, tls]
        assert [line["worker"] for line in world.log.select("worker started")] == [1, 2, 3, 4]
        assert [line["worker"] for line in world.log.select("worker draining")] == [1, 2, 3]


async def test_recycle_with_a_taken_port_names_it_and_the_worker_stays() -> None:
    async with serving() as (server, world), phone(ODD) as worker:
        talk = Talk("c1")
        await worker.call(talk)
        with taken(EVEN):
            for _ in range(2):
                with pytest.raises(MailboxError) as caught:
                    server.recycle()
                assert caught.value.problems == (
                    f"cannot listen on {ADDRESS}:{EVEN} over TCP: address already in use (mailbox server MBX1)",
                )
        assert (server.recycles, server.worker_ports) == (0, {Transport.TCP: ODD})
        failed = world.log.select("worker not recycled")
        assert [line["event_id"] for line in failed] == [1001, 1001]
        assert await contact_of(SERVICE) == OF_ODD
        assert (await worker.ask(talk.request("INFO"))).status == 200
        server.recycle()
        assert await contact_of(SERVICE) == OF_EVEN


async def test_recycle_with_one_of_two_ports_taken_opens_neither(server_tls: ServerTls) -> None:
    async with serving(dual(), tls=server_tls) as (server, _):
        with taken(EVEN_TLS), pytest.raises(MailboxError, match=f"{EVEN_TLS} over TLS"):
            server.recycle()
        assert not await is_open(EVEN)
        server.recycle()
        assert await is_open(EVEN)


# --- by period


async def test_worker_is_recycled_each_period() -> None:
    async with serving(over_tcp(recycle_seconds=0.02)) as (server, world):
        started = await world.log.wait_for("worker started", 4)
        assert (started["worker"], started["ports"]) == (4, {"TCP": EVEN})
        assert server.recycles >= 3


async def test_worker_that_cannot_be_recycled_is_tried_again_each_period() -> None:
    async with serving(over_tcp(recycle_seconds=0.02)) as (server, world):
        with taken(EVEN):
            await world.log.wait_for("worker not recycled", 2)
            assert server.recycles == 0
        await world.log.wait_for("worker started", 2)


async def test_recycling_on_demand_begins_the_period_anew() -> None:
    async with serving(over_tcp(recycle_seconds=3600)) as (server, _):
        first = server._recycle_timer
        server.recycle()
        assert server._recycle_timer is not first
        assert first is not None
        assert first.cancelled()


async def test_worker_lives_for_ever_where_no_period_is_set() -> None:
    async with serving(over_tcp(recycle_seconds=0)) as (server, _):
        assert server._recycle_timer is None
        server.recycle()
        assert server._recycle_timer is None


# --- calls


async def test_calls_in_progress_stay_and_new_ones_go_to_the_successor() -> None:
    async with serving() as (server, world), phone(ODD) as before:
        old = Talk("old")
        await before.call(old)
        server.recycle()
        assert (server.calls, server.draining_calls) == (1, 1)
        assert await contact_of(SERVICE) == OF_EVEN
        async with phone(EVEN) as after:
            new = Talk("new")
            assert (await after.call(new))["Contact"] == f"<sip:{ADDRESS}:{EVEN};transport=Tcp>;automata"
            assert (server.calls, server.draining_calls) == (2, 1)
            assert (await before.ask(old.invite())).status == 200
            await before.send(old.ack())
            assert (await before.ask(old.request("BYE"))).status == 200
            assert (server.calls, server.draining_calls) == (1, 0)
            assert (await after.ask(new.request("BYE"))).status == 200
        assert world.ends() == [("old", "remote-bye"), ("new", "remote-bye")]


async def test_late_call_to_the_old_port_is_taken_for_a_while() -> None:
    async with serving() as (server, _), phone(ODD) as known:
        server.recycle()
        late, later = Talk("late"), Talk("later")
        await known.call(late)
        async with phone(ODD) as stranger:
            await stranger.call(later)
        assert server.draining_calls == 2


@pytest.mark.usefixtures("no_late_calls")
async def test_call_that_comes_too_late_to_the_old_port_is_refused_and_those_before_go_on() -> None:
    async with serving() as (server, _), phone(ODD) as worker:
        talk = Talk("c1")
        await worker.call(talk)
        server.recycle()
        assert (await worker.ask(talk.request("INFO"))).status == 200
        refused = await worker.ask(Talk("too-late").invite())
        assert (refused.status, "draining" in refused["Warning"]) == (503, True)
        async with phone(ODD) as other:
            assert (await other.ask(talk.request("BYE"))).status == 200


@pytest.mark.usefixtures("no_late_calls")
async def test_old_worker_closes_its_port_and_connections_after_its_last_call() -> None:
    async with serving() as (server, world), phone(ODD) as worker, phone(ODD) as idle:
        talk = Talk("c1")
        await worker.call(talk)
        server.recycle()
        assert (await worker.ask(talk.request("INFO"))).status == 200
        assert await is_open(ODD)
        assert (await worker.ask(talk.request("BYE"))).status == 200
        assert await worker.read_to_end() == await idle.read_to_end() == b""
        assert (await world.log.wait_for("worker ended"))["worker"] == 1
        assert not await is_open(ODD)
        assert await is_open(EVEN)


@pytest.mark.usefixtures("few_late_calls")
async def test_old_worker_without_calls_ends_when_no_late_one_can_come() -> None:
    async with serving() as (server, world):
        server.recycle()
        assert await is_open(ODD)
        assert (await world.log.wait_for("worker ended"))["worker"] == 1
        assert not await is_open(ODD)


async def test_bye_to_the_old_port_after_two_recycles_finds_the_call() -> None:
    async with serving() as (server, world):
        talk = Talk("c1")
        async with phone(ODD) as worker:
            await worker.call(talk)
            server.recycle()
            server.recycle()
            # The third worker has its port now, but the connection is still there.
            assert (await worker.ask(talk.request("INFO"))).status == 200
            assert server.draining_calls == 1
        async with phone(ODD) as other:
            assert (await other.ask(talk.request("BYE"))).status == 200
        assert world.ends() == [("c1", "remote-bye")]


async def test_worker_of_two_recycles_ago_takes_no_new_call_on_its_connections() -> None:
    async with serving() as (server, _), phone(ODD) as worker:
        await worker.call(Talk("c1"))
        server.recycle()
        server.recycle()
        assert (await worker.ask(Talk("c2").invite())).status == 503


async def test_connection_without_a_call_ends_when_its_port_is_needed() -> None:
    async with serving() as (server, world), phone(ODD) as idle:
        server.recycle()
        server.recycle()
        assert await idle.read_to_end() == b""
        assert (await world.log.wait_for("worker ended"))["worker"] == 1


@pytest.mark.usefixtures("no_late_calls")
async def test_call_that_was_taken_up_on_a_successors_port_outlives_that_successor() -> None:
    async with serving() as (server, world):
        talk = Talk("c1")
        async with phone(ODD) as first:
            await first.call(talk)
            server.recycle()
            server.recycle()
        async with phone(ODD) as third:
            assert (await third.ask(talk.request("INFO"))).status == 200
            server.recycle()
            # The third worker has no call of its own; this one is its to keep now.
            await world.log.wait_for("worker ended", 2)
            assert (await third.ask(talk.request("INFO"))).status == 200
            assert (server.calls, server.draining_calls) == (1, 1)
            assert (await third.ask(talk.request("BYE"))).status == 200
            assert await third.read_to_end() == b""
        assert world.ends() == [("c1", "remote-bye")]


async def test_call_without_a_connection_lives_through_recycles() -> None:
    async with serving() as (server, world):
        talk = Talk("c1")
        async with phone(ODD) as worker:
            await worker.call(talk)
        await world.events.wait_for(ConnectionClosed)
        for _ in range(5):
            server.recycle()
        assert (server.calls, server.draining_calls) == (1, 1)
        async with phone(EVEN) as other:
            assert (await other.ask(talk.request("INFO"))).status == 200
            assert (server.calls, server.draining_calls) == (1, 0)


async def test_limit_counts_the_calls_of_all_workers() -> None:
    async with serving(over_tcp(max_calls_allowed=2)) as (server, _), phone(ODD) as first:
        await first.call(Talk("c1"))
        server.recycle()
        async with phone(EVEN) as second:
            await second.call(Talk("c2"))
            assert await contact_of(SERVICE) == "503"
            assert (await first.ask(Talk("c3").invite())).status == 503
            assert (await second.ask(Talk("c4").invite())).status == 503


async def test_call_that_is_heard_on_a_connection_that_is_being_closed_counts_among_the_draining_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with serving() as (server, _), phone(ODD) as old:
        monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 0.0)
        # Its refusal is not acknowledged yet, which keeps the connection.
        refused = Talk("c1", contact="")
        assert (await old.ask(refused.invite())).status == 400
        server.recycle()
        monkeypatch.setattr(module, "LATE_CALLS_SECONDS", 32.0)
        async with phone(EVEN) as new:
            talk = Talk("c2")
            await new.call(talk)
            assert (await old.ask(talk.request("INFO"))).status == 200
            assert (server.calls, server.draining_calls) == (1, 1)
            assert (await new.ask(talk.request("INFO"))).status == 200
            assert (server.calls, server.draining_calls) == (1, 0)


@pytest.mark.usefixtures("few_late_calls")
async def test_old_workers_connection_that_will_not_end_is_cut_off_in_the_end() -> None:
    async with serving() as (server, world), phone(ODD) as stubborn:
        # Its refusal is never acknowledged, and so keeps the connection busy.
        assert (await stubborn.ask(Talk("c1", contact="").invite())).status == 400
        server.recycle()
        await world.log.wait_for("worker ended")
        assert await stubborn.read_to_end() == b""
        closed = await world.events.wait_for(ConnectionClosed)
        assert closed.reason == "drain-timeout"
