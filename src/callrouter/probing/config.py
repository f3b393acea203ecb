"""What the prober is given: the settings of the group `pool` that are about probes, frozen. Knows no pydantic."""

import ssl
from collections.abc import Callable
from dataclasses import dataclass, field

from callrouter.stream import SessionLimits
from callrouter.transport.config import TransportLimits


@dataclass(frozen=True, slots=True)
class ProbeConfig:
    """How servers are probed."""

    interval_seconds: float = 5.0
    """From the begin of one probe of a port to the begin of the next."""
    timeout_seconds: float = 2.0
    """From the begin of a probe, where there is no connection from connecting, to the final answer."""
    jitter: float = 0.1
    """Share of the interval, 0 to 1, by which each probe is moved at random either way."""
    fallback_host: str = "127.0.0.1"
    """Where servers are that have neither address nor name: this host (docs/decisions/0008)."""
    own_host: str = ""
    """The router's name or address in From, without brackets; "" for the address that the connection comes from."""
    tls: ssl.SSLContext | None = None
    """Shows the router's certificate and verifies the server's, but not its name, which is checked here: made by
    `transport.tls.build_client_context` with `verify_host=False`. None: there are no TLS ports to probe."""
    limits: SessionLimits = field(default_factory=SessionLimits)
    transport_limits: TransportLimits = field(default_factory=TransportLimits)

    def draw_interval(self, draw: Callable[[], float]) -> float:
        """Seconds from one probe to the next. draw: gives a number from 0 to 1, as `random.random`."""
        return self.interval_seconds * (1.0 + self.jitter * (2.0 * draw() - 1.0))
