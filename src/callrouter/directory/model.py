"""The nouns of the directory, under the names that Exchange gives them (EXCHANGE-UM A4, B 2). Frozen.

`sources` builds these from files, `lookup` makes them quick to ask. References between them are names; `sources` has
seen to it that each names something.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

DEFAULT_TCP_PORT = 5062
"""UM service, TCP (EXCHANGE-UM A1)."""
DEFAULT_TLS_PORT = 5063
"""UM service, mutual TLS (EXCHANGE-UM A1)."""
DEFAULT_MAX_CALL_DURATION = 30
"""`Set-UMDialPlan -MaxCallDuration`, minutes (EXCHANGE-UM B 2.3)."""
DEFAULT_GATEWAY_PORT = 5060
"""`Set-UMIPGateway -Port`."""


class GatewayStatus(StrEnum):
    """`Set-UMIPGateway -Status`."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    NO_NEW_CALLS = "NoNewCalls"


class ComponentState(StrEnum):
    """`Set-ServerComponentState -State`."""

    ACTIVE = "Active"
    DRAINING = "Draining"
    INACTIVE = "Inactive"


class AutoAttendantStatus(StrEnum):
    """`New-UMAutoAttendant -Status`."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"


class UriType(StrEnum):
    """`New-UMDialPlan -URIType`: what the numbers of a dial plan look like."""

    TELEXTN = "TelExtn"
    SIPNAME = "SipName"
    E164 = "E164"


class VoipSecurity(StrEnum):
    """`Set-UMDialPlan -VoIPSecurity`."""

    UNSECURED = "Unsecured"
    SIP_SECURED = "SIPSecured"
    SECURED = "Secured"


class GatewayIPAddressFamily(StrEnum):
    """`Set-UMIPGateway -IPAddressFamily`: which addresses of its name count."""

    IPV4_ONLY = "IPv4Only"
    IPV6_ONLY = "IPv6Only"
    ANY = "Any"


@dataclass(frozen=True, slots=True)
class UMIPGateway:
    """A peer whose calls are accepted: by source address over TCP, by certificate name over TLS (A3, rule 2)."""

    name: str
    network: IPv4Network | IPv6Network | None = None
    """One address, or as an extension of this project a network. None for a gateway known by name."""
    fqdn: str = ""
    """Lower case. Compared whole with the names in the peer's certificate; no wildcards."""
    status: GatewayStatus = GatewayStatus.ENABLED
    port: int = DEFAULT_GATEWAY_PORT
    """Where the gateway takes calls; a call that comes from it may come from any port."""
    ip_address_family: GatewayIPAddressFamily = GatewayIPAddressFamily.IPV4_ONLY
    outcalls_allowed: bool = True
    resolved: tuple[IPv4Address | IPv6Address, ...] = ()
    """What the FQDN resolved to, for callers over TCP; kept up to date by whoever loaded the directory."""


@dataclass(frozen=True, slots=True)
class UMDialPlan:
    """How numbers are written, how calls are secured, and which numbers reach Outlook Voice Access."""

    name: str
    uri_type: UriType = UriType.TELEXTN
    voip_security: VoipSecurity = VoipSecurity.UNSECURED
    number_of_digits_in_extension: int = 5
    access_telephone_numbers: tuple[str, ...] = ()
    pilot_identifier_list: tuple[str, ...] = ()
    equivalent_dial_plan_phone_contexts: tuple[str, ...] = ()
    """Other dial plans in which a caller is looked up too, by their names or phone-contexts."""
    max_call_duration: int = DEFAULT_MAX_CALL_DURATION
    """Minutes."""


@dataclass(frozen=True, slots=True)
class UMHuntGroup:
    """Leads the calls of a gateway to a dial plan: those to a pilot, or without one all that no pilot takes."""

    name: str
    um_dial_plan: str
    um_ip_gateway: str
    pilot_identifier: str = ""


@dataclass(frozen=True, slots=True)
class UMAutoAttendant:
    """A menu that answers calls to its numbers."""

    name: str
    um_dial_plan: str
    pilot_identifier_list: tuple[str, ...] = ()
    status: AutoAttendantStatus = AutoAttendantStatus.DISABLED


@dataclass(frozen=True, slots=True)
class UMMailbox:
    """A UM-enabled user."""

    name: str
    um_dial_plan: str
    extensions: tuple[str, ...] = ()
    sip_resource_identifier: str = ""
    database: str = ""
    """Where the mailbox is; "" where that does not matter: any server then takes the call."""


@dataclass(frozen=True, slots=True)
class MailboxDatabase:
    """Which servers hold a copy of a database."""

    name: str
    active: str
    """The server with the active copy."""
    passive: tuple[str, ...] = ()
    """Servers with passive copies, the preferred one first."""


@dataclass(frozen=True, slots=True)
class MailboxServer:
    """A server that calls are redirected to."""

    name: str
    fqdn: str = ""
    address: str = ""
    """Numeric, without brackets. With neither this nor an FQDN, the address at which the caller reached the router."""
    tcp_port: int = DEFAULT_TCP_PORT
    tls_port: int = DEFAULT_TLS_PORT
    weight: float = 1.0
    """Share of the calls relative to the others; greater than zero."""
    state: ComponentState = ComponentState.ACTIVE
    version: str = ""
    site: str = ""


@dataclass(frozen=True, slots=True)
class Directory:
    """One consistent state of everything above; replaced whole, never changed.

    Without a dial plan every call of a known gateway is redirected: what numbers mean is then nobody's business.
    """

    gateways: tuple[UMIPGateway, ...] = ()
    servers: tuple[MailboxServer, ...] = ()
    dial_plans: tuple[UMDialPlan, ...] = ()
    hunt_groups: tuple[UMHuntGroup, ...] = ()
    auto_attendants: tuple[UMAutoAttendant, ...] = ()
    users: tuple[UMMailbox, ...] = ()
    databases: tuple[MailboxDatabase, ...] = ()
