"""The calls of one emulated server, whichever of its workers and connections they came by. Pure; time is an argument.

A dialog is not bound to a connection (RFC 3261 12, 18): a BYE may come on another one than its INVITE, and after a
recycle to another port. So the table is the server's; a call whose connection went waits here for its peer to return.
"""

from collections.abc import Callable

from callrouter.mailbox.config import WorkerConfig
from callrouter.reason import CallEnd
from callrouter.sip.dialog import DialogKey
from callrouter.ua.incoming import IncomingCall
from callrouter.ua.timers import Timer, Timers


class WorkerProcess:
    """One life of a worker: from its start, over the switch to its successor, to its last call."""

    __slots__ = ("calls", "number", "takes_calls")

    def __init__(self, number: int) -> None:
        self.number = number
        """1 for the first, one more with each recycle."""
        self.calls = 0
        """How many it has."""
        self.takes_calls = True


class WorkerCall(IncomingCall):
    """A call and the worker that has it: the one on whose port the caller was heard last."""

    __slots__ = ("detached", "worker")

    worker: WorkerProcess
    detached: Timer | None
    """When it is given up, while it has no connection."""


class CallTable:
    """Every call that goes on.

    on_change: told whenever a call has begun or ended, or `next_deadline` may have come nearer.
    """

    __slots__ = ("_by_key", "_on_change", "_timers", "config")

    def __init__(self, config: WorkerConfig, on_change: Callable[[], None]) -> None:
        self.config = config
        self._on_change = on_change
        self._by_key: dict[DialogKey, WorkerCall] = {}
        self._timers = Timers()

    def __len__(self) -> int:
        return len(self._by_key)

    @property
    def is_full(self) -> bool:
        """Whether one more call would be more than MaxCallsAllowed."""
        return len(self._by_key) >= self.config.max_calls

    def find(self, key: DialogKey) -> WorkerCall | None:
        """The call of this dialog."""
        return self._by_key.get(key)

    def add(self, call: WorkerCall, worker: WorkerProcess) -> None:
        """A call begins; there has to be room for it."""
        call.worker = worker
        call.detached = None
        worker.calls += 1
        self._by_key[call.dialog.key] = call
        self._on_change()

    def remove(self, call: WorkerCall) -> None:
        """A call has ended."""
        self.reattach(call)
        del self._by_key[call.dialog.key]
        call.worker.calls -= 1
        self._on_change()

    def detach(self, call: WorkerCall, now: float) -> None:
        """The connection of a call is gone."""
        until = now + self.config.detached_seconds
        if call.ends_at is not None:
            until = min(until, call.ends_at)

        def give_up(at: float) -> None:
            call.end(CallEnd.CONNECTION_LOST, at)

        call.detached = self._timers.set(until, give_up)
        self._on_change()

    def take_up(self, call: WorkerCall, worker: WorkerProcess) -> None:
        """Its peer was heard on a connection of this worker, which has it from now on."""
        self.reattach(call)
        if call.worker is not worker:
            # Else the end of the worker that took it would end a call that goes on elsewhere.
            call.worker.calls -= 1
            worker.calls += 1
            call.worker = worker
            self._on_change()

    def reattach(self, call: WorkerCall) -> None:
        """Its peer came back, or it needs none any more."""
        if call.detached is not None:
            call.detached.cancel()
            call.detached = None

    def stop(self, now: float) -> None:
        """The process ends: calls without a connection end here, the others by the drain of theirs."""
        for call in list(self._by_key.values()):
            if call.detached is not None:
                call.end(CallEnd.STOPPED, now)

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called."""
        return self._timers.next_at()

    def handle_deadline(self, now: float) -> None:
        """Give up calls whose peers did not come back."""
        self._timers.run(now)
