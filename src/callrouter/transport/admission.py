"""Admission: who may still connect. Counts only; the listener accepts, refuses and reports.

One `Admission` is shared by all listeners of a process, so that the limits hold for their sum.
"""

from callrouter.transport.config import TransportLimits


class Admission:
    """Counts connections in total, connections per address and TLS handshakes against their limits."""

    __slots__ = ("_connections", "_handshakes", "_limits", "_of_address")

    def __init__(self, limits: TransportLimits) -> None:
        self._limits = limits
        self._connections = 0
        self._handshakes = 0
        self._of_address: dict[str, int] = {}

    @property
    def connections(self) -> int:
        """Connections admitted and not yet released, those in their handshake included."""
        return self._connections

    @property
    def handshakes(self) -> int:
        """TLS handshakes in progress."""
        return self._handshakes

    @property
    def addresses(self) -> int:
        """Addresses that hold at least one connection."""
        return len(self._of_address)

    def connections_of(self, address: str) -> int:
        """Connections that `address` holds."""
        return self._of_address.get(address, 0)

    def admit(self, address: str) -> str | None:
        """Count one connection from `address`.

        Returns:
            None, or the name of the setting that refuses it; then nothing was counted.
        """
        if self._connections >= self._limits.max_connections:
            return "limits.max_connections"
        held = self._of_address.get(address, 0)
        if held >= self._limits.max_connections_per_address:
            return "limits.max_connections_per_address"
        self._connections += 1
        self._of_address[address] = held + 1
        return None

    def release(self, address: str) -> None:
        """Forget one admitted connection from `address`.

        Raises:
            KeyError: `address` holds no connection.
        """
        held = self._of_address[address]
        if held == 1:
            # A scan over many addresses must leave nothing behind.
            del self._of_address[address]
        else:
            self._of_address[address] = held - 1
        self._connections -= 1

    def begin_handshake(self) -> str | None:
        """Count one TLS handshake.

        Returns:
            None, or the name of the setting that refuses it; then nothing was counted.
        """
        if self._handshakes >= self._limits.max_handshakes:
            return "limits.max_handshakes"
        self._handshakes += 1
        return None

    def end_handshake(self) -> None:
        """Forget one handshake, however it ended."""
        self._handshakes -= 1
