"""What a piece of work costs, on a machine that also does other things."""

import gc
from collections.abc import Callable
from time import process_time

_TRIES = 3


def processor_seconds(work: Callable[[], object]) -> float:
    """The least of a few runs: what takes too long by itself does so every time, a busy machine does not.

    The garbage collector waits meanwhile: it walks through all that the tests before have left, whoever calls it.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return min(_cost(work) for _ in range(_TRIES))
    finally:
        if was_enabled:
            gc.enable()


def _cost(work: Callable[[], object]) -> float:
    started_at = process_time()
    work()
    return process_time() - started_at
