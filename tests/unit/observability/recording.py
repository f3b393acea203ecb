"""A recorder at work, and what it writes to."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO, TypeAlias

from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import LogConfig, Logs
from callrouter.observability.recorder import Recorder
from callrouter.telemetry import Sink
from tests.unit.observability.memory_stream import MemoryStream

Configure: TypeAlias = Callable[[LogConfig, TextIO], Logs]


@dataclass
class Bench:
    """A recorder at 100.0 seconds, and what it writes to."""

    configure: Configure
    level: Any = "info"
    log_calls: bool = True
    now: float = 100.0

    def __post_init__(self) -> None:
        self.stream = MemoryStream()
        self.counters = Counters()
        self.journal = Journal(10)
        log = self.configure(LogConfig(level=self.level), self.stream).logger
        self.record: Sink = Recorder(self.counters, self.journal, log, log_calls=self.log_calls, clock=lambda: self.now)

    def lines(self) -> list[dict[str, Any]]:
        """What was logged, without the time."""
        return [{key: value for key, value in line.items() if key != "timestamp"} for line in self.stream.events]
