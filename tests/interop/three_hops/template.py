"""Configuration files of the tools, kept as users would write them, with @NAME@ where a test puts its own."""

import re
from pathlib import Path

_FILES = Path(__file__).resolve().parent.parent
_PLACE = re.compile(r"@[A-Z_]+@")


def write_filled(name: str, file: Path, **values: str | Path) -> None:
    """Write a template of tests/interop with its places filled; AssertionError where one is left."""
    text = (_FILES / name).read_text("utf-8")
    for place, value in values.items():
        text = text.replace(f"@{place}@", str(value))
    assert not _PLACE.search(text), _PLACE.findall(text)
    file.write_text(text, "utf-8")
