"""The nouns of the directory, under the names that Exchange gives them (EXCHANGE-UM A4). Frozen; no input is read here.

`sources` builds these from files, `lookup` makes them quick to ask.
"""

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

DEFAULT_TCP_PORT = 5062
"""UM service, TCP (EXCHANGE-UM A1)."""
DEFAULT_TLS_PORT = 5063
"""UM service, mutual TLS (EXCHANGE-UM A1)."""


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


@dataclass(frozen=True, slots=True)
class UMIPGateway:
    """A peer whose calls are accepted: by source address over TCP, by certificate name over TLS (A3, rule 2)."""

    name: str
    network: IPv4Network | IPv6Network | None = None
    """One address, or as an extension of this project a network. None for a gateway known by name."""
    fqdn: str = ""
    """Lower case. Compared whole with the names in the peer's certificate; no wildcards."""
    status: GatewayStatus = GatewayStatus.ENABLED


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


@dataclass(frozen=True, slots=True)
class Directory:
    """One consistent state of everything above; replaced whole, never changed."""

    gateways: tuple[UMIPGateway, ...] = ()
    servers: tuple[MailboxServer, ...] = ()
