"""Latency at half of peak: first what each server can do, then half of that, in an open loop.

Each also gets the rate of the other, so that both can be compared at the same load and not only at the same
utilisation.
"""

import contextlib
import sys
from collections.abc import Mapping
from dataclasses import replace

from bench.cases import CaseResult, Entry, Schedule, Servers, measure_entry
from bench.rig import Rig, ServerSpec, Transport


def measure_latency(
    rig: Rig, schedule: Schedule, transport: Transport, specs: Mapping[str, ServerSpec]
) -> list[CaseResult]:
    """One case; the first server is the one that the others are compared with."""
    with contextlib.ExitStack() as stack:
        servers = Servers(rig, stack)
        halves = {
            label: round(measure_entry(rig, servers, Entry(label, spec), schedule).calls_per_second / 2)
            for label, spec in specs.items()
        }
        own = {label: (spec, halves[label]) for label, spec in specs.items()}
        first, *others = specs
        same = {f"{label}, at the rate of the {first}": (specs[label], halves[first]) for label in others}
        same |= {f"{first}, at the rate of {label}": (specs[first], halves[label]) for label in others}
        entries = [
            Entry(label, spec, "bench.openloop", {"rate": rate}) for label, (spec, rate) in {**own, **same}.items()
        ]
        result = CaseResult(f"{transport}, open loop", {entry.label: [] for entry in entries}, ())
        for number in range(schedule.rounds):
            for entry in entries:
                outcome = measure_entry(rig, servers, entry, schedule)
                result.rounds[entry.label].append(outcome)
                print(
                    f"{transport} latency, round {number + 1}: {entry.label} at {entry.options['rate']:,}/s: "
                    f"p50 {outcome.p50_us} us, p99 {outcome.p99_us} us, late p99 {outcome.late_p99_us} us",
                    file=sys.stderr,
                )
    return [replace(result, repeated=dict(servers.repeated))]
