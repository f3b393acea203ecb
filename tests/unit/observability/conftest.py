"""Logs that are closed at the end of the test: what they set up is the process's."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TextIO

import pytest

from callrouter.observability.logs import LogConfig, Logs, configure_logs


@pytest.fixture
def configure() -> Iterator[Callable[[LogConfig, TextIO], Logs]]:
    with ExitStack() as stack:
        yield lambda config, stream: stack.enter_context(closing(configure_logs(config, stream)))
