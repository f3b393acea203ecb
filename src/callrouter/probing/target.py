"""A port of a Mailbox server as a probe sees it: where to connect, what to ask for, which name to expect.

Connects to the server's address, else to its name, else to this host. Over TLS the certificate has to come from our CA,
and where the directory gives the server a name, it has to be among those in the certificate, compared whole as RFC 5922
7.2 has it: no wildcards (EXCHANGE-UM B 5). That holds even where an address says where to connect, because the name is
what callers are sent to. A server known by address only, or not even by that, has no name that could be expected.
"""

import ssl
from dataclasses import dataclass

from callrouter.pool.health import Place, TargetKey
from callrouter.probing.config import ProbeConfig
from callrouter.transport.client import Destination
from callrouter.wire import Peer, Transport


@dataclass(frozen=True, slots=True)
class Target:
    """What one task probes."""

    server: str
    """Its name in the directory."""
    transport: Transport
    destination: Destination
    expected_name: str = ""
    """The lower-case FQDN that the server's certificate has to hold; "" for any."""

    @property
    def uri(self) -> str:
        """The Request-URI of a probe."""
        return f"sip:{self.destination};transport={self.transport.lower()}"

    def is_named_by(self, peer: Peer) -> bool:
        """Whether who answers there has shown the certificate of this server."""
        return not self.expected_name or (
            peer.certificate is not None and self.expected_name in peer.certificate.identities
        )


def locate(key: TargetKey, place: Place, config: ProbeConfig) -> Target:
    """The target that is at this place.

    Raises:
        ValueError: a TLS port, and no TLS context to probe it with.
    """
    server, transport = key
    host = place.address or place.fqdn or config.fallback_host
    if transport is Transport.TCP:
        return Target(server, transport, Destination(host, place.port))
    if config.tls is None:
        raise ValueError("a TLS port cannot be probed without a TLS context")
    expected_name = place.fqdn.lower() if config.tls.verify_mode is ssl.CERT_REQUIRED else ""
    return Target(server, transport, Destination(host, place.port, config.tls), expected_name)
