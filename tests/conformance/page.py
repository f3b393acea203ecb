"""docs/reference/conformance.md from `requirements.json` and the names of the tests.

    python -m tests.conformance.page > docs/reference/conformance.md

A test belongs to the rows whose ids its name begins with: `test_d09_d10_...` to D09 and D10. Nothing is run here.
"""

import ast
import json
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROOM = Path(__file__).parent
_IDS = re.compile(r"test_((?:[a-l][0-9]{2}_)+)")
_INTRODUCTION = """\
# Conformance

What the RFCs ask of a SIP redirect server over TCP and TLS, what callrouter does, and the test that holds it there.
Every test runs against a router in a process of its own, over the wire. This page is made by
`python -m tests.conformance.page` of `tests/conformance/requirements.json`; do not edit it.

Beside the rows, every torture message of RFC 4475 and RFC 5118 and 70 edge messages are sent over TCP and over mutual
TLS (`test_rfc4475.py`, `test_rfc5118.py`, `test_edges.py`), each with an expectation and none left out, and
`test_tls_refusals.py` holds what a caller without a valid certificate meets.

"Departure" marks what differs from an RFC on purpose. A row without a test says why it has none.

## Choices where the texts pull apart
"""


@dataclass(frozen=True)
class Row:
    """One requirement. reason: why there is no test, "" where there is one."""

    id: str
    reference: str
    level: str
    requirement: str
    does: str
    reason: str = ""


def read_document() -> dict[str, Any]:
    """`requirements.json`: choices, sections (letter -> title) and rows."""
    document: dict[str, Any] = json.loads((_ROOM / "requirements.json").read_text(encoding="utf-8"))
    return document


def read_rows() -> list[Row]:
    """The rows in their order."""
    return [Row(**entry) for entry in read_document()["rows"]]


def find_tests() -> dict[str, list[str]]:
    """Row id -> names of its tests, in the order of files and lines."""
    tests: dict[str, list[str]] = {}
    for file in sorted(_ROOM.glob("test_*.py")):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.FunctionDef):
                for row_id in read_ids(node.name):
                    tests.setdefault(row_id, []).append(node.name)
    return tests


def read_ids(name: str) -> list[str]:
    """The row ids that a test's name begins with."""
    ids = _IDS.match(name)
    return [each.upper() for each in ids[1].split("_") if each] if ids else []


def render() -> str:
    """The page."""
    document, tests = read_document(), find_tests()
    choices = "\n".join(f"{number}. {choice}" for number, choice in enumerate(document["choices"], 1))
    rows = read_rows()
    sections = [
        _render_section(letter, title, [row for row in rows if row.id[0] == letter], tests)
        for letter, title in document["sections"].items()
    ]
    return "\n".join([f"{_INTRODUCTION}\n{choices}", *sections])


def _render_section(letter: str, title: str, rows: Iterable[Row], tests: dict[str, list[str]]) -> str:
    lines = [
        f"\n## {letter}. {title}\n",
        "| id | reference | level | asked | what callrouter does | test |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        shown = "<br>".join(f"`{name}`" for name in tests.get(row.id, [])) or f"none: {row.reason}"
        lines.append(f"| {row.id} | {row.reference} | {row.level} | {row.requirement} | {row.does} | {shown} |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.stdout.write(render() + "\n")
