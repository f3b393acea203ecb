"""docs/reference/conformance.md, `requirements.json` and the conformance tests say the same, and leave nothing out."""

from pathlib import Path

from tests.conformance.page import find_tests, read_document, read_rows, render

_PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"
# How many rows each section of the requirements has.
_SIZES = {"A": 28, "B": 43, "C": 24, "D": 17, "E": 24, "F": 10, "G": 15, "H": 6, "I": 5, "J": 8, "K": 12, "L": 4}


def test_conformance_rows_are_complete_and_in_order() -> None:
    assert [row.id for row in read_rows()] == [
        f"{letter}{number:02}" for letter, size in _SIZES.items() for number in range(1, size + 1)
    ]
    assert list(read_document()["sections"]) == list(_SIZES)


def test_conformance_row_has_either_a_test_or_a_reason() -> None:
    tests = find_tests()

    both_or_neither = [row.id for row in read_rows() if bool(tests.get(row.id)) == bool(row.reason)]

    assert both_or_neither == []


def test_conformance_test_names_a_row_that_exists() -> None:
    assert find_tests().keys() <= {row.id for row in read_rows()}


def test_conformance_test_names_are_unique() -> None:
    # Two functions of one name could not be told apart on the page.
    repeated = {row_id: names for row_id, names in find_tests().items() if len(set(names)) < len(names)}

    assert repeated == {}


def test_conformance_cells_break_no_table() -> None:
    for row in read_rows():
        assert not any("|" in cell or "\n" in cell for cell in (row.requirement, row.does, row.reason, row.reference))


def test_conformance_page_is_what_the_script_writes() -> None:
    assert _PAGE.read_text(encoding="utf-8") == render() + "\n"
