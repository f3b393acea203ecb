from callrouter.reason import Reason
from docs.generate_reasons import render_reasons
from tests.architecture.house import REFERENCE, read_table_rows

PAGE = REFERENCE / "reasons.md"


def test_reasons_page_is_what_the_code_says() -> None:
    assert PAGE.read_text("utf-8") == render_reasons(), "run: make docs"


def test_reasons_page_has_one_row_for_every_reason() -> None:
    described = [row[0].strip("`") for row in read_table_rows(PAGE) if len(row) == 5]
    assert described == [reason.value for reason in Reason]


def test_reasons_page_leaves_no_meaning_answer_or_source_empty() -> None:
    for reason, meaning, answer, _, source in (row for row in read_table_rows(PAGE) if len(row) == 5):
        assert reason
        assert meaning
        assert answer
        assert source
