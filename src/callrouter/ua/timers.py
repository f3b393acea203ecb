"""Timers of one session: what is to be done when, in the order in which it is due. No clock; instants are arguments."""

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import Final, TypeAlias

Action: TypeAlias = Callable[[float], None]
"""Called with the instant at which it is done."""

_FEW: Final = 64
"""So many cancelled timers are not worth looking for."""


class Timer:
    """Something that is to be done once. Made by `Timers.set`."""

    __slots__ = ("_timers", "action", "at", "order")

    def __init__(self, at: float, order: int, action: Action, timers: "Timers") -> None:
        self.at = at
        self.order = order
        self.action: Action | None = action
        """None once it was done or cancelled."""
        self._timers = timers

    def cancel(self) -> None:
        """Let it not be done; no matter whether it was."""
        if self.action is not None:
            self.action = None
            self._timers.drop_cancelled()

    def __lt__(self, other: "Timer") -> bool:
        return (self.at, self.order) < (other.at, other.order)


class Timers:
    """Those that are set and not yet due.

    A cancelled one stays until it comes to the front or until most are cancelled: a call of a second leaves nothing
    behind for the half hour that it might have lasted.
    """

    __slots__ = ("_cancelled", "_count", "_heap")

    def __init__(self) -> None:
        self._heap: list[Timer] = []
        self._cancelled = 0
        """How many in the heap are."""
        self._count = 0

    def set(self, at: float, action: Action) -> Timer:
        """Have `action` done at `at`; those of one instant come in the order in which they were set."""
        self._count += 1
        timer = Timer(at, self._count, action, self)
        heappush(self._heap, timer)
        return timer

    def next_at(self) -> float | None:
        """When the next one is due."""
        heap = self._heap
        while heap and heap[0].action is None:
            heappop(heap)
            self._cancelled -= 1
        return heap[0].at if heap else None

    def run(self, now: float) -> None:
        """Do all that is due."""
        while True:
            at = self.next_at()
            if at is None or at > now:
                return
            timer = heappop(self._heap)
            action, timer.action = timer.action, None
            if action is not None:
                action(now)

    def drop_cancelled(self) -> None:
        """One of them was cancelled: take out all such once they are the most."""
        self._cancelled += 1
        if self._cancelled > _FEW and 2 * self._cancelled > len(self._heap):
            self._heap = [timer for timer in self._heap if timer.action is not None]
            heapify(self._heap)
            self._cancelled = 0
