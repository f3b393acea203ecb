"""The page docs/reference/settings.md, made from the models.

Regenerate it with `python -m callrouter.settings.reference > docs/reference/settings.md`; a test holds the page to this
text. Reads the models' JSON schema, which has types, bounds, defaults and descriptions in one form. Opens no file.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from callrouter.settings.keys import list_groups, name_variable
from callrouter.settings.redirect import RejectionSettings
from callrouter.sources.record import Record

_INTRODUCTION = """\
# Settings

This page is generated: `python -m callrouter.settings.reference > docs/reference/settings.md`.

A later source overrides an earlier one: defaults, the TOML file, the environment, the command line.

| source | form | relative paths are relative to |
| --- | --- | --- |
| TOML file | a table for each group: `[router]`, then `sip_tcp_listening_port = 15060` | the file's folder |
| environment | `CALLROUTER_ROUTER__SIP_TCP_LISTENING_PORT=15060`; case makes no difference; lists and tables as \
JSON | the working directory |
| command line | `--set router.sip_tcp_listening_port=15060`; lists and tables as TOML | the working directory |

An unknown key is an error, and so is an environment variable that begins with `CALLROUTER_`, contains `__` and names no
setting. Control characters, line ends among them, are refused in every text. An empty text unsets a path. All problems
of all sources are reported at once.
"""

_DIRECTORY = """\
The lists are those of the [directory document](directory.md), in the file or as `[[directory.gateways]]` and so on.
"""

_REASONS = """\
The tables of `redirect.reasons` have the names of the [reasons](reasons.md) to reject. For one reason, in each source:

    [redirect.reasons.no-such-number]
    status = 480

    CALLROUTER_REDIRECT__REASONS='{"no-such-number": {"status": 480}}'
    --set 'redirect.reasons={no-such-number = {status = 480}}'

A later source replaces the whole of `redirect.reasons`.
"""


def render_reference() -> str:
    """Render the page as Markdown."""
    parts = [_INTRODUCTION]
    for group, model in list_groups().items():
        parts.append(_render_section(f"## `{group}`", model, group))
        if group == "directory":
            parts.append(_DIRECTORY)
        if group == "redirect":
            parts.append(_render_section("### `redirect.reasons`", RejectionSettings, ""))
            parts.append(_REASONS)
    return "\n".join(parts)


def _render_section(heading: str, model: type[Record], group: str) -> str:
    """Render one table; the variable's column only for a group, as entries of tables have no variables."""
    columns = ["key", "allowed", "default", *(["environment variable"] if group else []), "description"]
    lines = [heading, "", (model.__doc__ or "").strip(), "", _render_row(columns), _render_row(["---"] * len(columns))]
    schema = model.model_json_schema()
    for name, field in schema["properties"].items():
        default = _render_default(field["default"])
        variable = [f"`{name_variable(group, name)}`"] if group else []
        key = f"`{group}.{name}`" if group else f"`{name}`"
        lines.append(_render_row([key, _render_allowed(field, schema), default, *variable, field["description"]]))
    return "\n".join([*lines, ""])


def _render_row(cells: list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _render_default(value: object) -> str:
    if value is None:
        return "unset"
    # A table that is given by default gives nothing: only its unset keys would be told.
    return f"`{json.dumps({} if isinstance(value, dict) else value)}`"


def _render_allowed(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "anyOf" in field:
        inner = next(choice for choice in field["anyOf"] if choice.get("type") != "null")
        return f"{_render_allowed(inner, schema)}, or unset"
    if "$ref" in field:
        return _render_allowed(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    return _render_type(field)


def _render_type(field: Mapping[str, Any]) -> str:
    if field.get("format") == "path":
        return "path"
    if field["type"] == "object":
        return "table" if "properties" in field else "table of texts"
    if field["type"] == "array":
        return "list of tables" if "$ref" in field["items"] else "list of texts"
    name = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}[
        field["type"]
    ]
    return ", ".join([name, *_render_bounds(field)])


def _render_bounds(field: Mapping[str, Any]) -> Iterator[str]:
    if "exclusiveMinimum" in field:
        yield f"above {field['exclusiveMinimum']}"
    if "minimum" in field and "maximum" in field:
        yield f"{field['minimum']} to {field['maximum']}"
    elif "maximum" in field:
        yield f"at most {field['maximum']}"
    if "maxLength" in field:
        yield f"at most {field['maxLength']} characters"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
