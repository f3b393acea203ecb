import re
from pathlib import Path

import pytest

from tests.architecture.house import ROOT

PAGES = [
    path.relative_to(ROOT) for path in sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]) if path.is_file()
]
_LINK = re.compile(r"(?<!\\)\]\(\s*<?([^)\s>]+)")
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_relative_links_of_a_page_lead_to_files_that_exist(page: Path) -> None:
    text = _FENCE.sub("", (ROOT / page).read_text("utf-8"))
    targets = [target.partition("#")[0] for target in _LINK.findall(text) if not re.match(r"[a-z]+:|#", target)]
    dead = [target for target in targets if not (ROOT / page.parent / target).exists()]
    assert dead == []


def test_links_are_looked_for_where_there_are_some() -> None:
    assert Path("README.md") in PAGES
    assert Path("docs/reference/limits.md") in PAGES
    assert _LINK.findall("[a](b.md) and [c](d/e.md#f)") == ["b.md", "d/e.md#f"]
