"""What a watch finds out about each kind of server, how soon, and how often it asks."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from callrouter.directory.model import ComponentState
from callrouter.pool.health import HealthState, PoolHealth, ProbeResult, answered, failed, refused, timed_out
from callrouter.probing.exchange import Exchange
from callrouter.sip.message import Response
from callrouter.sip.request import OutgoingRequest
from callrouter.telemetry import (
    ConnectionOpened,
    FramingLost,
    ProbeFinished,
    ProbeOutcome,
    RequestAnswered,
    SessionFailed,
)
from callrouter.transport.client import ConnectError, Destination
from callrouter.wire import Transport
from tests.unit.probing.rig import EAGER, PATIENT, SLACK_SECONDS, Bench, probing, tcp_server, watching
from tests.unit.probing.servers import (
    AnsweringServer,
    ClosingServer,
    DyingServer,
    ForgetfulServer,
    GarbageServer,
    HangingUpServer,
    House,
    HttpServer,
    LaterResettingServer,
    ResettingServer,
    SilentServer,
    SipServer,
    misbehaving,
    serving,
)

LOST = failed("the connection ended before the answer")
NOT_SIP = failed("what the server sends is not SIP")

# --- one server after the other


async def test_living_server_is_asked_again_and_again_over_one_connection() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port))) as bench:
        assert await bench.findings.wait_for(4) == [answered(200)] * 4
        assert len(server.events.of(ConnectionOpened)) == 1
        assert {event.method for event in server.events.of(RequestAnswered)} == {"OPTIONS"}
        assert bench.seconds_until(4) >= 3 * EAGER.interval_seconds - SLACK_SECONDS
        (first, *_) = bench.events.of(ProbeFinished)
        assert (first.server, first.transport, first.outcome, first.detail) == (
            "MBX1",
            Transport.TCP,
            ProbeOutcome.ALIVE,
            "answers 200",
        )
        assert 0 < first.seconds < EAGER.timeout_seconds
        # Its connections are none that were accepted, and have no part in those counters.
        assert {type(event) for event in bench.events.events} == {ProbeFinished}


async def test_inactive_server_answers_503_and_comes_back_over_the_same_connection() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port))) as bench:
        server.enter(ComponentState.INACTIVE)
        await bench.findings.wait_until(lambda: answered(503) in bench.findings.results)
        server.enter(ComponentState.ACTIVE)
        await bench.findings.wait_until(lambda: bench.findings.results[-1] == answered(200))
        assert len(server.events.of(ConnectionOpened)) == 1
        assert ProbeOutcome.UNAVAILABLE in {event.outcome for event in bench.events.of(ProbeFinished)}


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        (ClosingServer, LOST),
        (LaterResettingServer, LOST),
        (GarbageServer, NOT_SIP),
        (HttpServer, NOT_SIP),
        (SilentServer, timed_out(0.5)),
    ],
)
async def test_server_that_does_not_answer_is_found_wanting_once_per_interval(
    kind: Callable[[House], SilentServer], result: ProbeResult
) -> None:
    config = replace(EAGER, timeout_seconds=0.5 if kind is SilentServer else 2.0, interval_seconds=0.12)
    async with misbehaving(kind) as house, probing(watching(tcp_server(house.port)), config) as bench:
        assert await bench.findings.wait_for(4) == [result] * 4
        assert bench.seconds_until(4) >= 3 * 0.12 - SLACK_SECONDS
        assert house.connections <= len(bench.findings.all) + 1
        # The result says it all: a server that is always wrong would fill the log.
        assert bench.events.of(FramingLost) == []
        assert {type(event) for event in bench.events.events} == {ProbeFinished}


async def test_server_that_resets_at_once_is_found_wanting_once_per_interval() -> None:
    config = replace(EAGER, interval_seconds=0.1)
    async with misbehaving(ResettingServer) as house, probing(watching(tcp_server(house.port)), config) as bench:
        results = await bench.findings.wait_for(4)
        # Which of them it is depends on how far the reset lets the connection come.
        gone = failed(f"127.0.0.1:{house.port}: the peer closed the connection")
        assert set(results) <= {LOST, gone}
        assert bench.seconds_until(4) >= 3 * 0.1 - SLACK_SECONDS
        assert house.connections <= len(bench.findings.all) + 1


async def test_nobody_there_is_refused_at_once_and_once_per_interval() -> None:
    async with serving() as server:
        port = server.port
    async with probing(watching(tcp_server(port))) as bench:
        assert await bench.findings.wait_for(3) == [refused()] * 3
        assert bench.seconds_until(3) >= 2 * EAGER.interval_seconds - SLACK_SECONDS
        assert [event.outcome for event in bench.events.of(ProbeFinished)[:1]] == [ProbeOutcome.REFUSED]


async def test_host_that_cannot_be_resolved_is_a_failure() -> None:
    server = tcp_server(5062, fqdn="no-such-host.invalid")
    async with probing(watching(server), PATIENT) as bench:
        [result] = await bench.findings.wait_for(1)
        assert not result.is_alive
        assert not result.is_refused
        assert result.detail.startswith("no-such-host.invalid:5062: the host cannot be resolved")


async def test_no_descriptor_left_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    async def connect(*_: object, **__: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("callrouter.probing.watch.connect", connect)
    async with probing(watching(tcp_server(5062)), PATIENT) as bench:
        assert await bench.findings.wait_for(1) == [failed("no socket: too many open files")]


async def test_connect_gets_the_whole_timeout_and_says_where_it_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[float] = []

    async def connect(destination: Destination, *_: object, timeout_seconds: float, **__: object) -> None:
        asked.append(timeout_seconds)
        raise ConnectError(f"{destination}: no connection within {timeout_seconds:g} s")

    monkeypatch.setattr("callrouter.probing.watch.connect", connect)
    async with probing(watching(tcp_server(5062, address="::1")), PATIENT) as bench:
        assert await bench.findings.wait_for(1) == [failed("[::1]:5062: no connection within 2 s")]
        assert asked == [2.0]


# --- a kept connection ends


async def test_killed_server_is_found_out_at_once() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        await server.kill()
        assert await bench.findings.wait_for(2) == [answered(200), refused()]


async def test_server_that_stops_decently_is_found_out_at_once() -> None:
    async with serving() as server, probing(watching(tcp_server(server.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        await server.drain()
        assert await bench.findings.wait_for(2) == [answered(200), refused()]


async def test_server_that_ends_a_kept_connection_is_asked_once_more_over_a_new_one() -> None:
    async with misbehaving(AnsweringServer) as house, probing(watching(tcp_server(house.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        house.close_connections()
        assert await bench.findings.wait_for(2) == [answered(200), answered(200)]
        assert house.connections == 2


async def test_dying_server_that_takes_one_more_connection_is_found_out_at_once() -> None:
    house_of: type[SilentServer] = AnsweringServer

    def kind(house: House) -> SilentServer:
        return house_of(house)

    async with misbehaving(kind) as house, probing(watching(tcp_server(house.port)), PATIENT) as bench:
        await bench.findings.wait_for(1)
        house_of = DyingServer
        house.close_connections()
        assert await bench.findings.wait_for(3) == [answered(200), LOST, refused()]


async def test_server_that_ends_every_connection_costs_one_probe_more() -> None:
    house_of: type[SilentServer] = AnsweringServer

    def kind(house: House) -> SilentServer:
        return house_of(house)

    config = replace(EAGER, interval_seconds=0.3)
    async with misbehaving(kind) as house, probing(watching(tcp_server(house.port)), config) as bench:
        await bench.findings.wait_for(1)
        house_of = ClosingServer
        house.close_connections()
        assert await bench.findings.wait_for(4) == [answered(200), LOST, LOST, LOST]
        assert bench.seconds_until(4) >= 0.3 - SLACK_SECONDS


async def test_overdue_answer_on_a_kept_connection_is_asked_for_once_more_over_a_new_one() -> None:
    # The second probe comes at once, a third in its turn would come in two hours.
    drawn = iter([0.0, 0.0])
    config = replace(PATIENT, timeout_seconds=0.5, jitter=1.0)
    async with (
        misbehaving(ForgetfulServer) as house,
        probing(watching(tcp_server(house.port)), config, draw=lambda: next(drawn, 1.0)) as bench,
    ):
        assert await bench.findings.wait_for(3) == [answered(200), timed_out(0.5), answered(200)]
        assert house.connections == 2


async def test_second_connection_that_ends_within_an_interval_is_nothing_to_hurry_for() -> None:
    config = replace(EAGER, interval_seconds=0.3)
    async with misbehaving(AnsweringServer) as house, probing(watching(tcp_server(house.port)), config) as bench:
        await bench.findings.wait_for(1)
        house.close_connections()
        await bench.findings.wait_for(2)
        house.close_connections()
        assert await bench.findings.wait_for(3) == [answered(200)] * 3
        assert bench.seconds_until(3) >= 0.3 - SLACK_SECONDS
        assert house.connections == 3


class BrokenExchange(Exchange):
    """With a bug of ours."""

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        raise LookupError(request.method, response.status, now)


async def test_bug_of_ours_costs_a_probe_and_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("callrouter.probing.watch.Exchange", BrokenExchange)
    async with misbehaving(AnsweringServer) as house, probing(watching(tcp_server(house.port))) as bench:
        assert await bench.findings.wait_for(2) == [LOST, LOST]
        failure = bench.events.of(SessionFailed)[0].error
        assert isinstance(failure, LookupError)


async def test_server_that_answers_and_closes_costs_two_probes_per_interval() -> None:
    config = replace(EAGER, interval_seconds=0.15)
    async with misbehaving(HangingUpServer) as house, probing(watching(tcp_server(house.port)), config) as bench:
        assert await bench.findings.wait_for(6) == [answered(200)] * 6
        # At most three pairs, so that two intervals lie between the first and the last.
        assert bench.seconds_until(6) >= 2 * 0.15 - SLACK_SECONDS
        assert house.connections <= len(bench.findings.all) + 1


async def test_server_is_down_when_killed_and_up_when_it_is_back() -> None:
    async with serving() as server:
        health = watching(tcp_server(server.port))
        async with probing(health) as bench:

            def is_now(state: HealthState) -> bool:
                return state_after(bench, health) is state

            await bench.findings.wait_until(lambda: is_now(HealthState.UP))
            await server.kill()
            await bench.findings.wait_until(lambda: is_now(HealthState.DOWN))
            server.start()
            await bench.findings.wait_until(lambda: is_now(HealthState.UP))
            assert refused() in bench.findings.results


def state_after(bench: Bench, health: PoolHealth) -> HealthState:
    """What the pool makes of all that was found so far."""
    for server, transport, result, now in bench.findings.all:
        health, _ = health.record((server, transport), result, now)
    return health.state_of("MBX1", Transport.TCP)


# --- the time between


async def test_probe_comes_later_by_the_jitter() -> None:
    drawn = iter([0.0, 1.0])
    config = replace(EAGER, interval_seconds=0.1, jitter=1.0)
    async with (
        misbehaving(AnsweringServer) as house,
        probing(watching(tcp_server(house.port)), config, draw=lambda: next(drawn, 0.5)) as bench,
    ):
        await bench.findings.wait_for(2)
        assert bench.seconds_until(2) >= 0.2 - SLACK_SECONDS


async def test_probe_comes_earlier_by_the_jitter() -> None:
    drawn = iter([0.0, 0.0])
    config = replace(PATIENT, jitter=1.0)
    async with (
        misbehaving(AnsweringServer) as house,
        probing(watching(tcp_server(house.port)), config, draw=lambda: next(drawn, 0.5)) as bench,
    ):
        assert await bench.findings.wait_for(2) == [answered(200), answered(200)]


async def test_time_for_connecting_is_part_of_the_probes_own() -> None:
    server = SipServer()
    try:
        async with probing(watching(tcp_server(server.port)), replace(PATIENT, timeout_seconds=1e-9)) as bench:
            [result] = await bench.findings.wait_for(1)
            assert not result.is_alive
            assert result.detail.endswith("within 1e-09 s")
    finally:
        await server.kill()
    assert bench.events.of(SessionFailed) == []
