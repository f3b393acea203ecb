"""Shapes that the API derives from the models people write, so that bounds and descriptions are said once."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Field, create_model

from callrouter.sources.record import Record


def derive_complete(name: str, source: type[BaseModel], names: Mapping[str, str]) -> type[BaseModel]:
    """Build the model with those fields of `source` that `names` has, all required, under their new names."""
    fields: dict[str, Any] = {
        new: (source.model_fields[old].rebuild_annotation(), Field(description=source.model_fields[old].description))
        for old, new in names.items()
    }
    return create_model(name, __base__=Record, **fields)


def derive_changes(
    name: str, source: type[BaseModel], names: Mapping[str, str] | None = None, doc: str = ""
) -> type[BaseModel]:
    """Build the model of a partial change: fields as in `derive_complete` (by default all), and each may be missing.

    What was given is in `model_fields_set`; a field that was not given means nothing.
    """
    renamed = names if names is not None else {each: each for each in source.model_fields}
    fields: dict[str, Any] = {
        new: (
            source.model_fields[old].rebuild_annotation(),
            Field(default=None, description=source.model_fields[old].description, json_schema_extra=_forget_default),
        )
        for old, new in renamed.items()
    }
    return create_model(name, __base__=Record, __doc__=doc or f"Some of the fields of {source.__name__}.", **fields)


def _forget_default(schema: dict[str, Any]) -> None:
    # Left out is not null, and null is refused.
    schema.pop("default", None)
