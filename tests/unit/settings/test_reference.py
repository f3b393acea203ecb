from pathlib import Path

from callrouter.settings.keys import list_keys, name_variable
from callrouter.settings.redirect import RejectionSettings
from callrouter.settings.reference import render_reference

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "settings.md"


def test_reference_page_is_what_the_models_say() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference(), (
        "run: python -m callrouter.settings.reference > docs/reference/settings.md"
    )


def test_reference_has_a_row_for_every_setting_and_variable() -> None:
    rows = render_reference().splitlines()
    for key in list_keys():
        (row,) = [row for row in rows if row.startswith(f"| `{key}` |")]
        assert f"`{name_variable(*key.split('.'))}`" in row


def test_reference_leads_to_the_page_of_the_directory_document() -> None:
    section = render_reference().partition("## `directory`\n")[2].partition("\n## ")[0]
    assert "(directory.md)" in section


def test_reference_has_a_row_for_every_key_of_a_reason() -> None:
    section = render_reference().partition("### `redirect.reasons`\n")[2].partition("\n## ")[0]
    for name in RejectionSettings.model_fields:
        assert f"| `{name}` |" in section
    assert "[redirect.reasons.no-such-number]" in section


def test_reference_rows_have_as_many_cells_as_their_heading() -> None:
    table: list[str] = []
    for line in [*render_reference().splitlines(), ""]:
        if line.startswith("|"):
            table.append(line)
            continue
        assert len({row.count("|") for row in table}) <= 1, table
        table.clear()


def test_reference_tells_bounds_allowed_values_and_defaults() -> None:
    page = render_reference()
    assert "| `router.sip_tcp_listening_port` | whole number, 0 to 65535 | `5060` |" in page
    assert '| `router.um_startup_mode` | `"TCP"`, `"TLS"`, `"Dual"` | `"Dual"` |' in page
    assert "| `limits.idle_seconds` | number, above 0, at most 86400 | `600.0` |" in page
    assert "| `tls.ca_file` | path, or unset | unset |" in page
    assert "| `redirect.server_header` | text, at most 256 characters, or unset | unset |" in page
    assert "| `directory.gateways` | list of tables | `[]` |" in page
    assert "| `redirect.extra_headers` | table of texts | `{}` |" in page
    assert "| `redirect.reasons` | table | `{}` |" in page
    assert "| `status` | whole number, 400 to 699, or unset | unset |" in page
