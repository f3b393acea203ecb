"""Summary: what came of many calls, in numbers. Pure."""

import math
from array import array
from collections import Counter

from callrouter.caller.result import CallResult, Outcome

_PERCENTILES = (50, 95, 99)


class Summary:
    """Counts, and how long it took until calls were answered."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        """Reason of the result -> how many."""
        self.outcomes: Counter[Outcome] = Counter()
        self._setup_seconds = array("d")

    def add(self, result: CallResult) -> None:
        """One more call has ended."""
        self.by_reason[result.reason] += 1
        self.outcomes[result.outcome] += 1
        if result.answered_after_seconds is not None:
            self._setup_seconds.append(result.answered_after_seconds)

    @property
    def calls(self) -> int:
        """How many have ended."""
        return self.outcomes.total()

    def setup_seconds(self) -> dict[str, float]:
        """Percentiles by nearest rank, and the longest; empty where no call was answered."""
        ordered = sorted(self._setup_seconds)
        if not ordered:
            return {}
        ranks = {f"p{percent}": math.ceil(percent * len(ordered) / 100) for percent in _PERCENTILES}
        return {**{name: ordered[rank - 1] for name, rank in ranks.items()}, "max": ordered[-1]}

    def as_json(self, seconds: float) -> dict[str, object]:
        """As JSON has it. seconds: how long all of it took."""
        answered, refused = self.outcomes[Outcome.ANSWERED], self.outcomes[Outcome.REFUSED]
        return {
            "calls": self.calls,
            "answered": answered,
            "refused": refused,
            "failed": self.calls - answered - refused,
            "by_reason": dict(self.by_reason.most_common()),
            "setup_seconds": self.setup_seconds(),
            "seconds": seconds,
            "calls_per_second": self.calls / seconds if seconds > 0 else 0.0,
        }
