"""The signals of a server as events: SIGTERM and SIGINT ask for the stop, SIGHUP for a reload."""

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_STOP = (signal.SIGTERM, signal.SIGINT)


class Signals:
    """What has been asked for."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.stop_now = asyncio.Event()
        """A second signal to stop: what is in flight is not waited for."""
        self.reload = asyncio.Event()

    def notice(self, number: int) -> None:
        """One of the signals came."""
        if number == signal.SIGHUP:
            self.reload.set()
        else:
            (self.stop_now if self.stop.is_set() else self.stop).set()


@contextmanager
def catch_signals() -> Iterator[Signals]:
    """Take the process's signals for the running loop, and give them back."""
    signals = Signals()
    loop = asyncio.get_running_loop()

    def pass_on(number: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(signals.notice, number)

    # Not loop.add_signal_handler: when a loop takes its handlers back, the next signal kills the process, and one that
    # comes while a router ends as it was asked to must not turn that into a failure.
    previous = {number: signal.signal(number, pass_on) for number in (*_STOP, signal.SIGHUP)}
    try:
        yield signals
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_IGN if signals.stop.is_set() else handler)
