"""`make bench`: the router beside Kamailio and the floor, in interleaved rounds, scenario by scenario.

Everything is started here, in a temporary directory on loopback ports, and stopped here, also after an error, Ctrl-C or
SIGTERM; every tool has a deadline. A whole run of the compiled router writes results, page and charts to
docs/benchmarks; any other writes only where it is told, scenario by scenario in place of the old ones. Exit code 0: all
well; 1: a demand was missed or an answer was wrong; 2: a server did not run.
"""

import argparse
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from bench.cases import ScenarioResult, Schedule
from bench.demands import list_demands
from bench.gate import Gate
from bench.kamailio import NEEDED, find_kamailio
from bench.machine import describe_machine, is_compiled
from bench.page import RESULTS_FILE, write_page
from bench.process import raise_file_limit
from bench.report import format_results
from bench.results import Results, merge_results, read_results, write_results
from bench.rig import Rig, describe_cpus
from bench.scenarios import SCENARIOS, TRANSPORTS, Scope
from bench.server import DEFAULT_FORM, ServerError

_DOCUMENTS = Path(__file__).resolve().parents[1] / "docs" / "benchmarks"
_QUICK = ("closed", "idle")
_CALLS, _QUICK_CALLS = 10_000_000, 100_000


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="bench", description="measure the router beside Kamailio and a bare uvloop floor"
    )
    parser.add_argument("--quick", action="store_true", help="two rounds of one second; closed and idle, unless told")
    parser.add_argument("--scenario", choices=list(SCENARIOS), action="append", help="default: all; can be repeated")
    parser.add_argument("--transport", choices=TRANSPORTS, action="append", help="where a scenario has both: only this")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float, help="of one round of one server")
    parser.add_argument("--calls", type=int, help=f"of the scenario `long`; default {_CALLS:,}, quick {_QUICK_CALLS:,}")
    parser.add_argument("--output", type=Path, help=f"folder for {RESULTS_FILE}, page and charts")
    parser.add_argument("--without-kamailio", action="store_true", help="measure without it")
    parser.add_argument("--floor-ratio", type=float, help="pass where router/floor is at least this")
    parser.add_argument("--min-rate", type=float, help="pass where the router makes this many redirects a second")
    parser.add_argument("--kamailio-ratio", type=float, help="fail where router/Kamailio is less")
    parser.add_argument("--max-idle-bytes", type=int, help="fail where an idle TLS connection needs more")
    parser.add_argument("--demands", action="store_true", help="fail where anything that is wanted was not reached")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Scope:
    schedule = Schedule(
        rounds=arguments.rounds or (2 if arguments.quick else 5),
        seconds=arguments.seconds or (1.0 if arguments.quick else 2.0),
        warmup_seconds=0.5 if arguments.quick else 1.0,
        is_quick=arguments.quick,
    )
    return Scope(
        transports=tuple(arguments.transport or TRANSPORTS),
        schedule=schedule,
        calls=arguments.calls or (_QUICK_CALLS if arguments.quick else _CALLS),
        with_kamailio=not arguments.without_kamailio,
        with_interpreted=is_compiled() and DEFAULT_FORM.exists(),
    )


def _measure(names: tuple[str, ...], scope: Scope, broken: list[str]) -> Results:
    """Measure these scenarios; adds to `broken` what could not be measured, and why."""
    with tempfile.TemporaryDirectory(prefix="callrouter-bench-") as folder:
        rig = Rig(Path(folder))
        scenarios = []
        for name in names:
            try:
                scenarios.append(SCENARIOS[name].run(rig, scope))
            except (ServerError, subprocess.TimeoutExpired) as error:
                # Half an hour of the others is not lost for it.
                broken.append(f"{name}: {error}")
        return Results(describe_machine(), describe_cpus(rig), scope.schedule, scenarios)


def _write(folder: Path, results: Results) -> None:
    file = folder / RESULTS_FILE
    whole = merge_results(read_results(file), results, SCENARIOS) if file.exists() else results
    write_results(file, whole)
    for written in (file, *write_page(folder, whole)):
        print(f"bench: wrote {written}", file=sys.stderr)


def _find_misses(arguments: argparse.Namespace, results: Results) -> list[str]:
    scenarios: list[ScenarioResult] = results.scenarios
    gate = Gate(arguments.min_rate, arguments.floor_ratio, arguments.kamailio_ratio, arguments.max_idle_bytes)
    misses = [line for scenario in scenarios for line in scenario.failures] + gate.find_misses(scenarios)
    if arguments.demands:
        misses += [
            f"{demand.what}: {demand.measured}; wanted {demand.wanted}"
            for demand in list_demands(results)
            if not demand.is_met
        ]
    return misses


def _end_on_sigterm(signal_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)


def main() -> int:
    arguments = _parse_arguments()
    names = tuple(arguments.scenario or (_QUICK if arguments.quick else SCENARIOS))
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    raise_file_limit()
    if not arguments.without_kamailio and find_kamailio() is None:
        print(f"bench: {NEEDED}; or measure --without-kamailio", file=sys.stderr)
        return 2
    broken: list[str] = []
    try:
        results = _measure(names, _plan(arguments), broken)
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    machine = results.machine
    print(f"router: {machine.router}; {machine.python}, uvloop {machine.uvloop}, Kamailio {machine.kamailio}")
    print(format_results(results.scenarios))
    is_whole = is_compiled() and not (arguments.quick or arguments.scenario or arguments.transport)
    output = arguments.output or (_DOCUMENTS if is_whole else None)
    if output:
        _write(output, results)
    for line in broken:
        print(f"bench: {line}", file=sys.stderr)
    if broken:
        return 2
    misses = _find_misses(arguments, results)
    for line in misses:
        print(f"bench: missed: {line}", file=sys.stderr)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
