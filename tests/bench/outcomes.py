"""Results that nobody measured, for what is made of results."""

from bench.cases import CaseResult, ScenarioResult, Schedule
from bench.idle import IdleResult
from bench.machine import Machine
from bench.outcome import Outcome
from bench.results import Results


def make_outcome(rate: float, cpu_share: float | None = 1.0, errors: dict[str, int] | None = None) -> Outcome:
    return Outcome(
        transport="TCP",
        connections=8,
        in_flight=16,
        seconds=1.0,
        calls=int(rate),
        calls_per_second=rate,
        errors=errors or {},
        p50_us=100,
        p90_us=200,
        p99_us=300,
        p999_us=400,
        max_us=500,
        generator_cpu_share=0.5,
        server_cpu_share=cpu_share,
        quantiles_us={"50": 100, "99": 300, "99.9": 400},
    )


def make_case(title: str = "TCP 8x16", /, **rates: float) -> CaseResult:
    """One round of each of these servers, with a whole CPU."""
    rounds = {label: [make_outcome(rate)] for label, rate in rates.items()}
    first, *others = rounds
    return CaseResult(title, rounds, tuple((first, label) for label in others))


def make_idle(bytes_per_connection: int = 30_000, *, connections: int = 1_000, lost: int = 0) -> IdleResult:
    return IdleResult(connections, 0, 0, bytes_per_connection, lost, held_seconds=30.0, calls=100, unanswered=0)


def make_scenario(name: str, *cases: CaseResult, idle: dict[str, list[IdleResult]] | None = None) -> ScenarioResult:
    return ScenarioResult(name, name.title(), "A note.", "2026-01-01 00:00 UTC", list(cases), idle or {})


def make_results(*scenarios: ScenarioResult) -> Results:
    machine = Machine("a processor", 2, "Linux", "CPython", "0", "OpenSSL", "5", "compiled")
    return Results(machine, "one CPU for all, of 2", Schedule(1, 1.0, 0.5), list(scenarios))
