"""The page of results and its charts, made from the results file: `python -m bench.page docs/benchmarks`.

Measures nothing; `bench.run` calls it when it has measured.
"""

import argparse
import statistics
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.cases import CaseResult, Ratio, ScenarioResult, Spread
from bench.charts import Frame, draw_bars, draw_quantiles
from bench.demands import list_demands
from bench.idle import IdleResult
from bench.report import format_spread
from bench.results import Results, read_results
from bench.scenarios import FLOOR, INTERPRETED, KAMAILIO, PURE, ROUTER, SCAN_FLOOR, TRANSPORTS, TWO_WORKERS

RESULTS_FILE = "results.json"
_PAGE_FILE = "results.md"
_INTRODUCTION = (
    "This page is generated from [results.json](results.json): `make bench` measures and writes both, "
    "`python -m bench.page docs/benchmarks` only writes. What is measured and how to read it: "
    "[bench/README.md](../../bench/README.md)."
)
_ORDER = (ROUTER, KAMAILIO, TWO_WORKERS, FLOOR, SCAN_FLOOR, INTERPRETED, PURE)
_WHISKERS = "median, minimum to maximum"
_AGAIN = 'make bench ARGS="--scenario {} --output docs/benchmarks"'
_COLUMNS = (
    "redirects/s",
    "CPU us a redirect",
    "p50 us",
    "p99 us",
    "p99.9 us",
    "server CPUs",
    "generator CPUs",
    "sent late, p99 us",
)
"""The last one is an open loop's."""


def write_page(folder: Path, results: Results) -> list[Path]:
    """Write the page and its charts; the files that were written."""
    charts = {f"{name}.svg": text for name, text in _draw_charts(results)}
    lines = [
        "# Benchmark results",
        "",
        _INTRODUCTION,
        "",
        *_list_machine(results),
        "",
        *(f"![{name.removesuffix('.svg')}]({name})\n" for name in charts),
        *_list_demands(results),
    ]
    for scenario in results.scenarios:
        lines += ["", *_list_scenario(scenario)]
    files = {folder / _PAGE_FILE: "\n".join(lines) + "\n", **{folder / name: text for name, text in charts.items()}}
    for file, text in files.items():
        file.write_text(text, encoding="utf-8")
    return list(files)


def _list_machine(results: Results) -> Iterator[str]:
    machine = results.machine
    yield (
        f"{machine.processor}, {machine.cpus} CPUs, {machine.system}; {machine.python}, uvloop {machine.uvloop}, "
        f"{machine.openssl}, Kamailio {machine.kamailio} with `-x tlsf`; router {machine.router}. "
        f"{results.cpus[:1].upper()}{results.cpus[1:]}. "
        "Rounds are taken in turns; figures are their median, then minimum and maximum."
    )


def _list_demands(results: Results) -> Iterator[str]:
    yield "## What is wanted"
    yield ""
    yield "Ratios by the clock and by processor time, whichever is less, unless it says which."
    yield ""
    yield "| | wanted | measured | |"
    yield "| --- | --- | --- | --- |"
    for demand in list_demands(results):
        yield f"| {demand.what} | {demand.wanted} | {demand.measured} | {'met' if demand.is_met else 'not met'} |"


def _list_scenario(scenario: ScenarioResult) -> Iterator[str]:
    yield f"## {scenario.title}"
    yield ""
    yield f"{scenario.note} Measured at {scenario.measured_at}. Again: `{_AGAIN.format(scenario.name)}`."
    for case in scenario.cases:
        yield ""
        yield from _list_case(case)
    if scenario.idle:
        yield ""
        yield from _list_idle(scenario.idle)


def _list_case(case: CaseResult) -> Iterator[str]:
    is_open = any(outcome.offered_per_second for outcomes in case.rounds.values() for outcome in outcomes)
    columns = _COLUMNS if is_open else _COLUMNS[:-1]
    yield f"| {case.title} | {' | '.join(columns)} |"
    yield "| --- |" + " --- |" * len(columns)
    for label in case.rounds:
        latencies = [
            f"{case.median(label, lambda outcome, name=name: getattr(outcome, name)):,.0f}"  # type: ignore[misc]
            for name in ("p50_us", "p99_us", "p999_us")
        ]
        shares = [
            f"{case.median(label, lambda outcome: outcome.server_cpu_share):.2f}",
            f"{case.median(label, lambda outcome: outcome.generator_cpu_share):.2f}",
        ]
        late = [f"{case.median(label, lambda outcome: outcome.late_p99_us):,.0f}"] if is_open else []
        cells = [
            label,
            format_spread(case.rate(label), 0),
            format_spread(case.cost(label), 1),
            *latencies,
            *shares,
            *late,
        ]
        yield f"| {' | '.join(cells)} |"
    if case.ratios:
        yield ""
        yield f"| {case.title}, ratios | by the clock | by processor time |"
        yield "| --- | --- | --- |"
        yield from map(_format_ratio, case.ratios)
    for label, count in case.repeated.items():
        yield ""
        yield f"Rounds of {label} in which it lost calls or connections, or ended, and which were repeated: {count}."


def _format_ratio(ratio: Ratio) -> str:
    by_cpu = format_spread(ratio.by_cpu) if ratio.by_cpu else "unknown"
    return f"| {ratio.label} / {ratio.to} | {format_spread(ratio.by_clock)} | {by_cpu} |"


def _list_idle(idle: dict[str, list[IdleResult]]) -> Iterator[str]:
    yield "| | bytes a connection | held for | lost | calls on them | unanswered |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for label, rounds in idle.items():
        spread = format_spread(Spread.of(each.bytes_per_connection for each in rounds), 0)
        held = max(each.held_seconds for each in rounds)
        lost, calls = sum(each.lost for each in rounds), sum(each.calls for each in rounds)
        yield f"| {label} | {spread} | {held:.0f} s | {lost} | {calls} | {sum(each.unanswered for each in rounds)} |"


def _draw_charts(results: Results) -> Iterator[tuple[str, str]]:
    mains = {str(transport): results.case("closed", f"{transport} 8x16") for transport in TRANSPORTS}
    groups = {name: {label: case.rate(label) for label in case.rounds} for name, case in mains.items() if case}
    if groups:
        frame = Frame("Redirects a second", "closed loop, 8 connections with 16 calls each", _WHISKERS, _ORDER)
        yield "rates", draw_bars(frame, groups)
    loops = {loop: results.case("closed", f"TCP {loop}") for loop in ("8x16", "200x1", "1x1")}
    costs = {
        loop: {label: case.cost(label) for label in (ROUTER, KAMAILIO, FLOOR) if label in case.rounds}
        for loop, case in loops.items()
        if case
    }
    if costs:
        frame = Frame(
            "Cost of a redirect",
            "microseconds of the server's processor time",
            "TCP, connections x calls at once",
            _ORDER,
        )
        yield "costs", draw_bars(frame, costs)
    for transport in TRANSPORTS:
        case = results.case("latency", f"{transport}, open loop")
        if case:
            frame = Frame(
                f"Latency at half of peak, {transport}",
                "microseconds from when a call was due",
                "by share of the calls",
            )
            yield f"latency-{transport.lower()}", draw_quantiles(frame, _merge_quantiles(case))
    directory = results.case("directory", "TCP 8x16, by size of the directory")
    if directory:
        sizes = {label.removeprefix("router, "): {ROUTER: directory.cost(label)} for label in directory.rounds}
        frame = Frame("Cost of a redirect by size of the directory", "microseconds of the server's processor time")
        yield "directory", draw_bars(frame, sizes)


def _merge_quantiles(case: CaseResult) -> dict[str, list[tuple[float, float]]]:
    """The median of the rounds for every percentile."""
    merged = {}
    for label, outcomes in case.rounds.items():
        percents: Iterable[str] = outcomes[0].quantiles_us
        merged[label] = [
            (float(percent), statistics.median(outcome.quantiles_us[percent] for outcome in outcomes))
            for percent in percents
        ]
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(description="make the page and the charts from results.json again")
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for file in write_page(folder, read_results(folder / RESULTS_FILE)):
        print(file)


if __name__ == "__main__":
    main()
