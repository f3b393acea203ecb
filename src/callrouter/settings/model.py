"""Every setting: name, type, bounds, default, description. The one source of docs/reference/settings.md.

Only single values are checked here; what two settings say together is `rules`. The groups `redirect` and `mailbox` are
files of their own. Parameter names of `router` follow Set-UMCallRouterSettings (EXCHANGE-UM B 2.1) in snake_case. No
file or environment is read here.
"""

from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field

from callrouter.directory.model import ComponentState
from callrouter.pool.health import Probing
from callrouter.pool.selection import Selection
from callrouter.settings.mailbox import MailboxSettings
from callrouter.settings.redirect import RedirectSettings
from callrouter.settings.values import BindAddress, IPAddressFamily, ListeningPort, OptionalPath, StartupMode
from callrouter.sources.document import DirectoryDocument, OptionalHostName
from callrouter.sources.record import Record


class RouterSettings(Record):
    """The parameters of Set-UMCallRouterSettings, and where the router listens."""

    bind_address: BindAddress = Field(
        "", description="Numeric address to listen at. Empty: all addresses of `router.ip_address_family`."
    )
    sip_tcp_listening_port: ListeningPort = Field(5060, description="Port for SIP over TCP. 0 takes a free one.")
    sip_tls_listening_port: ListeningPort = Field(5061, description="Port for SIP over mutual TLS. 0 takes a free one.")
    um_startup_mode: StartupMode = Field(StartupMode.DUAL, description="Which of the two ports are opened.")
    ip_address_family: IPAddressFamily = Field(IPAddressFamily.ANY, description="Which addresses are listened at.")
    ip_address_family_configurable: bool = Field(
        default=True, description="Accepted and shown, without effect: the product's own guard of the family."
    )
    max_calls_allowed: int = Field(
        100, ge=0, le=2_147_483_647, description="Accepted and shown, without effect: deprecated in the product."
    )
    dial_plans: tuple[str, ...] = Field((), description="Names of the dial plans of this router. Accepted and shown.")
    external_host_fqdn: OptionalHostName = Field(
        "",
        description="The router's own name where it differs from the host's, as behind a load balancer. Contacts of "
        "servers on this host carry it where `mailbox.advertised_host` is empty.",
    )
    component_state: ComponentState = Field(
        ComponentState.ACTIVE, description="Anything but Active answers every call with 503 (Set-ServerComponentState)."
    )
    reuse_port: bool = Field(
        default=False, description="Set SO_REUSEPORT, so that several processes share this host's ports."
    )


class TlsSettings(Record):
    """Certificates of the TLS listener. Needed with `router.um_startup_mode` TLS or Dual; `lab` makes its own."""

    certificate_file: OptionalPath = Field(None, description="PEM: the router's certificate, then its issuers.")
    private_key_file: OptionalPath = Field(None, description="PEM: the key of `tls.certificate_file`, unencrypted.")
    ca_file: OptionalPath = Field(None, description="PEM: the authorities whose client certificates are accepted.")
    require_client_certificate: bool = Field(
        default=True, description="Mutual TLS, as in the product: a caller without an accepted certificate is refused."
    )
    minimum_version: Literal["1.2", "1.3"] = Field("1.2", description="The oldest TLS version that is accepted.")


class DirectorySettings(DirectoryDocument):
    """Who may call and where calls go: a file, or the lists of the same document inline."""

    file: OptionalPath = Field(None, description="Directory document (TOML); excludes the inline lists.")
    resolve_seconds: float = Field(
        600.0,
        ge=1,
        le=86400,
        description="How often the host names of gateways are resolved again; the product checks every 10 minutes.",
    )

    @property
    def document(self) -> DirectoryDocument:
        """The inline lists as a document."""
        return DirectoryDocument(**{name: getattr(self, name) for name in DirectoryDocument.model_fields})


class PoolSettings(Record):
    """How one of several equal Mailbox servers is chosen, and how it is known which of them take calls."""

    selection: Selection = Field(
        Selection.RENDEZVOUS,
        description="rendezvous: weighted hashing of the Call-ID, which needs no state. round-robin: each in its turn. "
        "least-calls: who was sent the fewest calls for its weight. first: always the first that is eligible.",
    )
    probing: Probing = Field(
        Probing.OFF,
        description="off: no server is probed, and calls go to every Active one, running or not. on: the router sends "
        "OPTIONS to each port that callers can be sent to, and sends calls only to ports that answer; a server gets "
        "none before its first answer. assume-healthy: the same, but a server gets calls until probes find it down.",
    )
    probe_interval_seconds: float = Field(
        5.0,
        ge=0.05,
        le=3600,
        description="How often each port of a server is probed. One that is under way puts off the next.",
    )
    probe_timeout_seconds: float = Field(
        2.0,
        gt=0,
        le=60,
        description="How long a probe may take, from connecting to the final answer. After that it has failed.",
    )
    probe_jitter: float = Field(
        0.1,
        ge=0,
        le=1,
        description="Share of the interval by which the time of each probe is moved at random, so that the probes of "
        "many routers do not come together.",
    )
    down_after: int = Field(
        3,
        ge=1,
        le=1000,
        description="Failed probes in a row after which a port is down. A refused connection takes it down at once.",
    )
    up_after: int = Field(
        2,
        ge=1,
        le=1000,
        description="Answered probes in a row after which a port that was down is up again. The very first answer of "
        "all is enough.",
    )


class LimitSettings(Record):
    """What one peer, and all together, can make the router spend."""

    max_head_bytes: int = Field(65536, ge=512, le=16_777_216, description="Start line and headers of one message.")
    max_headers: int = Field(256, ge=16, le=65536, description="Header fields of one message.")
    max_request_uri_bytes: int = Field(4096, ge=64, le=65536, description="Request-URI; longer is answered 414.")
    max_body_bytes: int = Field(131072, ge=0, le=16_777_216, description="Body of one message; more is answered 413.")
    max_transactions: int = Field(2000, ge=1, le=1_000_000, description="Open INVITE transactions of one connection.")
    transaction_seconds: float = Field(
        32.0, gt=0, le=600, description="How long an answer waits for its ACK: Timer H, 64*T1 (RFC 3261 17.2.1)."
    )
    message_seconds: float = Field(30.0, gt=0, le=600, description="How long an unfinished message may take to arrive.")
    idle_seconds: float = Field(
        600.0,
        gt=0,
        le=86400,
        description="A connection without traffic is closed after this. RFC 3261 18 keeps connections for at least "
        "64*T1, so outside of tests stay above 32.",
    )
    write_seconds: float = Field(10.0, gt=0, le=600, description="How long a peer may leave answers unread.")
    max_write_buffer_bytes: int = Field(
        262144, ge=4096, le=67_108_864, description="Unread answers of one connection, beyond which reading pauses."
    )
    handshake_seconds: float = Field(10.0, gt=0, le=600, description="How long a TLS handshake may take.")
    max_handshakes: int = Field(500, ge=1, le=1_000_000, description="TLS handshakes under way at once.")
    max_connections: int = Field(20000, ge=1, le=1_000_000, description="Open connections.")
    max_connections_per_address: int = Field(10000, ge=1, le=1_000_000, description="Open connections of one address.")
    linger_seconds: float = Field(
        2.0,
        gt=0,
        le=60,
        description="How long a connection that was given up is still read, so that its last answer arrives.",
    )
    drain_seconds: float = Field(10.0, ge=0, le=3600, description="How long a stop waits for open transactions.")
    drain_quiet_seconds: float = Field(
        0.25, ge=0, le=60, description="How long a connection must be silent before a stop closes it."
    )


class AdminSettings(Record):
    """Console, API, health and metrics."""

    enabled: bool = Field(default=True, description="Open the admin port.")
    bind_address: BindAddress = Field("127.0.0.1", description="Numeric address to listen at. Empty: all addresses.")
    port: ListeningPort = Field(8080, description="Port for HTTP. 0 takes a free one.")
    token: Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9\-._~+/]*=*$")] = Field(
        "",
        repr=False,
        description="Bearer token (RFC 6750 2.1) that the API asks for. Empty: that of `admin.token_file`, else none, "
        "which is for loopback addresses only.",
    )
    token_file: OptionalPath = Field(
        None,
        description="File with the token, where `admin.token` is empty. One that is missing is made at the start, with "
        "a random token that is printed once.",
    )

    @property
    def is_on_loopback(self) -> bool:
        """Whether only this machine can reach the port."""
        return bool(self.bind_address) and ip_address(self.bind_address).is_loopback


class JournalSettings(Record):
    """The calls that the console and the API can show."""

    max_calls: int = Field(1000, ge=0, le=1_000_000, description="Calls kept; the oldest goes first.")


class LogSettings(Record):
    """What is written, and how."""

    calls: bool = Field(default=True, description="One line for every call.")
    level: Literal["debug", "info", "warning", "error"] = Field("info", description="The least that is written.")
    format: Literal["auto", "json", "console"] = Field(
        "auto", description="auto: coloured lines on a terminal, JSON anywhere else."
    )
    file: OptionalPath = Field(None, description="Append here instead of writing to standard error.")


class Settings(Record):
    """All groups. `load` builds it; built by hand, it has the defaults of everything left out."""

    router: RouterSettings = RouterSettings()
    tls: TlsSettings = TlsSettings()
    directory: DirectorySettings = DirectorySettings()
    pool: PoolSettings = PoolSettings()
    mailbox: MailboxSettings = MailboxSettings()
    redirect: RedirectSettings = RedirectSettings()
    limits: LimitSettings = LimitSettings()
    admin: AdminSettings = AdminSettings()
    journal: JournalSettings = JournalSettings()
    log: LogSettings = LogSettings()
