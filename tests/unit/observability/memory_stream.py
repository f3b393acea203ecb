"""A stream that the log writes to and a test reads."""

import io
import json
from typing import Any


class MemoryStream(io.TextIOWrapper):
    """A text stream over octets in memory, a terminal or not."""

    def __init__(self, *, terminal: bool = False, encoding: str = "utf-8") -> None:
        self._octets = io.BytesIO()
        self._terminal = terminal
        super().__init__(self._octets, encoding=encoding)

    def isatty(self) -> bool:
        return self._terminal

    @property
    def written(self) -> bytes:
        return self._octets.getvalue()

    @property
    def events(self) -> list[dict[str, Any]]:
        """The JSON lines written so far; fails where a line is none."""
        return [json.loads(line) for line in self.written.decode().split("\n")[:-1]]

    def forget(self) -> None:
        self._octets.seek(0)
        self._octets.truncate()
