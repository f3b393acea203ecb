"""Models that are derived from models."""

from typing import Annotated, Any

import pytest
from pydantic import AfterValidator, Field, ValidationError

from callrouter.admin.shapes import derive_changes, derive_complete
from callrouter.sources.record import Record


class Source(Record):
    name: str = Field(min_length=1, description="Its name.")
    doubled: Annotated[int, AfterValidator(lambda number: 2 * number)] = Field(1, le=10)


def read(model: Any, **values: object) -> dict[str, object]:
    dumped: dict[str, object] = model.model_validate(values).model_dump(exclude_unset=True)
    return dumped


def test_changes_hold_what_was_given_and_check_it() -> None:
    model = derive_changes("Changes", Source)
    assert read(model) == {}
    assert read(model, doubled=3) == {"doubled": 6}
    for wrong in ({"name": ""}, {"name": None}, {"doubled": 11}, {"doubled": True}, {"other": 1}, {"name": "a\n"}):
        with pytest.raises(ValidationError):
            read(model, **wrong)


def test_changes_schema_requires_nothing_and_has_no_defaults() -> None:
    schema = derive_changes("Changes", Source, doc="Some.").model_json_schema()
    assert "required" not in schema
    assert schema["title"] == "Changes"
    assert schema["description"] == "Some."
    assert not any("default" in field for field in schema["properties"].values())
    assert schema["properties"]["name"]["description"] == "Its name."


def test_complete_model_has_the_named_fields_alone_and_requires_them() -> None:
    model = derive_complete("Complete", Source, {"doubled": "Twice"})
    assert read(model, Twice=2) == {"Twice": 4}
    for wrong in ({}, {"doubled": 2}, {"Twice": 2, "name": "a"}):
        with pytest.raises(ValidationError):
            read(model, **wrong)
