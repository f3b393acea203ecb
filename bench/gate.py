"""The gate for CI: what the rows for 8x16 must reach at the least, and what an idle connection may take at the most."""

from collections.abc import Iterable
from dataclasses import dataclass

from bench.cases import CaseResult, Ratio, ScenarioResult
from bench.scenarios import FLOOR, KAMAILIO, ROUTER

MAIN = " 8x16"
"""How the titles of the cases end that the gate looks at."""


@dataclass(frozen=True, slots=True)
class Gate:
    """What must hold; None asks for nothing.

    A transport passes with `min_rate` redirects a second or with `floor_ratio` of the floor: the first suits the
    machine that the target was written for, the second any other. `kamailio_ratio` is asked besides, and memory too.
    Of a ratio both kinds have to reach it: by CPU time, because a busy machine flatters the other, and by the clock,
    because a server that waits uses no CPU.
    """

    min_rate: float | None = None
    floor_ratio: float | None = None
    kamailio_ratio: float | None = None
    max_idle_bytes: int | None = None

    def find_misses(self, results: Iterable[ScenarioResult]) -> list[str]:
        """One line for each demand that was missed; a demand about something that was not measured is missed, too."""
        known = list(results)
        mains = [case for result in known for case in result.cases if case.title.endswith(MAIN)]
        idle = {label: rounds for result in known for label, rounds in result.idle.items()}
        misses = [line for case in mains for line in (*self._find_rate_misses(case), *self._find_kamailio_misses(case))]
        demands = (self.min_rate, self.floor_ratio, self.kamailio_ratio)
        if not mains and any(demand is not None for demand in demands):
            misses.append("redirects a second were not measured")
        if self.max_idle_bytes is not None:
            found = [
                each.bytes_per_connection
                for label, rounds in idle.items()
                if label.startswith(ROUTER + ",")
                for each in rounds
            ]
            if not found:
                misses.append("memory of idle connections was not measured")
            elif max(found) > self.max_idle_bytes:
                misses.append(f"idle TLS connection: {max(found):,} bytes, at most {self.max_idle_bytes:,} wanted")
        return misses

    def _find_rate_misses(self, case: CaseResult) -> list[str]:
        rate, ratio = case.rate(ROUTER).median, worst(case.compare(ROUTER, FLOOR))
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
        return [f"{case.title}: {rate:,.0f}/s, {ratio:.2f} of the floor; wanted {' or '.join(wanted)}"]

    def _find_kamailio_misses(self, case: CaseResult) -> list[str]:
        if self.kamailio_ratio is None:
            return []
        if KAMAILIO not in case.rounds:
            return [f"{case.title}: Kamailio was not measured"]
        ratio = worst(case.compare(ROUTER, KAMAILIO))
        if ratio >= self.kamailio_ratio:
            return []
        return [f"{case.title}: {ratio:.2f} of Kamailio; wanted {self.kamailio_ratio:.2f}"]


def worst(ratio: Ratio) -> float:
    """The smaller of the two medians."""
    return min(ratio.by_clock.median, ratio.by_cpu.median) if ratio.by_cpu else ratio.by_clock.median
