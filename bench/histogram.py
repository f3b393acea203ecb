"""A latency histogram that costs one integer shift a sample: buckets that widen with the value.

Below 128 microseconds every microsecond has its bucket; above, 64 buckets share each power of two, so a percentile is
at most 1.6 % too high, whatever the range. Counts are kept, samples are not.
"""

from collections.abc import Iterator

_EXACT_BITS = 7
_BUCKETS = 64 * 40


class LatencyHistogram:
    """Counts of latencies in whole microseconds."""

    __slots__ = ("_counts", "_max_us", "_total")

    def __init__(self) -> None:
        self._counts = [0] * _BUCKETS
        self._max_us = 0
        self._total = 0

    def add(self, latency_us: int) -> None:
        """Count one latency; one beyond twelve days would fall out of the table and raises IndexError."""
        shift = latency_us.bit_length() - _EXACT_BITS
        self._counts[latency_us if shift <= 0 else (shift << 6) + (latency_us >> shift)] += 1
        self._total += 1
        if latency_us > self._max_us:  # noqa: PLR1730 - `max()` is a call, and this runs once for each answer
            self._max_us = latency_us

    @property
    def max_us(self) -> int:
        """The longest latency, exact; 0 when there is none."""
        return self._max_us

    @property
    def total(self) -> int:
        """How many latencies were counted."""
        return self._total

    def percentile_us(self, percent: float) -> int:
        """The latency that `percent` of the samples do not exceed, in microseconds, rounded up to its bucket's end."""
        wanted = max(1, -(-self._total * percent // 100))
        seen = 0
        for last_us, count in self._filled():
            seen += count
            if seen >= wanted:
                return min(last_us, self._max_us)
        return 0

    def _filled(self) -> Iterator[tuple[int, int]]:
        for index, count in enumerate(self._counts):
            if count:
                shift = max(0, (index >> 6) - 1)
                yield ((index - (shift << 6) + 1) << shift) - 1, count
