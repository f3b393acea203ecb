from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.sources.record import Record


class Example(Record):
    text: str = ""
    texts: tuple[str, ...] = ()
    path: Path | None = None
    count: int = 0
    share: float = 0.0
    flag: bool = False


@given(before=st.text(), control=st.characters(categories=["Cc", "Zl", "Zp"]), after=st.text())
def test_record_with_control_character_anywhere_is_refused(before: str, control: str, after: str) -> None:
    text = before + control + after
    for values in ({"text": text}, {"texts": ["fine", text]}, {"path": text}, {"path": Path(text)}):
        with pytest.raises(ValidationError, match=r"control characters; found U\+"):
            Example.model_validate(values)


@given(st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp", "Cs"])))
def test_record_with_any_other_text_keeps_it(text: str) -> None:
    assert Example.model_validate({"text": text, "texts": [text]}) == Example(text=text, texts=(text,))


@pytest.mark.parametrize("key", ["count", "share"])
def test_record_with_truth_value_for_number_is_refused(key: str) -> None:
    with pytest.raises(ValidationError, match="should be a number"):
        Example.model_validate({key: True})
    assert Example.model_validate({"flag": True}).flag is True


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_record_with_number_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Example.model_validate({"share": value})


def test_record_is_frozen_and_takes_no_unknown_key() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Example().count = 1  # type: ignore[misc]  # the point of the test
    with pytest.raises(ValidationError, match="Extra inputs"):
        Example.model_validate({"colour": "red"})
