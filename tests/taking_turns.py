"""A pytest plugin: a test marked `timed` has the machine to itself, also where xdist runs tests in several processes.

A room that many share and one may have alone, made of two locked files. Whoever comes goes through the door; who
wants the room alone keeps the door closed until it is empty, or those who share it would never let it be.
"""

import fcntl
import os
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class TakingTurns:
    """main_pid: of the process that the tests were started in, the parent of those that xdist makes."""

    def __init__(self, main_pid: int) -> None:
        folder = Path(tempfile.gettempdir())
        self._door = folder / f"callrouter-tests-{main_pid}.door"
        self._room = folder / f"callrouter-tests-{main_pid}.room"

    @contextmanager
    def take(self, *, alone: bool) -> Iterator[None]:
        """Hold the room. Waits, without end: how long a test may take is another plugin's."""
        with self._door.open("ab") as door, self._room.open("ab") as room:
            fcntl.flock(door, fcntl.LOCK_EX)
            fcntl.flock(room, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
            if not alone:
                fcntl.flock(door, fcntl.LOCK_UN)
            yield

    @pytest.hookimpl(wrapper=True, tryfirst=True)  # outside of the time limit: the wait is not the test's
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Around each test with its fixtures."""
        with self.take(alone=item.get_closest_marker("timed") is not None):
            return (yield)

    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Remove the files, when the last process has gone."""
        if not is_worker(config):
            self._door.unlink(missing_ok=True)
            self._room.unlink(missing_ok=True)


def is_worker(config: pytest.Config) -> bool:
    """Whether xdist made this process."""
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Called by pytest."""
    config.pluginmanager.register(TakingTurns(os.getppid() if is_worker(config) else os.getpid()), "taking-turns")
