"""Whom the prober follows, and that nothing is left of those it follows no more."""

import asyncio
from dataclasses import replace

import pytest

from callrouter.directory.model import MailboxServer
from callrouter.pool.health import HealthPolicy, PoolHealth, Probing, answered
from callrouter.probing.prober import Prober
from callrouter.telemetry import ConnectionClosed, ConnectionOpened, ProbingEnded
from callrouter.wire import CloseReason, Transport
from tests.transport.rig import PATIENCE_SECONDS, EventLog
from tests.unit.probing.rig import EAGER, PATIENT, SLACK_SECONDS, Findings, probing, tcp_server, watching
from tests.unit.probing.servers import AnsweringServer, SilentServer, misbehaving, serving


async def test_every_port_is_probed_by_itself() -> None:
    async with serving() as first, serving() as second:
        health = watching(tcp_server(first.port), tcp_server(second.port, "MBX2"))
        async with probing(health, PATIENT) as bench:
            await bench.findings.wait_for(2)
            assert {(server, transport) for server, transport, _, _ in bench.findings.all} == {
                ("MBX1", Transport.TCP),
                ("MBX2", Transport.TCP),
            }
            assert bench.findings.results == [answered(200), answered(200)]


async def test_new_server_is_probed_and_the_old_one_goes_on() -> None:
    async with serving() as first, serving() as second, probing(watching(tcp_server(first.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        bench.prober.follow(watching(tcp_server(first.port), tcp_server(second.port, "MBX2")))
        await bench.findings.wait_for(2)
        assert bench.findings.all[1][0] == "MBX2"
        assert first.events.of(ConnectionClosed) == []
        assert bench.events.of(ProbingEnded) == []


async def test_server_that_left_is_probed_no_more_and_its_connection_ends_decently() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        bench.prober.follow(watching())
        closed = await server.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.PEER_CLOSED
        assert bench.events.of(ProbingEnded) == [ProbingEnded("MBX1", Transport.TCP)]


async def test_server_that_left_while_probed_records_nothing_more() -> None:
    async with misbehaving(SilentServer) as house, probing(watching(tcp_server(house.port)), PATIENT) as bench:
        async with serving() as other:
            bench.prober.follow(watching(tcp_server(house.port), tcp_server(other.port, "MBX2")))
            await bench.findings.wait_for(1)
            bench.prober.follow(watching(tcp_server(other.port, "MBX2")))
            await house.is_empty()
        await bench.prober.stop()
        assert [server for server, _, _, _ in bench.findings.all if server == "MBX1"] == []


@pytest.mark.parametrize("change", ["port", "address"])
async def test_server_that_moved_is_probed_where_it_is_now(change: str) -> None:
    async with serving() as before, serving() as after, probing(watching(tcp_server(before.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        moved = tcp_server(after.port) if change == "port" else tcp_server(before.port, address="127.0.0.1")
        bench.prober.follow(watching(moved))
        await before.events.wait_for(ConnectionClosed)
        await bench.findings.wait_for(2)
        assert bench.events.of(ProbingEnded) == [ProbingEnded("MBX1", Transport.TCP)]
        opened = {"port": after, "address": before}[change].events.of(ConnectionOpened)
        assert len(opened) == {"port": 1, "address": 2}[change]


async def test_probing_that_is_turned_off_ends_everything() -> None:
    server = tcp_server(1)
    async with probing(watching(server), PATIENT) as bench:
        off = PoolHealth(HealthPolicy(Probing.OFF))
        bench.prober.follow(off.retain([server], 0.0))
        assert bench.events.of(ProbingEnded) == [ProbingEnded("MBX1", Transport.TCP)]


async def test_other_config_begins_all_anew_and_the_same_config_nothing() -> None:
    async with misbehaving(AnsweringServer) as house:
        health = watching(tcp_server(house.port))
        async with probing(health, PATIENT) as bench:
            await bench.findings.wait_for(1)
            bench.prober.follow(health, replace(PATIENT))
            bench.prober.follow(health, EAGER)
            await bench.findings.wait_for(3)
            assert house.connections == 2
            assert bench.events.of(ProbingEnded) == []


async def test_tls_port_without_a_context_is_refused_and_changes_nothing() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        with pytest.raises(ValueError, match="a TLS port cannot be probed without a TLS context"):
            bench.prober.follow(watching(MailboxServer("MBX1", tcp_port=server.port, tls_port=5063)))
        assert bench.events.of(ProbingEnded) == []
        assert server.events.of(ConnectionClosed) == []


async def test_first_probes_of_many_are_spread() -> None:
    drawn = iter([0.0, 0.5, 1.0, *[0.0] * 9])
    async with misbehaving(AnsweringServer) as house:
        servers = [tcp_server(house.port, f"MBX{number}") for number in range(21)]
        async with probing(watching(*servers), PATIENT, draw=lambda: next(drawn, 0.0)) as bench:
            await bench.findings.wait_for(21)
            came_at = {server: now - bench.begun_at for server, _, _, now in bench.findings.all}
            # A hundred a second: those of 21 targets are 0.2 s apart at most.
            assert came_at["MBX1"] >= 0.1 - SLACK_SECONDS
            assert came_at["MBX2"] >= 0.2 - SLACK_SECONDS


async def test_stop_ends_what_hangs_and_what_waits() -> None:
    async with misbehaving(SilentServer) as silent, serving() as answering:
        health = watching(tcp_server(silent.port), tcp_server(answering.port, "MBX2"))
        async with probing(health, PATIENT) as bench:
            await bench.findings.wait_for(1)
            await bench.prober.stop()
            await silent.is_empty()
            assert (await answering.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_CLOSED
            await bench.prober.stop()


async def test_stop_before_the_first_turn_of_the_loop_leaves_nothing() -> None:
    async with probing(watching(tcp_server(1))) as bench:
        await bench.prober.stop()
        assert bench.findings.all == []


async def test_prober_can_follow_again_after_a_stop() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        await bench.prober.stop()
        bench.prober.follow(watching(tcp_server(server.port)))
        assert await bench.findings.wait_for(2) == [answered(200), answered(200)]


async def test_failure_of_our_own_is_told_the_loop_and_the_next_follow_begins_anew() -> None:
    told: list[dict[str, object]] = []
    came = asyncio.Event()

    def hear(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        told.append(context)
        came.set()

    asyncio.get_running_loop().set_exception_handler(hear)
    findings = Findings()

    def record(*result: object) -> None:
        findings(*result)  # type: ignore[arg-type]
        if len(findings.all) == 1:
            raise LookupError("a bug")

    async with serving() as server:
        prober = Prober(PATIENT, record, EventLog())
        prober.follow(watching(tcp_server(server.port)))
        async with asyncio.timeout(PATIENCE_SECONDS):
            await came.wait()
        assert isinstance(told[0]["exception"], LookupError)
        prober.follow(watching(tcp_server(server.port)))
        await findings.wait_for(2)
        await prober.stop()
    assert len(told) == 1
