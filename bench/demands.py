"""What the router should reach, and what it reached: each demand with its figure, from the results alone.

A demand whose scenario was not measured says so and is not met.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from bench.cases import CaseResult, Spread
from bench.gate import worst
from bench.results import Results
from bench.scenarios import FLOOR, INTERPRETED, KAMAILIO, PURE, ROUTER, TRANSPORTS

_FLAT = 0.9
_IDLE_BYTES = 40_000
_MANY = 10_000
_P99 = 2.0
_CALLS = 10_000_000


@dataclass(frozen=True, slots=True)
class Demand:
    """One thing that is wanted; measured: a number as text, or why there is none."""

    what: str
    wanted: str
    measured: str
    is_met: bool


def list_demands(results: Results) -> list[Demand]:
    """All of them."""
    return [*_list_ratios(results), *_list_latencies(results), *_list_idle(results), *_list_flatness(results)]


def _demand(what: str, wanted: float, case: CaseResult | None, read: Callable[[CaseResult], float]) -> Demand:
    """At least so much."""
    try:
        measured = None if case is None else read(case)
    except KeyError:  # the case was measured without what is asked for
        measured = None
    if measured is None:
        return Demand(what, f"at least {wanted:.2f}", "not measured", is_met=False)
    return Demand(what, f"at least {wanted:.2f}", f"{measured:.2f}", is_met=measured >= wanted)


def _list_ratios(results: Results) -> Iterator[Demand]:
    for transport in TRANSPORTS:
        case = results.case("closed", f"{transport} 8x16")
        yield _demand(
            f"{transport}, of Kamailio, one process", 1.0, case, lambda each: worst(each.compare(ROUTER, KAMAILIO))
        )
        yield _demand(f"{transport}, of the floor", 0.5, case, lambda each: worst(each.compare(ROUTER, FLOOR)))
        yield _demand(
            f"{transport}, interpreted, of the floor", 0.25, case, lambda each: worst(each.compare(INTERPRETED, FLOOR))
        )
        yield _demand(
            f"{transport}, pure Python, of the floor", 0.25, case, lambda each: worst(each.compare(PURE, FLOOR))
        )
        two = results.case("two", f"{transport} 32x4, two processes")
        yield _demand(
            f"{transport}, of Kamailio, two processes, by CPU time",
            1.0,
            two,
            lambda each: _by_cpu(each, ROUTER, KAMAILIO),
        )
    log = results.case("log", "TCP 8x16, call log")
    yield _demand(
        "TCP, call log on, of the same with it off",
        0.6,
        log,
        lambda each: worst(each.compare("router, log on", "router, log off")),
    )


def _list_latencies(results: Results) -> Iterator[Demand]:
    for transport in TRANSPORTS:
        case = results.case("latency", f"{transport}, open loop")
        for label, what in (
            (ROUTER, f"{transport}, p99 at half of peak, of Kamailio's at half of its own"),
            (f"{ROUTER}, at the rate of {KAMAILIO}", f"{transport}, p99 at half of Kamailio's peak, of Kamailio's"),
        ):
            if case is None or KAMAILIO not in case.rounds or label not in case.rounds:
                yield Demand(what, f"at most {_P99:.2f}", "not measured", is_met=False)
                continue
            p99 = case.median(label, lambda outcome: outcome.p99_us)
            ratio = p99 / max(case.median(KAMAILIO, lambda outcome: outcome.p99_us), 1.0)
            yield Demand(what, f"at most {_P99:.2f}", f"{ratio:.2f}", is_met=ratio <= _P99)


def _list_idle(results: Results) -> Iterator[Demand]:
    scenario = results.find("idle")
    rounds = (
        []
        if scenario is None
        else [each for label, found in scenario.idle.items() if label.startswith(f"{ROUTER},") for each in found]
    )
    memory, held = "bytes of an idle mutual-TLS connection", f"{_MANY:,} idle connections held and answering"
    if not rounds:
        yield Demand(memory, f"at most {_IDLE_BYTES:,}", "not measured", is_met=False)
        yield Demand(held, "all", "not measured", is_met=False)
        return
    median = Spread.of(each.bytes_per_connection for each in rounds).median
    yield Demand(memory, f"at most {_IDLE_BYTES:,}", f"{median:,.0f}", is_met=median <= _IDLE_BYTES)
    many = [each for each in rounds if each.connections >= _MANY]
    lost = sum(each.lost + each.unanswered for each in many)
    shown = f"all, for {min(each.held_seconds for each in many):.0f} s" if many and not lost else f"{lost} lost"
    yield Demand(held, "all", shown if many else "not measured", is_met=bool(many) and not lost)


def _list_flatness(results: Results) -> Iterator[Demand]:
    """By processor time: redirects a second also depend on how much is read at once."""
    directory = results.case("directory", "TCP 8x16, by size of the directory")
    yield _demand(
        "100,000 users, of 10 users",
        _FLAT,
        directory,
        lambda each: _by_cpu(each, "router, 100,000 users", "router, 10 users"),
    )
    connections = results.case("connections", "TCP, router, 100 calls at once")
    yield _demand(
        "5,000 connections, of 100, with 100 calls at once",
        _FLAT,
        connections,
        lambda each: _by_cpu(each, "router, 100 calls over 5,000", "router, 100 calls over 100"),
    )
    single = results.case("connections", "TCP, router, one call on each")
    yield _demand(
        "5,000 connections, of 1, one call on each",
        _FLAT,
        single,
        lambda each: _by_cpu(each, "router, 5,000x1", "router, 1x1"),
    )
    yield _demand_endurance(results)


def _demand_endurance(results: Results) -> Demand:
    scenario = results.find("long")
    what, wanted = f"the last of {_CALLS:,} calls, of the first", f"at least {_FLAT:.2f}"
    if scenario is None:
        return Demand(what, wanted, "not measured", is_met=False)
    [case] = scenario.cases
    calls = sum(outcome.calls for outcome in case.rounds["router, all"])
    measured = _by_cpu(case, "router, last calls", "router, first calls")
    shown = f"{measured:.2f}" if calls >= _CALLS else f"{measured:.2f}, over {calls:,} only"
    return Demand(what, wanted, shown, is_met=measured >= _FLAT and calls >= _CALLS)


def _by_cpu(case: CaseResult, label: str, to: str) -> float:
    ratio = case.compare(label, to)
    return ratio.by_cpu.median if ratio.by_cpu else ratio.by_clock.median
