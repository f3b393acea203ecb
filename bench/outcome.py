"""What a load came to, whichever tool made it: one value, which is printed as JSON and read again."""

from collections import Counter
from dataclasses import dataclass, field

from bench.histogram import LatencyHistogram
from bench.target import Shares, Target

_PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99, 99.5, 99.9, 99.95, 99.99)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Latencies are in microseconds; from where they count, each tool says.

    offered_per_second: of an open loop. late_p99_us: how late its generator sent what was due, at the 99th percentile;
    a lateness that rivals the latencies means that the generator was the limit.
    """

    transport: str
    connections: int
    in_flight: int
    seconds: float
    calls: int
    calls_per_second: float
    errors: dict[str, int]
    p50_us: int
    p90_us: int
    p99_us: int
    p999_us: int
    max_us: int
    generator_cpu_share: float
    server_cpu_share: float | None
    offered_per_second: float | None = None
    late_p99_us: int | None = None
    quantiles_us: dict[str, int] = field(default_factory=dict)

    @property
    def server_us_per_call(self) -> float | None:
        """Microseconds of the server's processor time for one call, over all its processes."""
        if not self.server_cpu_share or not self.calls_per_second:
            return None
        return self.server_cpu_share / self.calls_per_second * 1e6


def summarise(
    target: Target,
    shape: tuple[int, int],
    shares: Shares,
    histogram: LatencyHistogram,
    errors: Counter[str],
    offered: tuple[float, int] | None = None,
) -> Outcome:
    """Put an outcome together.

    shape: connections, and calls at once on each. offered: of an open loop, `offered_per_second` and `late_p99_us`.
    """
    offered_per_second, late_p99_us = offered or (None, None)
    return Outcome(
        transport=target.transport,
        connections=shape[0],
        in_flight=shape[1],
        seconds=round(shares.seconds, 3),
        calls=histogram.total,
        calls_per_second=round(histogram.total / shares.seconds, 1),
        errors={name: count for name, count in sorted(errors.items()) if count},
        p50_us=histogram.percentile_us(50),
        p90_us=histogram.percentile_us(90),
        p99_us=histogram.percentile_us(99),
        p999_us=histogram.percentile_us(99.9),
        max_us=histogram.max_us,
        generator_cpu_share=round(shares.generator, 3),
        server_cpu_share=None if shares.server is None else round(shares.server, 4),
        offered_per_second=offered_per_second,
        late_p99_us=late_p99_us,
        quantiles_us={f"{percent:g}": histogram.percentile_us(percent) for percent in _PERCENTS},
    )
