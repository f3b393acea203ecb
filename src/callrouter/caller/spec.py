"""CallSpec: one call in plain values. CallerConfig: what all calls of a caller share. Nothing here waits."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from callrouter import __version__
from callrouter.caller.redirects import RedirectPolicy
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event, Sink
from callrouter.transport.config import TransportLimits
from callrouter.ua.proposal import GivenBody
from callrouter.wire import Transport


@dataclass(frozen=True, slots=True)
class CallTimeouts:
    """How long a call may take for what."""

    setup_seconds: float = 30.0
    """From its start to the answer, over all hops; then CANCEL goes out."""
    connect_seconds: float = 10.0
    """For the connection of one hop, TLS included."""
    silence_seconds: float = 8.0
    """For a hop that says nothing at all while there is an alternative; without one it has all the time there is."""
    goodbye_seconds: float = 5.0
    """For the answer to a CANCEL or a BYE."""


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One call. Addresses are a number or name, user@host, a URI, or a whole header value."""

    uri: str
    """A sip or sips URI."""
    from_: str = ""
    """"" for an anonymous caller. A number is one at our own address."""
    to: str = ""
    """"" for the URI."""
    diversions: tuple[str, ...] = ()
    """The most recent one first. A number is one at the host of the URI."""
    history_info: tuple[str, ...] = ()
    """The oldest one first."""
    headers: tuple[tuple[str, str], ...] = ()
    """(name, value) of more header fields."""
    body: GivenBody | None = None
    """Instead of an offer of our own."""
    call_id: str = ""
    """"" for a new one."""
    hold_seconds: float | None = 1.0
    """How long the call lasts once it is answered; None until somebody hangs up."""
    transport: Transport = Transport.TCP
    """Of the first hop, where the URI does not say."""
    secured: bool = False
    """Offer SRTP."""
    redirects: RedirectPolicy = field(default_factory=RedirectPolicy)
    timeouts: CallTimeouts = field(default_factory=CallTimeouts)


def ignore(event: Event, /) -> None:
    """A sink for who wants no events."""
    del event


@dataclass(frozen=True, slots=True)
class CallerConfig:
    """What all calls share."""

    tls: Callable[[], ssl.SSLContext] | None = None
    """Gives the context of each new TLS connection; None where nothing is called over TLS."""
    local_address: str = ""
    """Numeric; "" lets the system choose."""
    user_agent: str = f"callrouter/{__version__}"
    limits: SessionLimits = field(default_factory=SessionLimits)
    transport_limits: TransportLimits = field(default_factory=lambda: TransportLimits(linger_seconds=0.5))
    emit: Sink = ignore
    rtp_port: int = 49170
    """In our session descriptions, even; nothing is opened there."""
