"""What is wrong with something that a person configured, and how it is told to them.

A Finding knows only where in the document it is; a Problem also knows which source the document came from. Both are
values: `sources` and `settings` collect them, and raise once with all of them. One Problem is always one line of
printable text, whatever was configured. No input is read here.
"""

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias, get_args

from pydantic import BaseModel, ValidationError

KeyPath: TypeAlias = tuple[str | int, ...]
"""A place in a document: table and key names, and positions in lists counted from 0."""

_TOML_WORDS = MappingProxyType(
    {
        "tuple_type": "Input should be a list",
        "model_type": "Input should be a table",
        "path_type": "Input should be a path",
        "missing": "is required",
    }
)
"""What pydantic says in Python's words, by its error type."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something wrong at one place of one document."""

    path: KeyPath
    message: str


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong, with the source that says it.

    where: a file name with its line where known (`lab.toml:12`), `environment NAME`, `--set`, or "".
    key: dotted, as `gateways[3].address`; "" where the fault is not at a key.
    """

    where: str
    key: str
    message: str

    def __str__(self) -> str:
        return escape(": ".join(part for part in (self.where, self.key, self.message) if part))


def escape(text: str) -> str:
    """Write what is not printable (line ends, controls, lone surrogates) as backslash escapes: one line comes out."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def format_key(path: Iterable[str | int]) -> str:
    """Write a path as people read it: ("gateways", 3, "address") is `gateways[3].address`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def find_near(name: str, known: Sequence[str]) -> str:
    """Find the known key that was probably meant; "" where none is near.

    A key in the wrong group is nearer than a key that is spelled alike.
    """
    last = name.rpartition(".")[2]
    same_field = [key for key in known if "." in key and key.rpartition(".")[2] == last]
    near = same_field or difflib.get_close_matches(name, known, n=1)
    return near[0] if near else ""


def suggest(name: str, known: Sequence[str]) -> str:
    """End a message with the known key that was probably meant; "" where none is near."""
    near = find_near(name, known)
    return f"; did you mean {near}?" if near else ""


def list_findings(error: ValidationError, model: type[BaseModel]) -> list[Finding]:
    """Turn pydantic's errors about `model` into findings, with the words of our own validators unprefixed."""
    findings = []
    for detail in error.errors(include_url=False, include_input=False):
        path = detail["loc"]
        if detail["type"] == "extra_forbidden":
            message = "unknown key" + suggest(str(path[-1]), _list_keys_at(model, path[:-1]))
        elif detail["type"] == "value_error":
            message = str(detail["ctx"]["error"])
        else:
            message = _TOML_WORDS.get(detail["type"], detail["msg"])
        findings.append(Finding(path, message))
    return findings


def _list_keys_at(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Name the keys of the model that a path through fields and tuples leads to."""
    current: Any = model
    for part in path:
        current = get_args(current)[0] if isinstance(part, int) else current.model_fields[part].annotation
    return list(current.model_fields)
