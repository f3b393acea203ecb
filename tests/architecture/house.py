"""Where the files of the house are; what more than one of its rules asks about them."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "callrouter"
TESTS = ROOT / "tests"
REFERENCE = ROOT / "docs" / "reference"


def list_python_files(*rooms: str) -> list[Path]:
    """Every Python file of these folders of the repository, relative to it."""
    return sorted(path.relative_to(ROOT) for room in rooms for path in (ROOT / room).rglob("*.py"))


def list_modules() -> list[Path]:
    """Every module of the package, relative to it; `__init__.py` is the room's door, not a module."""
    return sorted(path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def read_table_rows(page: Path) -> Iterator[list[str]]:
    """The cells of every row of every table of a page; headings and rules are left out."""
    lines = page.read_text("utf-8").splitlines()
    for number, line in enumerate(lines):
        is_heading = number + 1 < len(lines) and lines[number + 1].startswith("| ---")
        if line.startswith("| ") and not line.startswith("| ---") and not is_heading:
            yield [cell.strip() for cell in line.strip("|").split(" | ")]
