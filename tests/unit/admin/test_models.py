"""The models take any text and say it visibly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.admin.models import DirectoryStatus, PoolStatus, Readiness

ANY_TEXT = st.text(st.characters(categories=None))


@given(text=ANY_TEXT)
def test_readiness_with_any_text_serialises_to_json(text: str) -> None:
    directory = DirectoryStatus(source=text, gateways=1, servers=2, error=text)
    readiness = Readiness(ready=False, directory=directory, problems=(text,))
    again = Readiness.model_validate_json(readiness.model_dump_json())
    assert again == readiness
    assert again.problems[0].isprintable()


def test_readiness_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Readiness.model_validate({"ready": True, "directory": {"source": "", "gateways": 0, "servers": 0}, "redy": 1})


def test_readiness_once_made_cannot_be_changed() -> None:
    pool = PoolStatus()
    with pytest.raises(ValidationError, match="frozen"):
        pool.servers = ()  # type: ignore[misc]


def test_text_field_with_a_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="string_type"):
        DirectoryStatus.model_validate({"source": 1, "gateways": 0, "servers": 0})
