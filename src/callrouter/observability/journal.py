"""The calls that were answered last: a ring in memory for the API, the console and tests. Nothing is kept on disk."""

from collections import deque
from itertools import islice

from callrouter.observability.text import visible_text
from callrouter.telemetry import RequestAnswered


class Journal:
    """Keeps the last `max_calls` answered INVITEs; 0 keeps none."""

    def __init__(self, max_calls: int) -> None:
        self._calls: deque[RequestAnswered] = deque(maxlen=max_calls)
        self.add = self._calls.append
        """Take one more call; the oldest goes where there is no room. Bound here because every call comes by."""

    def __len__(self) -> int:
        return len(self._calls)

    def latest(self, limit: int) -> list[RequestAnswered]:
        """At most `limit` calls, the newest first."""
        return list(islice(reversed(self._calls), limit))

    def find(self, call_id: str) -> list[RequestAnswered]:
        """Every call with this Call-ID, the newest first. It may be given as it came or as it is shown."""
        return [
            call for call in reversed(self._calls) if call.call_id == call_id or visible_text(call.call_id) == call_id
        ]

    def clear(self) -> int:
        """Forget all; returns how many there were."""
        count = len(self._calls)
        self._calls.clear()
        return count
