"""Logs that are closed at the end of the test: what they set up is the process's."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from callrouter.observability.logs import configure_logs
from tests.unit.observability.recording import Bench, Configure


@pytest.fixture
def configure() -> Iterator[Configure]:
    with ExitStack() as stack:
        yield lambda config, stream: stack.enter_context(closing(configure_logs(config, stream)))


@pytest.fixture
def bench(configure: Configure) -> Bench:
    return Bench(configure)


@pytest.fixture
def debug_bench(configure: Configure) -> Bench:
    return Bench(configure, level="debug")
