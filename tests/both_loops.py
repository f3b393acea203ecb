"""For the conftest of a folder whose asynchronous tests run on both loops, and may not make asyncio complain.

from tests.both_loops import asyncio_stays_silent, pytest_asyncio_loop_factories
"""

import asyncio
import logging
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

__all__ = ["asyncio_stays_silent", "pytest_asyncio_loop_factories"]


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(autouse=True)
def asyncio_stays_silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Task exceptions never retrieved, fatal errors on transports and the like are findings."""
    yield
    complaints = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "asyncio" and record.levelno >= logging.WARNING
    ]
    assert complaints == []
