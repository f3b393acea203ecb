"""TOML with line numbers: the parsed content, and on which line of the text each key stands.

tomllib keeps no positions, so a second look at the text finds them: table headers and keys at the beginning of a
line. What stands inside an inline table or array gets the line of the key that holds it. The lines serve messages
only; nothing depends on them, and nobody looks for them before there is something to say. Knows no settings and no
directory.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from callrouter.sources.problem import KeyPath

_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_MULTILINE_QUOTES = ('"""', "'''")


class UnreadableTomlError(ValueError):
    """The file cannot be read or is not TOML.

    message: what is wrong, without the place.  line: counted from 1, None where it is not known.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


@dataclass(frozen=True, slots=True)
class TomlDocument:
    """A parsed document under the name that messages call it by."""

    name: str
    content: Mapping[str, object] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def without_content(self) -> "TomlDocument":
        """The same, only good for saying where something stands: the content of a large file is large."""
        return TomlDocument(self.name, lines=self.lines)

    def where(self, path: KeyPath) -> str:
        """Name the document and the line of the nearest known key that holds `path`; () stands for the whole."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return f"{self.name}:{self.lines[path[:length]]}"
        return self.name


class LineIndex(Mapping[KeyPath, int]):
    """Where each key of a text stands. Made when it is first asked: for a large file that takes longer than parsing."""

    __slots__ = ("_lines", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[KeyPath, int] | None = None

    def __getitem__(self, path: KeyPath) -> int:
        return self._find_lines()[path]

    def __iter__(self) -> Iterator[KeyPath]:
        return iter(self._find_lines())

    def __len__(self) -> int:
        return len(self._find_lines())

    def _find_lines(self) -> dict[KeyPath, int]:
        if self._lines is None:
            self._lines = _index_lines(self._text)
        return self._lines


def read_toml(path: Path) -> TomlDocument:
    """Read and parse a UTF-8 file.

    Raises:
        UnreadableTomlError: it cannot be read, is not UTF-8 or not TOML.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UnreadableTomlError(f"cannot be read: {error.strerror or type(error).__name__}") from error
    except UnicodeDecodeError as error:
        raise UnreadableTomlError(f"is not UTF-8 text (byte {error.start})") from error
    except ValueError as error:  # a NUL in the path
        raise UnreadableTomlError(f"cannot be read: {error}") from error
    return parse_toml(text, name=str(path))


def parse_toml(text: str, *, name: str) -> TomlDocument:
    """Parse a text.

    Raises:
        UnreadableTomlError: it is not TOML.
    """
    try:
        content = tomllib.loads(text)
    except RecursionError as error:
        raise UnreadableTomlError("is nested too deeply") from error
    except ValueError as error:  # TOMLDecodeError, and what int() says of thousands of digits
        raise _locate_syntax_error(str(error), text) from error
    return TomlDocument(name, content, LineIndex(text))


def _locate_syntax_error(message: str, text: str) -> UnreadableTomlError:
    position = _POSITION.search(message)
    if position is None:
        return UnreadableTomlError(message)
    bare = message[: position.start()]
    line, column = position.groups()
    if line is None:
        return UnreadableTomlError(f"{bare} at the end of the file", text.count("\n") + 1)
    return UnreadableTomlError(f"{bare} (column {column})", int(line))


def _index_lines(text: str) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    last_index: dict[KeyPath, int] = {}
    table: KeyPath = ()
    closing_quotes = ""
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if closing_quotes:
            closing_quotes = "" if closing_quotes in line else closing_quotes
        elif stripped.startswith("["):
            table = _read_header(stripped, last_index) or table
            _record(lines, table, 0, number)
        elif "=" in stripped and not stripped.startswith("#"):
            _record(lines, table + _read_key(stripped), len(table), number)
            closing_quotes = next((quotes for quotes in _MULTILINE_QUOTES if line.count(quotes) % 2), "")
    return lines


def _record(lines: dict[KeyPath, int], path: KeyPath, known: int, number: int) -> None:
    for length in range(known + 1, len(path) + 1):
        lines.setdefault(path[:length], number)


def _read_header(line: str, last_index: dict[KeyPath, int]) -> KeyPath:
    """Resolve `[table]` or `[[array of tables]]`, counting the latter; () for a line that is no header."""
    names, is_array = _read_names(line)
    path: KeyPath = ()
    for position, name in enumerate(names, start=1):
        path += (name,)
        if is_array and position == len(names):
            last_index[path] = last_index.get(path, -1) + 1
        if path in last_index:
            path += (last_index[path],)
    return path


def _read_key(line: str) -> KeyPath:
    """Read what stands before the first `=`; () where that is no key, as inside an array over several lines."""
    raw_key = line.partition("=")[0].strip()
    if _BARE_KEY.fullmatch(raw_key):
        return (raw_key,)
    return _read_names(f"{raw_key} = 0")[0]


def _read_names(line: str) -> tuple[tuple[str, ...], bool]:
    """Let tomllib read one line alone: the names in its first key or header, and whether it heads an array."""
    try:
        value: object = tomllib.loads(line)
    except (ValueError, RecursionError):
        return (), False  # the line is part of something larger, and holds no key of its own
    names: tuple[str, ...] = ()
    while isinstance(value, dict) and value:
        name, value = next(iter(value.items()))
        names += (name,)
    return names, isinstance(value, list)
