"""What is measured, scenario by scenario. Each is a function of the rig and the schedule; `SCENARIOS` names them.

The router always validates, keeps transactions, decides by a directory with dial plans and 1,000 users, and counts for
its metrics; its call log is off except where that is the question. Kamailio runs with as many processes that serve TCP
as the router has processes, on the same CPUs; a row with two on one CPU stands beside it, because that is how it is
often run.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeAlias

from bench.cases import Case, CaseResult, Entry, ScenarioResult, Schedule, measure_cases
from bench.endurance import measure_endurance
from bench.idle import IdleResult
from bench.latency import measure_latency
from bench.machine import describe_router
from bench.rig import Rig, ServerSpec, Transport

Measured: TypeAlias = tuple[list[CaseResult], dict[str, list[IdleResult]]]

TRANSPORTS: tuple[Transport, ...] = ("TCP", "TLS")
_SIZES = (10, 1_000, 100_000)
_CONNECTIONS = (1, 10, 100, 1_000, 5_000)
_WANDERING = 100
_FEW_IDLE, _MANY_IDLE = 1_000, 10_000
_HOLD_SECONDS = 30.0
ROUTER, KAMAILIO, TWO_WORKERS = "router", "kamailio", "kamailio, 2 workers"
INTERPRETED, PURE = "router, interpreted", "router, pure Python"
FLOOR, SCAN_FLOOR = "floor", "scan floor"


@dataclass(frozen=True, slots=True)
class Scope:
    """What was asked for. calls: of the scenario that goes on for long."""

    transports: tuple[Transport, ...]
    schedule: Schedule
    calls: int
    with_kamailio: bool
    with_interpreted: bool


@dataclass(frozen=True, slots=True)
class Scenario:
    """A scenario by its name on the command line."""

    name: str
    title: str
    note: str
    measure: Callable[[Rig, Scope], Measured]

    def run(self, rig: Rig, scope: Scope) -> ScenarioResult:
        """Measure it."""
        cases, idle = self.measure(rig, scope)
        schedule = scope.schedule
        form = f"{schedule.rounds} rounds of {schedule.seconds:g} s, router {describe_router()}"
        measured_at = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {form}"
        return ScenarioResult(self.name, self.title, self.note, measured_at, cases, idle)


def _list_specs(transport: Transport, scope: Scope) -> dict[str, ServerSpec]:
    """The three servers that most scenarios compare."""
    specs = {ROUTER: ServerSpec("router", transport)}
    if scope.with_kamailio:
        specs[KAMAILIO] = ServerSpec("kamailio", transport)
    specs[FLOOR] = ServerSpec("floor", transport)
    return specs


def _list_all_specs(transport: Transport, scope: Scope) -> dict[str, ServerSpec]:
    """Every server that there is, for the main rows."""
    specs = {
        ROUTER: ServerSpec("router", transport),
        INTERPRETED: ServerSpec("router by default", transport),
        PURE: ServerSpec("router in Python", transport),
        KAMAILIO: ServerSpec("kamailio", transport),
        TWO_WORKERS: ServerSpec("kamailio", transport, processes=2),
        FLOOR: ServerSpec("floor", transport),
        SCAN_FLOOR: ServerSpec("scan floor", transport),
    }
    if not scope.with_interpreted:
        del specs[INTERPRETED], specs[PURE]
    if not scope.with_kamailio:
        del specs[KAMAILIO], specs[TWO_WORKERS]
    return specs


def _compare_router(title: str, specs: dict[str, ServerSpec], **load: object) -> Case:
    tool = str(load.pop("tool", "bench.load"))
    entries = tuple(Entry(label, spec, tool, dict(load)) for label, spec in specs.items())
    return Case(title, entries, tuple((ROUTER, label) for label in specs if label not in {ROUTER, INTERPRETED, PURE}))


def _measure_closed(rig: Rig, scope: Scope) -> Measured:
    results = []
    for transport in scope.transports:
        specs = _list_specs(transport, scope)
        wide = dict(specs) if scope.schedule.is_quick else _list_all_specs(transport, scope)
        full = _compare_router(f"{transport} 8x16", wide, connections=8, in_flight=16)
        if INTERPRETED in wide:
            full = replace(full, ratios=(*full.ratios, (INTERPRETED, FLOOR), (PURE, FLOOR)))
        cases = [full]
        if not scope.schedule.is_quick:
            cases.append(_compare_router(f"{transport} 200x1", specs, connections=200, in_flight=1))
            cases.append(_compare_router(f"{transport} 1x1", specs, connections=1, in_flight=1))
        results += measure_cases(rig, cases, scope.schedule)
    return results, {}


def _measure_new_connections(rig: Rig, scope: Scope) -> Measured:
    case = _compare_router("a TCP connection for every call", _list_specs("TCP", scope), tool="bench.churn")
    return measure_cases(rig, [case], scope.schedule), {}


def _measure_handshakes(rig: Rig, scope: Scope) -> Measured:
    case = _compare_router("a mutual-TLS handshake for every call", _list_specs("TLS", scope), tool="bench.churn")
    return measure_cases(rig, [case], scope.schedule), {}


def _measure_idle(rig: Rig, scope: Scope) -> Measured:
    """Every server is fresh, so that nothing before has left anything in its pools."""
    idle: dict[str, list[IdleResult]] = {}
    specs = _list_specs("TLS", scope)
    if scope.schedule.is_quick:
        specs = {ROUTER: specs[ROUTER]}

    def hold(label: str, spec: ServerSpec, connections: int, hold_seconds: float) -> None:
        with rig.start(spec) as server:
            options = {"connections": connections, "hold_seconds": hold_seconds}
            result = IdleResult(**rig.run_tool("bench.idle", rig.aim(server, "TLS"), options))
        idle.setdefault(f"{label}, {connections:,} connections", []).append(result)
        print(f"idle, {label}: {result.bytes_per_connection:,} bytes a connection", file=sys.stderr)

    for _ in range(1 if scope.schedule.is_quick else 3):
        for label, spec in specs.items():
            hold(label, spec, _FEW_IDLE, 0.0)
    if not scope.schedule.is_quick:
        for label, spec in specs.items():
            if label != FLOOR:
                hold(label, spec, _MANY_IDLE, _HOLD_SECONDS)
    return [], idle


def _measure_latency(rig: Rig, scope: Scope) -> Measured:
    results = []
    for transport in scope.transports:
        specs = _list_specs(transport, scope)
        del specs[FLOOR]
        results += measure_latency(rig, scope.schedule, transport, specs)
    return results, {}


def _measure_directory(rig: Rig, scope: Scope) -> Measured:
    labels = {f"router, {users:,} users": users for users in _SIZES}
    entries = tuple(
        Entry(label, ServerSpec("router", "TCP", users=users), options={"users": users})
        for label, users in labels.items()
    )
    first, *others = labels
    case = Case("TCP 8x16, by size of the directory", entries, tuple((label, first) for label in others))
    return measure_cases(rig, [case], scope.schedule), {}


def _measure_connections(rig: Rig, scope: Scope) -> Measured:
    cases = []
    for kind, spec in _list_specs("TCP", scope).items():
        each = {f"{kind}, {count:,}x1": {"connections": count, "in_flight": 1} for count in _CONNECTIONS}
        some = {
            f"{kind}, {_WANDERING} calls over {count:,}": {"connections": count, "wandering": _WANDERING}
            for count in _CONNECTIONS
            if count >= _WANDERING
        }
        for title, loads in (("one call on each", each), (f"{_WANDERING} calls at once", some)):
            first, *others = loads
            entries = tuple(Entry(label, spec, options=dict(load)) for label, load in loads.items())
            cases.append(Case(f"TCP, {kind}, {title}", entries, tuple((label, first) for label in others)))
    return measure_cases(rig, cases, scope.schedule), {}


def _measure_call_log(rig: Rig, scope: Scope) -> Measured:
    entries = (
        Entry("router, log off", ServerSpec("router", "TCP")),
        Entry("router, log on", ServerSpec("router", "TCP", call_log=True)),
    )
    case = Case("TCP 8x16, call log", entries, (("router, log on", "router, log off"),))
    return measure_cases(rig, [case], scope.schedule), {}


def _measure_two_processes(rig: Rig, scope: Scope) -> Measured:
    cases = []
    for transport in scope.transports:
        specs = {
            label: replace(spec, processes=2, is_pinned=False)
            for label, spec in _list_specs(transport, scope).items()
            if label != FLOOR
        }
        cases.append(_compare_router(f"{transport} 32x4, two processes", specs, connections=32, in_flight=4))
    return measure_cases(rig, cases, scope.schedule), {}


def _measure_endurance(rig: Rig, scope: Scope) -> Measured:
    return [measure_endurance(rig, scope.schedule, scope.calls, ServerSpec("router", "TCP"))], {}


SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario(
            "closed",
            "Closed loop",
            "Connections times calls at once on each; the next call is placed when one is answered. One router process "
            "and Kamailio's processes share one CPU, the generator has the other.",
            _measure_closed,
        ),
        Scenario(
            "connect",
            "A new connection for every call",
            "Sixteen callers at a time connect, call and close. Read it by processor time where the generator is busy.",
            _measure_new_connections,
        ),
        Scenario(
            "handshake",
            "New mutual-TLS handshakes",
            "The same over mutual TLS, without resumption. A handshake costs the generator as much as the server.",
            _measure_handshakes,
        ),
        Scenario(
            "idle",
            "Idle mutual-TLS connections",
            "Resident memory by connection, shared pages of a server's processes counted once (PSS); at the end calls "
            "are placed on a hundred of the held connections.",
            _measure_idle,
        ),
        Scenario(
            "latency",
            "Latency at half of peak",
            "Calls arrive by a Poisson process at half of the rate that a closed loop of 8x16 reached just before; "
            "latencies run from when a call was due.",
            _measure_latency,
        ),
        Scenario(
            "directory",
            "Size of the directory",
            "Every call is decided by the number that it was diverted from, and all users have their turn.",
            _measure_directory,
        ),
        Scenario(
            "connections",
            "Number of connections",
            "One call at a time on each of N connections, where a larger N also means that more is read at once; and "
            f"{_WANDERING} calls at a time that go round N connections, the ACK of a connection's last call with its "
            "next INVITE, where only N differs.",
            _measure_connections,
        ),
        Scenario("log", "Call log", "JSON lines to a file, one for every call.", _measure_call_log),
        Scenario(
            "two",
            "Two server processes",
            "Two router processes with `router.reuse_port` and Kamailio with two TCP workers, not pinned: on two CPUs "
            "the generator shares them with the servers, so only processor time by call compares them.",
            _measure_two_processes,
        ),
        Scenario(
            "long",
            "Millions of calls",
            "One router process serves all of them; its cost by call at the end is compared with that at the start.",
            _measure_endurance,
        ),
    )
}
