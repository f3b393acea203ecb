"""The report for people on a terminal: a table for every case, its ratios below. Nothing here measures anything."""

from collections.abc import Iterable

from bench.cases import CaseResult, Ratio, ScenarioResult, Spread
from bench.idle import IdleResult

_HEAD = (
    f"{'':34}{'redirects/s':>12}{'min-max':>19}{'us CPU/call':>13}{'p50 us':>9}{'p99 us':>9}{'p99.9':>9}"
    f"{'server cpu':>12}{'generator':>11}"
)


def format_results(results: Iterable[ScenarioResult]) -> str:
    """All of them."""
    return "\n".join(line for result in results for line in _list_lines(result))


def format_spread(spread: Spread, digits: int = 2) -> str:
    """Median, then smallest and largest."""
    return f"{spread.median:,.{digits}f} ({spread.low:,.{digits}f}-{spread.high:,.{digits}f})"


def _list_lines(result: ScenarioResult) -> list[str]:
    lines = ["", f"== {result.title} ({result.name})"]
    for case in result.cases:
        lines += ["", f"{case.title}", _HEAD, *(_format_row(case, label) for label in case.rounds)]
        lines += [_format_ratio(ratio) for ratio in case.ratios]
        lines += [
            f"    {label}: rounds that failed and were repeated: {count}" for label, count in case.repeated.items()
        ]
    lines += [_format_idle(label, rounds) for label, rounds in result.idle.items()]
    return lines


def _format_row(case: CaseResult, label: str) -> str:
    rate = case.rate(label)
    span = f"{rate.low:,.0f}-{rate.high:,.0f}"
    p50 = case.median(label, lambda outcome: outcome.p50_us)
    p99 = case.median(label, lambda outcome: outcome.p99_us)
    p999 = case.median(label, lambda outcome: outcome.p999_us)
    server = case.median(label, lambda outcome: outcome.server_cpu_share)
    generator = case.median(label, lambda outcome: outcome.generator_cpu_share)
    return (
        f"{label:34}{rate.median:>12,.0f}{span:>19}{case.cost(label).median:>13,.1f}{p50:>9,.0f}{p99:>9,.0f}{p999:>9,.0f}"
        f"{server:>12.2f}{generator:>11.2f}"
    )


def _format_ratio(ratio: Ratio) -> str:
    by_cpu = f", by CPU time {format_spread(ratio.by_cpu, 3)}" if ratio.by_cpu else ""
    return f"    {ratio.label} / {ratio.to}: {format_spread(ratio.by_clock, 3)}{by_cpu}"


def _format_idle(label: str, rounds: list[IdleResult]) -> str:
    spread = Spread.of(result.bytes_per_connection for result in rounds)
    held = max(result.held_seconds for result in rounds)
    calls, unanswered = sum(result.calls for result in rounds), sum(result.unanswered for result in rounds)
    return (
        f"{label}: {format_spread(spread, 0)} bytes resident by connection; held for {held:.0f} s; "
        f"of {calls} calls on them {unanswered} were not answered"
    )
