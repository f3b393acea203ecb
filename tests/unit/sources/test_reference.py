from pathlib import Path
from typing import get_args

import pytest

from callrouter.sources.document import DirectoryDocument
from callrouter.sources.reference import PARAMETERS, render_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "directory.md"


def test_reference_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m callrouter.sources.reference > docs/reference/directory.md"
    )


@pytest.mark.parametrize("table", DirectoryDocument.model_fields)
def test_reference_has_a_row_for_every_key_of_a_table_and_no_parameter_of_another(table: str) -> None:
    keys = list(get_args(DirectoryDocument.model_fields[table].annotation)[0].model_fields)
    section = render_reference().partition(f"## `[[{table}]]`")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == keys
    assert all(row.count("|") == 6 for row in rows)
    assert PARAMETERS[table].keys() <= set(keys)


def test_reference_tells_bounds_allowed_values_defaults_and_parameters() -> None:
    page = render_reference()
    for row in (
        '| `uri_type` | `"TelExtn"`, `"SipName"`, `"E164"` | `"TelExtn"` | `New-UMDialPlan -URIType` |',
        "| `port` | whole number, 0 to 65535 | `5060` | `Set-UMIPGateway -Port` |",
        "| `access_telephone_numbers` | list of texts, at most 32 characters | `[]` |",
        "| `name` | text, at most 64 characters | required |",
        "| `outcalls_allowed` | `true`, `false` | `true` |",
        "| `weight` | number, 0.001 to 1000 | `1.0` | - |",
    ):
        assert row in page
