"""How a file of the package is written: it says what it is, its name means something, and it hides nothing."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.house import ROOT, list_python_files

SOURCES = list_python_files("src")
LONGEST_INTRODUCTION = 12
NAMELESS = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc"}
# Another process cannot be waited for but by asking it again.
MAY_SLEEP = {Path("src/callrouter/cli/readyz.py")}


def parse(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text("utf-8"), filename=str(path))


def list_names(tree: ast.Module) -> Iterator[str]:
    """Every name that is read or imported, dotted where it is written so."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_source_file_begins_with_a_short_introduction(path: Path) -> None:
    introduction = ast.get_docstring(parse(path), clean=False)
    assert introduction, "the file does not say what it is"
    assert len(introduction.splitlines()) <= LONGEST_INTRODUCTION


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_source_file_swallows_no_exception_and_waits_for_no_clock(path: Path) -> None:
    tree = parse(path)
    handlers = [node for node in ast.walk(tree) if isinstance(node, ast.ExceptHandler)]
    assert not [handler.lineno for handler in handlers if all(isinstance(each, ast.Pass) for each in handler.body)]
    names = set(list_names(tree))
    assert "TYPE_CHECKING" not in names
    assert "typing.TYPE_CHECKING" not in names
    assert path in MAY_SLEEP or names.isdisjoint({"time.sleep", "asyncio.sleep", "sleep"})


@pytest.mark.parametrize("path", list_python_files("src", "tests", "bench"), ids=str)
def test_file_has_a_name_that_means_something(path: Path) -> None:
    parts = {part.removeprefix("test_") for part in (path.stem, *path.parts[:-1])}
    assert parts.isdisjoint(NAMELESS)
