"""Every limit has one setting, one row in docs/reference/limits.md and one test in tests/hardening."""

import re

import pytest

from callrouter.settings.model import LimitSettings
from tests.architecture.house import REFERENCE, TESTS, read_table_rows

ROWS = list(read_table_rows(REFERENCE / "limits.md"))
SETTING_COLUMN, DEFAULT_COLUMN, REASON_COLUMN = 2, 3, 4
COLUMNS_WITH_SETTING = 6


def linked_test(row: list[str]) -> str:
    [name] = re.findall(r"\[(test_\w+\.py)\]\(\.\./\.\./tests/hardening/\1\)", row[-1])
    assert isinstance(name, str)
    return name


@pytest.mark.parametrize("name", LimitSettings.model_fields)
def test_limit_has_one_row_with_its_default_and_a_test_that_names_it(name: str) -> None:
    [row] = [row for row in ROWS if len(row) == COLUMNS_WITH_SETTING and row[SETTING_COLUMN] == f"`limits.{name}`"]
    assert row[DEFAULT_COLUMN] == str(LimitSettings.model_fields[name].default)
    assert row[REASON_COLUMN]
    assert re.search(rf"limits\.{name}\b", (TESTS / "hardening" / linked_test(row)).read_text("utf-8"))


def test_every_row_is_about_a_limit_that_exists_or_about_none() -> None:
    settings = [row[SETTING_COLUMN].strip("`").removeprefix("limits.") for row in ROWS if len(row) > 3]
    assert sorted(settings) == sorted(LimitSettings.model_fields)


def test_every_hardening_test_is_on_the_page() -> None:
    files = {path.name for path in (TESTS / "hardening").glob("test_*.py")}
    assert files == {linked_test(row) for row in ROWS}
