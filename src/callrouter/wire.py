"""What lies between a socket and a session: who the peer is, and why a connection ended.

Both the transport (which knows no SIP) and the SIP layers (which know no transport) speak in these words.
"""

from dataclasses import dataclass
from enum import StrEnum


class Transport(StrEnum):
    """The transports of the documented service; there is no UDP (EXCHANGE-UM A1)."""

    __hash__ = str.__hash__  # that of Enum is a function in Python; these are keys of counters

    TCP = "TCP"
    TLS = "TLS"


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """The identities in the certificate that a TLS peer has proved to own.

    dns_names: the dNSName entries of subjectAltName, lower-cased, in the order of the certificate.
    common_name: the subject's CN, lower-cased, or "" where it has none.
    """

    dns_names: tuple[str, ...] = ()
    common_name: str = ""

    @property
    def identities(self) -> tuple[str, ...]:
        """The names to compare with: the SANs, or the CN where there are none (RFC 5922 7.1)."""
        if self.dns_names:
            return self.dns_names
        return (self.common_name,) if self.common_name else ()


@dataclass(frozen=True, slots=True)
class Peer:
    """The far end of one connection.

    Addresses are numeric text without brackets or zone; an IPv4-mapped IPv6 address is written as IPv4.
    """

    address: str
    port: int
    transport: Transport = Transport.TCP
    local_address: str = "127.0.0.1"
    local_port: int = 0
    certificate: PeerCertificate | None = None

    @property
    def text(self) -> str:
        """As it is shown to people, address and port."""
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"

    def __str__(self) -> str:
        return self.text


class CloseReason(StrEnum):
    """Why a connection ended: field of the log, label of the counter."""

    PEER_CLOSED = "peer-closed"
    PEER_RESET = "peer-reset"
    FRAMING_LOST = "framing-lost"
    UNANSWERABLE = "unanswerable"
    IDLE_TIMEOUT = "idle-timeout"
    MESSAGE_TIMEOUT = "message-timeout"
    WRITE_TIMEOUT = "write-timeout"
    DONE = "done"
    """We opened it, and have nothing more to say."""
    DRAINED = "drained"
    DRAIN_TIMEOUT = "drain-timeout"
    INTERNAL_ERROR = "internal-error"
