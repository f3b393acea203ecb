from pathlib import Path

from callrouter.settings.keys import list_keys, name_variable
from callrouter.settings.reference import render_reference
from callrouter.sources.document import GatewayEntry, ServerEntry

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


def test_reference_has_a_row_for_every_key_of_the_directory_document() -> None:
    directory = render_reference().partition("## The directory document")[2]
    for name in [*GatewayEntry.model_fields, *ServerEntry.model_fields]:
        assert f"| `{name}` |" in directory


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
    assert "| `address` | text | required |" in page
