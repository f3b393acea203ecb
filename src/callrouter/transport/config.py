"""What the transport spends on its peers at most. Filled from `settings`; nothing here reads a file.

Every field has its row in docs/reference/limits.md.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TransportLimits:
    """Limits of connections, handshakes, buffers and waits. Seconds and bytes are positive."""

    max_connections: int = 20_000
    """Connections at a time, over all listeners that share an `Admission`."""

    max_connections_per_address: int = 10_000
    """Connections at a time from one address. High, because one gateway or proxy may carry everyone's calls."""

    max_handshakes: int = 500
    """TLS handshakes in progress. A handshake costs milliseconds of processor time; a call costs microseconds."""

    handshake_seconds: float = 10.0
    """How long a TLS handshake may take before the connection is aborted."""

    max_write_buffer_bytes: int = 262_144
    """High-water mark of unsent output: above it, reading from that peer stops until it has read its answers."""

    write_seconds: float = 10.0
    """How long a peer may leave output above the high-water mark unread before the connection is aborted."""

    linger_seconds: float = 2.0
    """How long a closing connection waits for the peer's FIN (TLS: its close_notify) after ours, so that no reset
    destroys the last answer on its way."""

    linger_bytes: int = 1_048_576
    """What is read and thrown away while lingering; over it, the connection is aborted."""
