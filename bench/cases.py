"""A case: servers and loads that are measured in turns, round by round, because only so their ratios mean something.

Every entry of a case has one go in each round, on servers that all run throughout. What is compared with what, a case
says itself.
"""

import contextlib
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bench.idle import IdleResult
from bench.outcome import Outcome
from bench.rig import Rig, ServerSpec
from bench.server import RunningServer, ServerError

LOAD = "bench.load"
_PEER_GOES = 4


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to measure. is_quick: leave out what is not needed for a first impression."""

    rounds: int
    seconds: float
    warmup_seconds: float
    is_quick: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """What has a go in each round: a server and the tool that loads it, with the tool's own options."""

    label: str
    server: ServerSpec
    tool: str = LOAD
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """Entries to compare; ratios: pairs of labels, the first one's performance divided by the second one's."""

    title: str
    entries: tuple[Entry, ...]
    ratios: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of some rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Summarise at least one value."""
        known = list(values)
        return cls(statistics.median(known), min(known), max(known))


@dataclass(frozen=True, slots=True)
class Ratio:
    """One entry divided by another, round by round, so that above 1 it does better.

    by_clock: redirects a second. by_cpu: redirects for a second of the server's processor time; None where unknown. On
    a quiet machine, with one process on each side, they are the same. A busy one falsifies the first.
    """

    label: str
    to: str
    by_clock: Spread
    by_cpu: Spread | None


@dataclass(frozen=True, slots=True)
class CaseResult:
    """The rounds of every entry. repeated: how often a peer had to be started anew for a round, as it failed in it."""

    title: str
    rounds: dict[str, list[Outcome]]
    pairs: tuple[tuple[str, str], ...]
    repeated: dict[str, int] = field(default_factory=dict)

    @property
    def ratios(self) -> list[Ratio]:
        """What the case compares."""
        return [self.compare(label, to) for label, to in self.pairs]

    def compare(self, label: str, to: str) -> Ratio:
        """Divide one entry by another."""
        rounds = list(zip(self.rounds[label], self.rounds[to], strict=True))
        costs = [
            denominator.server_us_per_call / numerator.server_us_per_call
            for numerator, denominator in rounds
            if numerator.server_us_per_call and denominator.server_us_per_call
        ]
        rates = [
            numerator.calls_per_second / max(denominator.calls_per_second, 1.0) for numerator, denominator in rounds
        ]
        return Ratio(label, to, Spread.of(rates), Spread.of(costs) if costs else None)

    def rate(self, label: str) -> Spread:
        """Redirects a second."""
        return Spread.of(outcome.calls_per_second for outcome in self.rounds[label])

    def cost(self, label: str) -> Spread:
        """Microseconds of the server's processor time for one redirect; 0 where unknown."""
        return Spread.of(outcome.server_us_per_call or 0.0 for outcome in self.rounds[label])

    def median(self, label: str, read: Callable[[Outcome], float | None]) -> float:
        """The median of anything else; 0 for what is unknown."""
        return statistics.median(read(outcome) or 0.0 for outcome in self.rounds[label])

    @property
    def failures(self) -> list[str]:
        """One line for every unexpected thing: it makes the figures worthless."""
        return [
            f"{self.title}, {label}: {error}: {count}"
            for label, outcomes in self.rounds.items()
            for outcome in outcomes
            for error, count in outcome.errors.items()
        ]


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """What a scenario came to. idle: rounds by label, of the scenario that holds idle connections."""

    name: str
    title: str
    note: str
    measured_at: str
    cases: list[CaseResult]
    idle: dict[str, list[IdleResult]]

    @property
    def failures(self) -> list[str]:
        """Everything unexpected in it."""
        lines = [line for case in self.cases for line in case.failures]
        lines += [
            f"idle, {label}: {result.lost} connections lost, {result.unanswered} calls unanswered"
            for label, rounds in self.idle.items()
            for result in rounds
            if result.lost or result.unanswered
        ]
        return lines


class Servers:
    """Servers that run until the block is left, each started when it is first asked for.

    repeated: how often an entry had its go again, by its label.
    """

    def __init__(self, rig: Rig, stack: contextlib.ExitStack) -> None:
        self._rig = rig
        self._stack = stack
        self._running: dict[ServerSpec, tuple[RunningServer, contextlib.ExitStack]] = {}
        self.repeated: Counter[str] = Counter()

    def take(self, spec: ServerSpec) -> RunningServer:
        """The server of this description."""
        if spec not in self._running:
            own = contextlib.ExitStack()
            running = own.enter_context(self._rig.start(spec))
            self._running[spec] = running, own
            if spec.is_peer:
                # However it ends.
                self._stack.callback(self.drop, spec)
            else:
                self._stack.enter_context(own)
        return self._running[spec][0]

    def drop(self, spec: ServerSpec) -> None:
        """End a server that has failed, where it ever ran, however it ends; the next that is taken is another one."""
        if spec in self._running:
            _, own = self._running.pop(spec)
            with contextlib.suppress(ServerError):
                own.close()


def measure_entry(rig: Rig, servers: Servers, entry: Entry, schedule: Schedule) -> Outcome:
    """Let one entry have its go; a peer that fails in it is started anew and has another.

    Raises:
        ServerError, subprocess.TimeoutExpired: a server of ours failed, or a peer in all of its goes.
    """
    options = {"seconds": schedule.seconds, "warmup_seconds": schedule.warmup_seconds, **entry.options}
    for goes_left in reversed(range(_PEER_GOES if entry.server.is_peer else 1)):
        try:
            target = rig.aim(servers.take(entry.server), entry.server.transport)
            outcome = Outcome(**rig.run_tool(entry.tool, target, options, share_cpus=not entry.server.is_pinned))
        except (ServerError, subprocess.TimeoutExpired):
            if not goes_left:
                raise
        else:
            if not outcome.errors or not goes_left:
                return outcome
        servers.drop(entry.server)
        servers.repeated[entry.label] += 1
    raise AssertionError("the last go returns or raises")


def measure_cases(rig: Rig, cases: Sequence[Case], schedule: Schedule) -> list[CaseResult]:
    """All rounds of some cases, which share the servers that they have in common."""
    results = []
    with contextlib.ExitStack() as stack:
        servers = Servers(rig, stack)
        for case in cases:
            rounds: dict[str, list[Outcome]] = {entry.label: [] for entry in case.entries}
            for number in range(schedule.rounds):
                for entry in case.entries:
                    rounds[entry.label].append(measure_entry(rig, servers, entry, schedule))
                rates = ", ".join(
                    f"{label} {outcomes[-1].calls_per_second:,.0f}/s" for label, outcomes in rounds.items()
                )
                print(f"{case.title}, round {number + 1}: {rates}", file=sys.stderr)
            repeated = {label: servers.repeated.pop(label) for label in rounds if servers.repeated[label]}
            results.append(CaseResult(case.title, rounds, case.ratios, repeated))
    return results
