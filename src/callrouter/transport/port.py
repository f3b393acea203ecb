"""The seam between bytes and meaning: all that the transport knows of what it carries.

Time is an argument (monotonic seconds, as float); one deadline comes out; nothing here waits.
"""

from typing import Protocol

from callrouter.wire import CloseReason


class StreamSession(Protocol):
    """One connection's meaning: bytes in, bytes out, one deadline."""

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what the peer sent. Never raises for what a peer may send."""

    def receive_eof(self, now: float) -> None:
        """The peer will send no more; answers may still go out."""

    def connection_lost(self, now: float) -> None:
        """The connection is gone, whoever ended it; called once, and nothing after it."""

    def data_to_send(self) -> list[bytes]:
        """Hand over what is to be written, once; empty when there is nothing."""

    def next_deadline(self) -> float | None:
        """When `handle_deadline` wants to be called if nothing happens before; may move either way."""

    def handle_deadline(self, now: float) -> None:
        """Time has passed `next_deadline`."""

    def begin_drain(self, now: float) -> None:
        """Finish what is in flight, then set `close_reason`."""

    @property
    def close_reason(self) -> CloseReason | None:
        """None while the connection is wanted; once set, what was handed over is written and the connection closed."""
