"""The settings group `mailbox`: the Mailbox role, signalling only (EXCHANGE-UM A1, B 1, B 2.2).

Names follow Set-UMService in snake_case where it has the parameter. Which port a worker has in which startup mode is
said here, once, for the role itself and for `callrouter firewall`.
"""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, Field

from callrouter.settings.values import BindAddress, OptionalPath, StartupMode
from callrouter.sources.document import Name
from callrouter.sources.host import parse_host_name, parse_target_address
from callrouter.sources.record import Record
from callrouter.wire import Transport

MAX_PORT_OFFSET = 65535 - 5068
"""Keeps the highest default port of the Mailbox role, 5068 (EXCHANGE-UM A1), a port."""

MIN_RTP_PORT = 1024
MAX_RTP_PORT = 65535

UM_SERVICE_PORTS = {Transport.TCP: 5062, Transport.TLS: 5063}
"""Not configurable in the product, but for the offset."""


def _parse_advertised_host(text: str) -> str:
    if not text:
        return ""
    try:
        return parse_target_address(text)
    except ValueError:
        return parse_host_name(text)


AdvertisedHost: TypeAlias = Annotated[str, AfterValidator(_parse_advertised_host)]
WorkerPort: TypeAlias = Annotated[int, Field(ge=1, le=65535)]
WorkerPorts: TypeAlias = Annotated[tuple[WorkerPort, ...], Field(min_length=2, max_length=2)]


class EmulatedServer(Record):
    """One of several emulated Mailbox servers in a process."""

    name: Name = Field(description="The server's name in the directory; used once.")
    bind_address: BindAddress = Field("", description="Where it listens, instead of `mailbox.bind_address`.")
    port_offset: int = Field(
        0, ge=0, le=MAX_PORT_OFFSET, description="Added to every port of this server, on top of `mailbox.port_offset`."
    )
    advertised_host: AdvertisedHost = Field(
        "",
        description="What its Contacts carry, instead of `mailbox.advertised_host`, and the router's for the server of "
        "that name.",
    )


class MailboxSettings(Record):
    """The Mailbox role, emulated (`callrouter mailbox`, `callrouter lab`): signalling only, no audio."""

    port_offset: int = Field(
        0, ge=0, le=MAX_PORT_OFFSET, description="Added to every port of the Mailbox role, here and in the directory."
    )
    bind_address: BindAddress = Field(
        "", description="Numeric address at which emulated servers listen. Empty: all addresses."
    )
    advertised_host: AdvertisedHost = Field(
        "",
        description="Host name or address in their Contacts, and in the router's where the directory's server has "
        "neither `fqdn` nor `address`. Empty: `router.external_host_fqdn`, else the address at which the caller came "
        "in, which behind a published port is one that callers cannot reach.",
    )
    um_startup_mode: StartupMode = Field(
        StartupMode.DUAL, description="Which ports are opened, and which ports workers have (Set-UMService)."
    )
    worker_ports: WorkerPorts = Field(
        (5065, 5067), description="The ports of the worker process, one in use at a time: TCP, in mode TLS mutual TLS."
    )
    worker_dual_tls_ports: WorkerPorts = Field(
        (5066, 5068), description="The same for mutual TLS in mode Dual, where `mailbox.worker_ports` are TCP."
    )
    certificate_file: OptionalPath = Field(
        None, description="PEM: the servers' certificate. Unset: `tls.certificate_file`."
    )
    private_key_file: OptionalPath = Field(None, description="PEM: its key. Unset: `tls.private_key_file`.")
    max_calls_allowed: int = Field(
        100,
        ge=0,
        le=1_000_000,
        description="Calls at a time of one server; more are answered 503 (Set-UMService).",
    )
    max_call_duration_seconds: float = Field(
        1800.0,
        gt=0,
        le=86400,
        description="When a server ends a call; of this and the dial plan's max_call_duration the shorter one counts.",
    )
    detached_seconds: float = Field(
        600.0,
        ge=0,
        le=86400,
        description="How long a call lives on whose connection is gone; its caller may come back on another one.",
    )
    ringing_after_seconds: float = Field(
        0.0, ge=0, le=180, description="When the 180 Ringing goes out, if that is no later than the 200."
    )
    answer_after_seconds: float = Field(0.0, ge=0, le=180, description="When a call is answered 200.")
    rtp_port_min: int = Field(
        MIN_RTP_PORT, ge=MIN_RTP_PORT, le=MAX_RTP_PORT, description="Lowest RTP port in an SDP answer; none is opened."
    )
    rtp_port_max: int = Field(MAX_RTP_PORT, ge=MIN_RTP_PORT, le=MAX_RTP_PORT, description="Highest RTP port.")
    recycle_seconds: float = Field(
        604800.0,
        ge=0,
        le=31_536_000,
        description="How long a worker process lives before its successor takes over on the other port; 0: for ever.",
    )
    outcall_seconds: float = Field(
        5.0, gt=0, le=3600, description="How long a Play on Phone call lasts once it is answered."
    )
    servers: tuple[EmulatedServer, ...] = Field(
        (), description="The emulated servers, as `[[mailbox.servers]]`. None: one, under this host's name."
    )

    def um_service_ports(self, server: EmulatedServer) -> dict[Transport, int]:
        """Where the UM service of a server listens."""
        offset = self.port_offset + server.port_offset
        return {transport: UM_SERVICE_PORTS[transport] + offset for transport in self.transports}

    def worker_ports_of(self, server: EmulatedServer) -> dict[Transport, tuple[int, int]]:
        """The two ports that a server's worker process has in turn, by transport (EXCHANGE-UM A1)."""
        offset = self.port_offset + server.port_offset
        over_tls = self.worker_dual_tls_ports if self.um_startup_mode is StartupMode.DUAL else self.worker_ports
        pairs = {Transport.TCP: self.worker_ports, Transport.TLS: over_tls}
        return {
            transport: (pairs[transport][0] + offset, pairs[transport][1] + offset) for transport in self.transports
        }

    def ports_of(self, server: EmulatedServer) -> list[int]:
        """Every port that a server opens sooner or later."""
        pairs = self.worker_ports_of(server).values()
        return [*self.um_service_ports(server).values(), *(port for pair in pairs for port in pair)]

    @property
    def transports(self) -> tuple[Transport, ...]:
        """What the startup mode opens, TCP first."""
        if self.um_startup_mode is StartupMode.DUAL:
            return (Transport.TCP, Transport.TLS)
        return (Transport(self.um_startup_mode.value),)
