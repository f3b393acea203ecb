"""What all models that people fill in have in common: unknown keys, control characters and guesses are refused.

Values that leave in a header or a log line can carry no line end from here on (rule 9 of the house).
"""

import unicodedata
from pathlib import PurePath

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Zl", "Zp"})
"""Control characters (CR and LF among them) and Unicode's own line and paragraph separators."""


class Record(BaseModel):
    """A frozen table of a configuration document."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_hidden_characters(cls, value: object) -> object:
        # Tables in a list are records of their own and report a place of their own.
        for item in value if isinstance(value, list | tuple) else (value,):
            if isinstance(item, str | PurePath):
                _refuse_control_characters(str(item))
        return value

    @field_validator("*", mode="before")
    @classmethod
    def _refuse_truth_as_number(cls, value: object, info: ValidationInfo) -> object:
        # pydantic would read `port = true` as port 1.
        if isinstance(value, bool) and cls.model_fields[info.field_name or ""].annotation in (int, float):
            raise ValueError("Input should be a number, not true or false")
        return value


def _refuse_control_characters(text: str) -> None:
    if text.isprintable():
        return  # nearly always; a directory has a hundred thousand of them
    for character in text:
        if unicodedata.category(character) in _FORBIDDEN_CATEGORIES:
            raise ValueError(f"must not contain control characters; found U+{ord(character):04X}")
