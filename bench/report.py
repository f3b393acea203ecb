"""Turning rounds into numbers that can be compared: medians, spreads, ratios, a table, and the gate for CI.

Nothing here starts or measures anything.
"""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.idle import IdleResult
from bench.load import LoadResult


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
class Comparison:
    """The rounds of one transport: the `n`th of the floor was run just before the `n`th of the router."""

    transport: str
    floor: Sequence[LoadResult]
    router: Sequence[LoadResult]

    @property
    def floor_rate(self) -> Spread:
        """Redirects a second of the floor."""
        return Spread.of(result.calls_per_second for result in self.floor)

    @property
    def router_rate(self) -> Spread:
        """Redirects a second of the router."""
        return Spread.of(result.calls_per_second for result in self.router)

    @property
    def ratio(self) -> Spread:
        """Router divided by floor, in redirects a second, round by round."""
        return Spread.of(
            router.calls_per_second / max(floor.calls_per_second, 1.0)
            for floor, router in zip(self.floor, self.router, strict=True)
        )

    @property
    def cpu_ratio(self) -> Spread:
        """The same in redirects for a second of the server's CPU time.

        On a quiet machine it equals `ratio`. On a busy one the floor, which wants its CPU whole, loses more than the
        router does, and `ratio` comes out too good.
        """
        return Spread.of(
            _calls_per_cpu_second(router) / max(_calls_per_cpu_second(floor), 1.0)
            for floor, router in zip(self.floor, self.router, strict=True)
        )

    @property
    def errors(self) -> dict[str, int]:
        """Everything unexpected, of both servers, added up."""
        total: dict[str, int] = {}
        for name, results in (("floor", self.floor), ("router", self.router)):
            for result in results:
                for error, count in result.errors.items():
                    total[f"{name}: {error}"] = total.get(f"{name}: {error}", 0) + count
        return total


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold; None asks for nothing.

    A transport passes with `min_rate` redirects a second or with `floor_ratio` of the floor: the first suits the
    machine that the target was written for, the second any other. Both ratios have to reach it: by CPU time, because a
    busy machine flatters the other, and by the clock, because a server that waits uses no CPU. Memory is asked besides.
    """

    min_rate: float | None = None
    floor_ratio: float | None = None
    max_idle_bytes: int | None = None

    def find_misses(self, comparisons: Iterable[Comparison], idle: IdleResult | None) -> list[str]:
        """One line for each demand that was missed."""
        misses = [line for comparison in comparisons for line in self._find_rate_misses(comparison)]
        if self.max_idle_bytes is not None and idle is not None and idle.bytes_per_connection > self.max_idle_bytes:
            misses.append(
                f"idle TLS connection: {idle.bytes_per_connection:,} bytes, at most {self.max_idle_bytes:,} wanted"
            )
        return misses

    def _find_rate_misses(self, comparison: Comparison) -> list[str]:
        rate, ratio = comparison.router_rate.median, min(comparison.ratio.median, comparison.cpu_ratio.median)
        wanted = []
        if self.min_rate is not None:
            if rate >= self.min_rate:
                return []
            wanted.append(f"{self.min_rate:,.0f}/s")
        if self.floor_ratio is not None:
            if ratio >= self.floor_ratio:
                return []
            wanted.append(f"{self.floor_ratio:.2f} of the floor")
        if not wanted:
            return []
        return [f"{comparison.transport}: {rate:,.0f}/s, {ratio:.2f} of the floor; wanted {' or '.join(wanted)}"]


def find_failures(comparisons: Iterable[Comparison], idle: Iterable[IdleResult]) -> list[str]:
    """One line for everything that makes the numbers worthless: unexpected answers, lost connections."""
    failures = [
        f"{comparison.transport} {error}: {count}"
        for comparison in comparisons
        for error, count in comparison.errors.items()
    ]
    return failures + [f"idle connections lost: {result.lost}" for result in idle if result.lost]


def format_table(comparisons: Sequence[Comparison], idle: dict[str, IdleResult]) -> str:
    """The report for people: one row for each server and transport."""
    head = (
        f"{'':12}{'redirects/s':>12}{'min-max':>19}{'per cpu s':>11}{'p50 us':>9}{'p99 us':>9}"
        f"{'server cpu':>12}{'generator cpu':>15}"
    )
    lines = [head]
    for comparison in comparisons:
        lines.append(_format_row(f"{comparison.transport} floor", comparison.floor))
        lines.append(_format_row(f"{comparison.transport} router", comparison.router))
        ratio, cpu_ratio = _format_ratio(comparison.ratio), _format_ratio(comparison.cpu_ratio)
        lines.append(f"    router/floor {ratio}, by CPU time {cpu_ratio}")
    for name, result in idle.items():
        lines.append(
            f"idle TLS connection, {name}: {result.bytes_per_connection:,} bytes resident (of {result.connections:,})"
        )
    return "\n".join(lines)


def _calls_per_cpu_second(result: LoadResult) -> float:
    return result.calls_per_second / result.server_cpu_share if result.server_cpu_share else result.calls_per_second


def _format_ratio(ratio: Spread) -> str:
    return f"{ratio.median:.3f} ({ratio.low:.3f}-{ratio.high:.3f})"


def _format_row(title: str, results: Sequence[LoadResult]) -> str:
    rate = Spread.of(result.calls_per_second for result in results)
    span = f"{rate.low:,.0f}-{rate.high:,.0f}"
    per_cpu = statistics.median(map(_calls_per_cpu_second, results))
    server_cpu = statistics.median(result.server_cpu_share or 0.0 for result in results)
    generator_cpu = statistics.median(result.generator_cpu_share for result in results)
    p50 = statistics.median(result.p50_us for result in results)
    p99 = statistics.median(result.p99_us for result in results)
    return (
        f"{title:12}{rate.median:>12,.0f}{span:>19}{per_cpu:>11,.0f}{p50:>9,.0f}{p99:>9,.0f}"
        f"{server_cpu:>12.2f}{generator_cpu:>15.2f}"
    )
