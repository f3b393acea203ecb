"""Whether a redirect costs the same after millions of them: one server, one stretch of load after another.

The stretches at the start and at the end are compared; in between the floor has short goes, which show whether the
machine itself changed meanwhile.
"""

import contextlib
import sys
from dataclasses import replace

from bench.cases import CaseResult, Entry, Schedule, Servers, measure_entry
from bench.outcome import Outcome
from bench.rig import Rig, ServerSpec

_STRETCHES_COMPARED = 5
_FEWEST_STRETCHES = 2
_STRETCH_SECONDS = 10.0
_FLOOR_SECONDS = 1.0

START, END = "router, first calls", "router, last calls"
FLOOR_START, FLOOR_END = "floor, meanwhile, first", "floor, meanwhile, last"


def measure_endurance(rig: Rig, schedule: Schedule, calls: int, spec: ServerSpec) -> CaseResult:
    """Serve so many calls."""
    stretch = schedule if schedule.is_quick else replace(schedule, seconds=_STRETCH_SECONDS)
    short = replace(schedule, seconds=_FLOOR_SECONDS, warmup_seconds=0.5)
    router: list[Outcome] = []
    floor: list[Outcome] = []
    with contextlib.ExitStack() as stack:
        servers = Servers(rig, stack)
        done = 0
        while done < calls or len(router) < _FEWEST_STRETCHES:
            floor.append(measure_entry(rig, servers, Entry("floor", ServerSpec("floor", spec.transport)), short))
            router.append(measure_entry(rig, servers, Entry("router", spec), stretch))
            done += router[-1].calls
            print(f"{done:,} calls: {router[-1].server_us_per_call or 0:.1f} us of CPU a call", file=sys.stderr)
    compared = min(_STRETCHES_COMPARED, len(router) // 2)
    rounds = {
        "router, all": router,
        START: router[:compared],
        END: router[-compared:],
        FLOOR_START: floor[:compared],
        FLOOR_END: floor[-compared:],
    }
    return CaseResult(f"TCP 8x16, {done:,} calls", rounds, ((END, START), (FLOOR_END, FLOOR_START)))
