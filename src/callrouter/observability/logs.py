"""Sets up the log: structlog, as JSON lines or coloured for a terminal, with the standard library's log bridged in.

One event is one line, written at once; the lines of calls, in JSON, are written together where that was asked for.
What a peer sent is shown by `text.visible_text`, so it can neither break a line nor add one. A line that cannot be
written is counted, never raised: the log must not end a call. What is logged is decided elsewhere (`recorder` and the
rooms above).
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal, TextIO, TypeAlias

import orjson
import structlog
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from callrouter.observability.call_lines import CallLines
from callrouter.observability.text import visible_text

Level: TypeAlias = Literal["debug", "info", "warning", "error"]
Format: TypeAlias = Literal["auto", "json", "console"]

_LEVELS: Mapping[Level, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
_MOST_HELD = 1000
_MAX_NESTING = 8  # deeper values are shown as their text
_JSON_INTEGERS = range(-(2**63), 2**64)  # all that orjson writes
_LEADING_KEYS = ("timestamp", "level", "event")


@dataclass(frozen=True, slots=True)
class LogConfig:
    """How to log.

    level: the least that is written. format: "auto" is console on a terminal and JSON elsewhere. file: appended to
    instead of the stream, its directory is created.
    """

    level: Level = "info"
    format: Format = "auto"
    file: Path | None = None


class Logs:
    """The log as it was set up. Close it to give structlog and the standard library back as they were."""

    def __init__(self, logger: FilteringBoundLogger, lines: "_Lines", bridge: "_Bridge", *, in_json: bool) -> None:
        self.logger = logger
        self._in_json = in_json
        self._lines = lines
        self._bridge = bridge
        self._previous = structlog.get_config() if structlog.is_configured() else None

    @property
    def lines_lost(self) -> int:
        """How many lines could not be written (disk full, reader gone)."""
        return self._lines.lost

    def call_writer(self, logger: FilteringBoundLogger) -> Callable[[dict[str, Any]], None]:
        """What writes the line `call` with these fields to `logger` (this log's, however bound), at level info."""
        if self._in_json:
            return CallLines("call", structlog.get_context(logger), self._lines.hold, time.time)
        return lambda fields: logger.info("call", **fields)

    @contextmanager
    def written_together(self, call_soon: Callable[[Callable[[], None]], object]) -> Iterator[None]:
        """Meanwhile the lines of calls of one turn of the loop are written in one go. call_soon: that of the loop."""
        self._lines.call_soon = call_soon
        try:
            yield
        finally:
            self._lines.call_soon = None
            self._lines.flush()

    def reopen(self) -> None:
        """Open the log file anew, after it was renamed. Does nothing where the log goes to a stream.

        Raises:
            OSError: the file cannot be opened; the old one stays in use.
        """
        self._lines.reopen()

    def close(self) -> None:
        """End the bridge, restore structlog's configuration and close the file; the stream stays open."""
        logging.getLogger().removeHandler(self._bridge)
        self._bridge.close()
        if self._previous is None:
            structlog.reset_defaults()
        else:
            structlog.configure(**self._previous)
        self._lines.close()


def configure_logs(config: LogConfig, stream: TextIO) -> Logs:
    """Set up the process's log and return the handle of it.

    Raises:
        OSError: the log file cannot be opened.
    """
    lines = _Lines(stream.buffer if config.file is None else None, config.file)
    on_terminal = config.file is None and stream.isatty()
    in_json = config.format == "json" or (config.format == "auto" and not on_terminal)
    if not in_json:
        encoding = stream.encoding if config.file is None else "utf-8"
        tail: list[Processor] = [
            _indent_exception,
            # Tracebacks come as text, made visible; the other formatters would print them again, raw.
            structlog.dev.ConsoleRenderer(
                colors=on_terminal, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
            ),
            _Encode(encoding),
        ]
    else:
        tail = [_render_json]
    processors: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _make_visible,
        *tail,
    ]
    wrapper = structlog.make_filtering_bound_logger(_LEVELS[config.level])
    logger: FilteringBoundLogger = structlog.wrap_logger(lines, processors=processors, wrapper_class=wrapper).bind()
    bridge = _Bridge(logger)
    logs = Logs(logger, lines, bridge, in_json=in_json)
    structlog.configure(
        processors=processors,
        wrapper_class=wrapper,
        logger_factory=lambda *_: lines,
        cache_logger_on_first_use=False,
    )
    logging.getLogger().addHandler(bridge)
    return logs


class _Lines:
    """Writes lines as they come, to a file of its own or to a stream of another. What structlog calls a logger."""

    def __init__(self, stream: BinaryIO | None, file: Path | None) -> None:
        self._file = file
        self._out: BinaryIO = self._open() if stream is None else stream
        self._held: deque[bytes] = deque()
        self._lock = threading.RLock()
        """Held by whoever writes: the bridge takes lines from any thread. To add one to those that wait needs none."""
        self.call_soon: Callable[[Callable[[], None]], object] | None = None
        """Where set: `hold` leaves writing to a call of `flush` that it asks for here."""
        self.lost = 0

    def _open(self) -> BinaryIO:
        if self._file is None:
            raise ValueError("a log goes to a stream or to a file")
        self._file.parent.mkdir(parents=True, exist_ok=True)
        return self._file.open("ab", buffering=0)  # what is written in one go stays together

    def write(self, line: bytes) -> None:
        """Write a line now, after those that wait."""
        with self._lock:
            self._held.append(line)
            self.flush()

    def hold(self, line: bytes) -> None:
        """Write a line soon; called in the loop's thread."""
        held = self._held
        held.append(line)
        if self.call_soon is None or len(held) >= _MOST_HELD:
            self.flush()
        elif len(held) == 1:
            self.call_soon(self.flush)

    def flush(self) -> None:
        """Write what waits, in one go: whole lines, even from two processes."""
        with self._lock:
            held = self._held
            lines: list[bytes] = []
            # Until there is none, because the loop's thread may add one meanwhile and find that it is not the first.
            while held:
                lines.append(held.popleft())
            if not lines:
                return
            octets = b"\n".join(lines) + b"\n"
            try:
                # A file takes all of it, but where a disk is full, or somebody reads from a pipe too slowly.
                while octets:
                    written = self._out.write(octets) or 0
                    octets = octets[written:]
                    if octets and not written:
                        raise BlockingIOError
                self._out.flush()
            except (OSError, ValueError):  # ValueError: the stream was closed
                self.lost += octets.count(b"\n")

    debug = info = warning = error = critical = write

    def reopen(self) -> None:
        if self._file is not None:
            self.flush()
            old, self._out = self._out, self._open()
            old.close()

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._out.close()


class _Bridge(logging.Handler):
    """Takes the standard library's warnings and errors (uvicorn, asyncio) into the same log."""

    def __init__(self, logger: FilteringBoundLogger) -> None:
        super().__init__(logging.WARNING)
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        try:
            message = record.getMessage()
        except Exception:  # noqa: BLE001 - arguments that do not fit are another library's bug; show what there is
            message = str(record.msg)
        level = min(record.levelno // 10 * 10, logging.CRITICAL)  # structlog knows the five levels only
        self._logger.log(level, message.rstrip(), logger=record.name, exc_info=record.exc_info)


class _Encode:
    """The last step on a terminal: octets in its encoding, whatever that lacks as escapes."""

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding

    def __call__(self, _logger: WrappedLogger, _name: str, line: Any) -> bytes:
        return str(line).encode(self._encoding, "backslashreplace")


def _make_visible(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        event[key] = _visible_lines(value) if key == "exception" else _visible(value)
    return event


def _visible(value: Any, nesting: int = 0) -> Any:
    if isinstance(value, str):
        return visible_text(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value in _JSON_INTEGERS else str(value)
    if nesting < _MAX_NESTING:
        if isinstance(value, Mapping):
            return {visible_text(str(key)): _visible(item, nesting + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [_visible(item, nesting + 1) for item in value]
    return visible_text(str(value))


def _visible_lines(traceback: str) -> str:
    return "\n".join(map(visible_text, traceback.split("\n")))


def _indent_exception(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """A line feed in an exception's message must not begin what looks like a line of the log."""
    if "exception" in event:
        event["exception"] = "\n".join("    " + line for line in event["exception"].split("\n"))
    return event


def _render_json(_logger: WrappedLogger, _name: str, event: MutableMapping[str, Any]) -> bytes:
    ordered = {key: event.pop(key) for key in _LEADING_KEYS}
    ordered.update(event)
    return orjson.dumps(ordered)
