"""Call lines in JSON, written past the processors of the log: there is one for every call, and it says the same.

A line is what `logs` would make of it, key by key (a test holds them together), at a sixth of the time.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final, final

import orjson

from callrouter.observability.text import visible_text

_MICROSECONDS: Final = 1_000_000


@final
class CallLines:
    """Writes the lines of one logger.

    event: what each line says. context: what the logger is bound to, in its order. write: takes a line without its line
    end. now: seconds since the epoch, as `time.time`.
    """

    __slots__ = ("_begin", "_now", "_second", "_second_text", "_write")

    def __init__(
        self, event: str, context: Mapping[str, Any], write: Callable[[bytes], None], now: Callable[[], float]
    ) -> None:
        shown = {key: visible_text(value) if isinstance(value, str) else value for key, value in context.items()}
        self._begin: dict[str, Any] = {"timestamp": "", "level": "info", "event": event, **shown}
        self._write = write
        self._now = now
        self._second = -1
        self._second_text = ""

    def __call__(self, fields: dict[str, Any]) -> None:
        """Write one line. fields: text, of peers too, and numbers that JSON has."""
        line = self._begin | fields
        line["timestamp"] = self._stamp()
        for key, value in fields.items():
            if isinstance(value, str) and not value.isprintable():
                line[key] = visible_text(value)
        self._write(orjson.dumps(line))

    def _stamp(self) -> str:
        now = self._now()
        second = int(now)
        if second != self._second:
            self._second = second
            self._second_text = datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        # With a one before the zeros that may lead, and without it again: formatting costs thrice as much.
        return f"{self._second_text}.{str(_MICROSECONDS + int((now - second) * _MICROSECONDS))[1:]}Z"
