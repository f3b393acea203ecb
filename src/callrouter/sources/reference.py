"""The page docs/reference/directory.md, made from the models of the directory document.

Regenerate it with `python -m callrouter.sources.reference > docs/reference/directory.md`; a test holds the page to this
text. Reads the models' JSON schema, and from here what each key is called in the product. Opens no file.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, get_args

from callrouter.sources.document import DirectoryDocument
from callrouter.sources.record import Record

_INTRODUCTION = """\
# The directory

This page is generated: `python -m callrouter.sources.reference > docs/reference/directory.md`.

The directory says who may call, what the numbers mean, and where calls are redirected to. It is a TOML file that
`directory.file` names, with a table such as `[[gateways]]` for every entry. The same lists can stand in the settings
themselves, as `[[directory.gateways]]`. [config/directory.toml](../../config/directory.toml) is an example with a bit
of everything.

- A directory without dial plans redirects every call of a known gateway; numbers then mean nothing.
- Names have at most 64 characters and are used once in their table. Case makes no difference, neither in names nor in
  references to them.
- Numbers may be written with spaces, hyphens, dots and parentheses, except extensions.
- An unknown key is an error. Control characters, line ends among them, are refused in every text.
- All problems are reported at once, each with its file, line and key.

What is checked beyond single values: references to entries that do not exist; names and addresses used twice (a
gateway's address: event 1175); a gateway of a SIPSecured or Secured dial plan that is not known by a host name; more
than 200 gateways of one dial plan; an extension, SIP address or pilot used twice in a dial plan by users and auto
attendants; two hunt groups of a gateway with the same pilot, or without one; numbers that do not fit the URI type of
their dial plan.

The last column but one says what the key is called in the product, where it has it. A dash marks what is only here.
"""

PARAMETERS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "gateways": {
            "name": "New-UMIPGateway -Name",
            "address": "New-UMIPGateway -Address",
            "status": "Set-UMIPGateway -Status",
            "port": "Set-UMIPGateway -Port",
            "ip_address_family": "New-UMIPGateway -IPAddressFamily",
            "outcalls_allowed": "Set-UMIPGateway -OutcallsAllowed",
            "um_dial_plan": "New-UMIPGateway -UMDialPlan",
        },
        "servers": {
            "name": "Get-ExchangeServer: Name",
            "fqdn": "Get-ExchangeServer: Fqdn",
            "state": "Set-ServerComponentState -State",
            "version": "Get-ExchangeServer: AdminDisplayVersion",
            "site": "Get-ExchangeServer: Site",
        },
        "dial_plans": {
            "name": "New-UMDialPlan -Name",
            "uri_type": "New-UMDialPlan -URIType",
            "voip_security": "Set-UMDialPlan -VoIPSecurity",
            "number_of_digits_in_extension": "New-UMDialPlan -NumberOfDigitsInExtension",
            "access_telephone_numbers": "Set-UMDialPlan -AccessTelephoneNumbers",
            "pilot_identifier_list": "Set-UMDialPlan -PilotIdentifierList",
            "equivalent_dial_plan_phone_contexts": "Set-UMDialPlan -EquivalentDialPlanPhoneContexts",
            "max_call_duration": "Set-UMDialPlan -MaxCallDuration",
        },
        "hunt_groups": {
            "name": "New-UMHuntGroup -Name",
            "um_dial_plan": "New-UMHuntGroup -UMDialPlan",
            "um_ip_gateway": "New-UMHuntGroup -UMIPGateway",
            "pilot_identifier": "New-UMHuntGroup -PilotIdentifier",
        },
        "auto_attendants": {
            "name": "New-UMAutoAttendant -Name",
            "um_dial_plan": "New-UMAutoAttendant -UMDialPlan",
            "pilot_identifier_list": "New-UMAutoAttendant -PilotIdentifierList",
            "status": "New-UMAutoAttendant -Status",
        },
        "users": {
            "name": "Enable-UMMailbox -Identity",
            "um_dial_plan": "Enable-UMMailbox -UMMailboxPolicy, whose dial plan it is",
            "extensions": "Enable-UMMailbox -Extensions",
            "sip_resource_identifier": "Enable-UMMailbox -SIPResourceIdentifier",
            "database": "Get-Mailbox: Database",
        },
        "databases": {
            "name": "Get-MailboxDatabase: Name",
            "active": "Get-MailboxDatabase: MountedOnServer",
            "passive": "Get-MailboxDatabase: ActivationPreference",
        },
    }
)
"""For each list of the document, key to parameter (`Cmdlet -Parameter`) or property (`Cmdlet: Property`)."""

_COLUMNS = ("key", "allowed", "default", "in the product", "description")
_TYPES = MappingProxyType(
    {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}
)


def render_reference() -> str:
    """Render the page as Markdown."""
    parts = [_INTRODUCTION]
    for table, field in DirectoryDocument.model_fields.items():
        entry: type[Record] = get_args(field.annotation)[0]
        parts.append(_render_table(table, field.description or "", entry))
    return "\n".join(parts)


def _render_table(table: str, description: str, entry: type[Record]) -> str:
    parameters = PARAMETERS[table]
    introduction = (entry.__doc__ or "").strip()
    # The first sentence of the list's description is its name.
    remark = description.partition(". ")[2]
    lines = [f"## `[[{table}]]`", "", f"{introduction} {remark}".strip(), ""]
    lines += [_render_row(_COLUMNS), _render_row(["---"] * len(_COLUMNS))]
    schema = entry.model_json_schema()
    required = schema.get("required", [])
    for name, field in schema["properties"].items():
        default = "required" if name in required else f"`{json.dumps(field['default'])}`"
        parameter = f"`{parameters[name]}`" if name in parameters else "-"
        lines.append(
            _render_row([f"`{name}`", _render_allowed(field, schema), default, parameter, field["description"]])
        )
    return "\n".join([*lines, ""])


def _render_row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


def _render_allowed(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        return _render_allowed(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "enum" in field:
        return ", ".join(f"`{json.dumps(value)}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_render_allowed(field['items'], schema).replace('text', 'texts', 1)}"
    return ", ".join([_TYPES[field["type"]], *_render_bounds(field)])


def _render_bounds(field: Mapping[str, Any]) -> Iterator[str]:
    if "minimum" in field and "maximum" in field:
        yield f"{field['minimum']} to {field['maximum']}"
    if "maxLength" in field:
        yield f"at most {field['maxLength']} characters"


if __name__ == "__main__":
    sys.stdout.write(render_reference())
