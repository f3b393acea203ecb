"""The directory as people write it (TOML file, or inline in the settings), and how it becomes a Directory.

The models check each value where it stands; `consistency` checks what no single value shows. Names, defaults and bounds
of the keys are those of the product's parameters (EXCHANGE-UM A4, B 2.3 to 2.5). No file is read here.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from callrouter.directory.model import (
    DEFAULT_GATEWAY_PORT,
    DEFAULT_MAX_CALL_DURATION,
    DEFAULT_TCP_PORT,
    DEFAULT_TLS_PORT,
    AutoAttendantStatus,
    ComponentState,
    Directory,
    GatewayIPAddressFamily,
    GatewayStatus,
    MailboxDatabase,
    MailboxServer,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
    UriType,
    VoipSecurity,
)
from callrouter.sources.consistency import MAX_PORT, Named, PlacedHuntGroup, find_inconsistencies
from callrouter.sources.host import parse_gateway_address, parse_host_name, parse_target_address
from callrouter.sources.number import parse_e164, parse_number, parse_sip_resource
from callrouter.sources.problem import Finding, Problem, format_key
from callrouter.sources.record import Record
from callrouter.sources.toml_text import TomlDocument

MAX_NAME_LENGTH = 64
"""Of every name in the product."""


def _allow_empty(parse: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: parse(text) if text else "")


def _check_gateway_address(text: str) -> str:
    return str(parse_gateway_address(text))


OptionalHostName = Annotated[str, _allow_empty(parse_host_name)]
OptionalTargetAddress = Annotated[str, _allow_empty(parse_target_address)]
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME_LENGTH)]
OptionalName = Annotated[str, Field(max_length=MAX_NAME_LENGTH)]
Number = Annotated[str, Field(min_length=1, max_length=256), AfterValidator(parse_number)]
OptionalNumber = Annotated[str, Field(max_length=256), AfterValidator(parse_number)]
AccessNumber = Annotated[str, Field(min_length=1, max_length=32), AfterValidator(parse_number)]
E164Number = Annotated[str, AfterValidator(parse_e164)]
Extension = Annotated[str, Field(min_length=1, max_length=20)]
OptionalSipResource = Annotated[str, Field(max_length=256), _allow_empty(parse_sip_resource)]


class GatewayEntry(Record):
    """A UM IP gateway: a peer whose calls are accepted (`New-UMIPGateway`)."""

    name: Name = Field(description="What logs, metrics and hunt groups call the gateway; used once.")
    address: Annotated[str, AfterValidator(_check_gateway_address)] = Field(
        description="An IPv4 or IPv6 address, a network in CIDR form, or a host name. Addresses and networks are "
        "compared with the source of TCP calls, host names with the certificate of TLS calls; no wildcards. SIPSecured "
        "and Secured dial plans need host names."
    )
    status: GatewayStatus = Field(GatewayStatus.ENABLED, description="What becomes of the gateway's calls.")
    port: int = Field(
        DEFAULT_GATEWAY_PORT, ge=0, le=MAX_PORT, description="Where the gateway takes calls; its own may come from any."
    )
    ip_address_family: GatewayIPAddressFamily = Field(
        GatewayIPAddressFamily.IPV4_ONLY,
        description="Which addresses of a host name count, for calls over TCP. Without effect on numeric addresses.",
    )
    outcalls_allowed: bool = Field(
        default=True, description="Whether an emulated worker may call through it (Play on Phone)."
    )
    um_dial_plan: OptionalName = Field(
        "", description="Makes a default hunt group to this dial plan, for calls that no other hunt group takes."
    )


class ServerEntry(Record):
    """A Mailbox server: where calls are redirected to."""

    name: Name = Field(description="What logs, metrics and databases call the server; used once.")
    fqdn: OptionalHostName = Field("", description="Host name for the Contact of redirects.")
    address: OptionalTargetAddress = Field(
        "",
        description="IPv4 or IPv6 address, without brackets. With neither this nor `fqdn` the server is on this host: "
        "Contacts carry `mailbox.advertised_host`, else the address at which the caller reached the router.",
    )
    tcp_port: Port = Field(DEFAULT_TCP_PORT, description="Port of the UM service for TCP.")
    tls_port: Port = Field(DEFAULT_TLS_PORT, description="Port of the UM service for mutual TLS.")
    weight: float = Field(1.0, ge=0.001, le=1000, description="Share of the calls relative to the other servers.")
    state: ComponentState = Field(ComponentState.ACTIVE, description="Only Active servers get calls.")
    version: OptionalName = Field("", description="Version of the product on it, for people to read.")
    site: OptionalName = Field("", description="Its Active Directory site, for people to read.")


class DialPlanEntry(Record):
    """A dial plan: how numbers are written and calls are secured (`New-UMDialPlan`, `Set-UMDialPlan`)."""

    name: Name = Field(description="What hunt groups, auto attendants and users call the dial plan; used once.")
    uri_type: UriType = Field(
        UriType.TELEXTN, description="The numbers of calls: digits, user@domain, or a plus and digits."
    )
    voip_security: VoipSecurity = Field(
        VoipSecurity.UNSECURED,
        description="Unsecured calls come over TCP, SIPSecured and Secured ones over mutual TLS.",
    )
    number_of_digits_in_extension: int = Field(5, ge=1, le=20, description="Every extension has exactly so many.")
    access_telephone_numbers: tuple[AccessNumber, ...] = Field(
        (), description="Numbers of Outlook Voice Access, of at most 32 characters each."
    )
    pilot_identifier_list: tuple[E164Number, ...] = Field(
        (), description="Pilot numbers of the dial plan, in E.164 form (+14255550100) for every URI type."
    )
    equivalent_dial_plan_phone_contexts: tuple[Name, ...] = Field(
        (), description="Dial plans, or their phone-contexts, in which callers are looked up too."
    )
    max_call_duration: int = Field(
        DEFAULT_MAX_CALL_DURATION, ge=1, le=1440, description="Minutes after which an emulated worker ends a call."
    )


class HuntGroupEntry(Record):
    """A hunt group: leads calls of a gateway to a dial plan (`New-UMHuntGroup`)."""

    name: Name = Field(description="What people call the hunt group; used once.")
    um_dial_plan: Name = Field(description="Where the calls are led.")
    um_ip_gateway: Name = Field(description="Whose calls.")
    pilot_identifier: OptionalNumber = Field(
        "", description="Only calls to this number. Empty: the gateway's default hunt group, for all other calls."
    )


class AutoAttendantEntry(Record):
    """An auto attendant: a menu that answers calls to its numbers (`New-UMAutoAttendant`)."""

    name: Name = Field(description="What people call the auto attendant; used once.")
    um_dial_plan: Name = Field(description="The dial plan whose calls it answers.")
    pilot_identifier_list: tuple[Number, ...] = Field((), description="Its numbers, used once in the dial plan.")
    status: AutoAttendantStatus = Field(
        AutoAttendantStatus.DISABLED,
        description="Only an Enabled one answers; as in the product, it has to be enabled.",
    )


class UserEntry(Record):
    """A user whose mailbox is enabled for Unified Messaging (`Enable-UMMailbox`)."""

    name: Name = Field(description="What logs call the user; used once.")
    um_dial_plan: Name = Field(description="The user's dial plan.")
    extensions: tuple[Extension, ...] = Field(
        (),
        description="Used once in the dial plan, each of `number_of_digits_in_extension` digits; in an E164 dial plan "
        "also a plus and digits.",
    )
    sip_resource_identifier: OptionalSipResource = Field(
        "", description="Needed in a SipName dial plan as user@domain, in an E164 dial plan as a plus and digits."
    )
    database: OptionalName = Field("", description="Where the mailbox is. Empty: any server takes the user's calls.")


class DatabaseEntry(Record):
    """A mailbox database: which servers hold a copy of it."""

    name: Name = Field(description="What users call the database; used once.")
    active: Name = Field(description="The server with the active copy.")
    passive: tuple[Name, ...] = Field((), description="Servers with passive copies, the preferred one first.")


class DirectoryDocument(Record):
    """The whole directory: `[[gateways]]`, `[[servers]]` and so on, all of which may be left out."""

    gateways: tuple[GatewayEntry, ...] = Field((), description="UM IP gateways.")
    servers: tuple[ServerEntry, ...] = Field((), description="Mailbox servers.")
    dial_plans: tuple[DialPlanEntry, ...] = Field(
        (), description="Dial plans. Without any, every call of a known gateway is redirected."
    )
    hunt_groups: tuple[HuntGroupEntry, ...] = Field((), description="Hunt groups.")
    auto_attendants: tuple[AutoAttendantEntry, ...] = Field((), description="Auto attendants.")
    users: tuple[UserEntry, ...] = Field((), description="UM-enabled users.")
    databases: tuple[DatabaseEntry, ...] = Field((), description="Mailbox databases.")


class DirectoryError(ValueError):
    """A directory that cannot be used.

    findings: all that is wrong, with the place in the document.
    problems: the same as text, one line each, with file and line where they are known.
    """

    def __init__(self, findings: Iterable[Finding], source: TomlDocument | None = None) -> None:
        self.findings = tuple(findings)
        self.problems = tuple(
            str(Problem(source.where(finding.path) if source else "", format_key(finding.path), finding.message))
            for finding in self.findings
        )
        super().__init__("\n".join(self.problems))


def build_directory(document: DirectoryDocument, *, port_offset: int) -> Directory:
    """Build the directory that lookups use, every server's ports moved up by `port_offset`.

    References are written as the names that they refer to, whatever case they were given in. The default hunt groups of
    gateways with a dial plan come after the hunt groups of the document.

    Raises:
        DirectoryError: with every problem of the document.
    """
    plans, gateways, servers, databases = (
        _index_names(table) for table in (document.dial_plans, document.gateways, document.servers, document.databases)
    )
    groups = list(_build_hunt_groups(document, plans, gateways))
    directory = Directory(
        gateways=tuple(_build_gateway(entry) for entry in document.gateways),
        servers=tuple(_build_server(entry, port_offset) for entry in document.servers),
        dial_plans=tuple(UMDialPlan(**dict(entry)) for entry in document.dial_plans),
        hunt_groups=tuple(placed.group for placed in groups),
        auto_attendants=tuple(
            UMAutoAttendant(entry.name, _refer(plans, entry.um_dial_plan), entry.pilot_identifier_list, entry.status)
            for entry in document.auto_attendants
        ),
        users=tuple(_build_user(entry, plans, databases) for entry in document.users),
        databases=tuple(
            MailboxDatabase(
                entry.name, _refer(servers, entry.active), tuple(_refer(servers, name) for name in entry.passive)
            )
            for entry in document.databases
        ),
    )
    findings = list(find_inconsistencies(directory, groups, port_offset=port_offset))
    if findings:
        raise DirectoryError(findings)
    return directory


def _index_names(entries: Sequence[Named]) -> dict[str, str]:
    """Names as they are written, by what they are compared as."""
    return {entry.name.casefold(): entry.name for entry in reversed(entries)}


def _refer(names: Mapping[str, str], reference: str) -> str:
    """A reference in the letters of the name that it refers to; unchanged where it refers to nothing."""
    return names.get(reference.casefold(), reference)


def _build_gateway(entry: GatewayEntry) -> UMIPGateway:
    address = parse_gateway_address(entry.address)
    network, fqdn = (None, address) if isinstance(address, str) else (address, "")
    return UMIPGateway(
        entry.name, network, fqdn, entry.status, entry.port, entry.ip_address_family, entry.outcalls_allowed
    )


def _build_server(entry: ServerEntry, port_offset: int) -> MailboxServer:
    return MailboxServer(
        name=entry.name,
        fqdn=entry.fqdn,
        address=entry.address,
        tcp_port=entry.tcp_port + port_offset,
        tls_port=entry.tls_port + port_offset,
        weight=entry.weight,
        state=entry.state,
        version=entry.version,
        site=entry.site,
    )


def _build_hunt_groups(
    document: DirectoryDocument, plans: Mapping[str, str], gateways: Mapping[str, str]
) -> Iterator[PlacedHuntGroup]:
    for index, entry in enumerate(document.hunt_groups):
        plan, gateway = _refer(plans, entry.um_dial_plan), _refer(gateways, entry.um_ip_gateway)
        group = UMHuntGroup(entry.name, plan, gateway, entry.pilot_identifier)
        yield PlacedHuntGroup(("hunt_groups", index), group)
    for index, owner in enumerate(document.gateways):
        if owner.um_dial_plan:
            group = UMHuntGroup(f"Default of {owner.name}", _refer(plans, owner.um_dial_plan), owner.name)
            yield PlacedHuntGroup(("gateways", index), group)


def _build_user(entry: UserEntry, plans: Mapping[str, str], databases: Mapping[str, str]) -> UMMailbox:
    return UMMailbox(
        entry.name,
        _refer(plans, entry.um_dial_plan),
        entry.extensions,
        entry.sip_resource_identifier,
        _refer(databases, entry.database),
    )
