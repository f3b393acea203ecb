"""The connection pump: octets from one socket into its session, answers back, one timer.

Knows no SIP and decides nothing: the session says what to write, when to be called and when to close (port.py).
Flow control both ways: a peer that does not read its answers is not read from, and is aborted in the end.
A TCP connection closes with FIN, then waits for the peer's: closing a socket that holds unread input would send a
reset, and a reset destroys the last answer on its way (RFC 9293 3.10.4, RFC 2525 2.17).
"""

import asyncio
import ipaddress
import math
import sys
from collections.abc import Callable
from time import monotonic
from typing import Final, Protocol, TypeAlias, cast, final

from callrouter.telemetry import ConnectionClosed, ConnectionOpened, SessionFailed, Sink
from callrouter.transport.config import TransportLimits
from callrouter.transport.port import StreamSession
from callrouter.transport.tls import peer_certificate
from callrouter.wire import CloseReason, Peer, Transport

SessionFactory: TypeAlias = Callable[[Peer, float], StreamSession]
"""Makes the session of a new connection from its peer and the instant it was opened."""

# uvloop counts whole milliseconds and rounds: half of one later is never too early.
_TIMER_SLACK_SECONDS: Final = 0.0005


class ConnectionOwner(Protocol):
    """Who wants to know which connections live."""

    def connection_opened(self, connection: "Connection") -> None:
        """The connection has its peer and its session; called once, or never."""

    def connection_ended(self, connection: "Connection") -> None:
        """An opened connection is gone; called once."""


def plain_address(address: str) -> str:
    """Write an address as `Peer` wants it: numeric, without zone, IPv4-mapped IPv6 as IPv4.

    Interned, for an address may have hundreds of connections.
    """
    if ":" in address:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
        address = str(parsed.ipv4_mapped or parsed)
    return sys.intern(address)


@final
class Connection:
    """One connection and its session, over TCP or, once the handshake is done, TLS.

    Emits `ConnectionOpened` and then exactly one `ConnectionClosed`; nothing at all where the peer was gone before the
    loop could tell its address. Works for accepted and for outgoing connections. An `asyncio.Protocol` by its methods
    alone: the loops ask for no more, and a base class that is not compiled would keep this one from being so.
    """

    __slots__ = (
        "_armed_at",
        "_emit",
        "_eof",
        "_finishing",
        "_has_session",
        "_limit_at",
        "_limits",
        "_linger_bytes_left",
        "_loop",
        "_owner",
        "_reading_paused",
        "_reason",
        "_received_bytes",
        "_sent_bytes",
        "_session",
        "_session_factory",
        "_timer",
        "_transport",
        "opened",
        "peer",
    )

    peer: Peer
    """Set once `opened` is true."""

    _transport: asyncio.Transport
    _session: StreamSession

    def __init__(
        self,
        session_factory: SessionFactory,
        limits: TransportLimits,
        emit: Sink,
        owner: ConnectionOwner | None = None,
    ) -> None:
        self.opened = False
        self._has_session = False
        self._session_factory = session_factory
        self._limits = limits
        self._emit = emit
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._armed_at = math.inf
        self._limit_at = math.inf  # of the transport itself: write deadline or, while finishing, linger deadline
        self._reason: CloseReason | None = None
        self._finishing = False  # from here on nothing is written and the session is not asked any more
        self._eof = False
        self._reading_paused = False
        self._received_bytes = 0
        self._sent_bytes = 0
        self._linger_bytes_left = limits.linger_bytes

    # --- what the owner may ask for

    def begin_drain(self, now: float) -> None:
        """Ask the session to finish what is in flight and then close."""
        if self._finishing:
            return
        try:
            self._session.begin_drain(now)
        except Exception as error:  # noqa: BLE001  a session that raises is our bug and must end one connection only
            self._fail(error)
            return
        self._advance()

    def advance(self) -> None:
        """The session was told something by another than this connection: do what it wants now."""
        if not self._finishing:
            self._advance()

    def abort(self, reason: CloseReason) -> None:
        """Cut the connection now; unsent output is lost. An earlier reason for closing stands."""
        if self._reason is None:
            self._reason = reason
        self._finishing = True
        self._transport.abort()

    # --- asyncio.Protocol

    @property
    def protocol(self) -> asyncio.Protocol:
        """Itself, for a loop."""
        return cast("asyncio.Protocol", self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        peer = self._describe_peer()
        if peer is None:
            self._finishing = True
            # Not at once: uvloop still has to hand the socket over to the transport, or it is closed twice.
            self._loop.call_soon(self._transport.abort)
            return
        now = monotonic()
        self.peer = peer
        self.opened = True
        self._transport.set_write_buffer_limits(high=self._limits.max_write_buffer_bytes)
        self._emit(ConnectionOpened(peer))
        try:
            self._session = self._session_factory(peer, now)
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
        else:
            self._has_session = True
            self._advance()
        if self._owner is not None:
            self._owner.connection_opened(self)

    def data_received(self, data: bytes) -> None:
        self._received_bytes += len(data)
        if self._finishing:
            self._discard(len(data))
            return
        try:
            self._session.receive_data(data, monotonic())
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return
        self._advance()

    def eof_received(self) -> bool:
        self._eof = True
        over_tcp = self.peer.transport is Transport.TCP
        if self._finishing:
            if over_tcp and not self._transport.get_write_buffer_size():
                self._transport.close()
            return over_tcp
        try:
            self._session.receive_eof(monotonic())
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return over_tcp
        self._advance()
        if not over_tcp:
            # TLS has no half-closed state here: both loops shut down once this returns.
            self._finish(CloseReason.PEER_CLOSED)
        # Half-open: an answer that is held back may still go out, and the session's deadline ends the wait.
        return over_tcp

    def pause_writing(self) -> None:
        self._set_limit(self._limits.write_seconds)
        # After the peer's FIN there is nothing to hold back, and resumed loops would read the FIN a second time.
        if not self._finishing and not self._eof:
            self._reading_paused = True
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._limit_at = math.inf
        if self._finishing:
            self._output_is_out()
        else:
            self._resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finishing = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self.opened:
            return
        reason = self._reason
        if reason is None:
            if exc is None or self._eof:
                reason = CloseReason.PEER_CLOSED
            else:
                reason = CloseReason.PEER_RESET if isinstance(exc, OSError) else CloseReason.INTERNAL_ERROR
        if self._has_session:
            try:
                self._session.connection_lost(monotonic())
            except Exception as error:  # noqa: BLE001  as above
                self._emit(SessionFailed(self.peer, error))
        self._emit(ConnectionClosed(self.peer, reason, self._received_bytes, self._sent_bytes))
        if self._owner is not None:
            self._owner.connection_ended(self)

    # --- inside

    def _describe_peer(self) -> Peer | None:
        """Say who is there, or None: after an early reset uvloop does not know any more."""
        ask = self._transport.get_extra_info
        remote, local = ask("peername"), ask("sockname")
        if not remote or not local:
            return None
        over_tcp = ask("ssl_object") is None
        shown = None if over_tcp else ask("peercert")
        peer = Peer(
            plain_address(remote[0]),
            remote[1],
            Transport.TCP if over_tcp else Transport.TLS,
            plain_address(local[0]),
            local[1],
            peer_certificate(shown),
        )
        if shown:
            # The loop would keep its two kilobytes as long as the connection lives, and nobody asks for it again.
            shown.clear()
        return peer

    def _advance(self) -> None:
        """Do what the session wants after it was told something: write, close, be called later."""
        session = self._session
        try:
            chunks = session.data_to_send()
            reason = session.close_reason
            deadline = session.next_deadline()
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return
        if chunks:
            output = chunks[0] if len(chunks) == 1 else b"".join(chunks)
            self._sent_bytes += len(output)
            self._transport.write(output)
        if reason is not None:
            self._finish(reason)
        elif deadline is not None and deadline < self._armed_at:
            self._arm(deadline)

    def _fail(self, error: Exception) -> None:
        self._emit(SessionFailed(self.peer, error))
        self._finish(CloseReason.INTERNAL_ERROR)

    def _finish(self, reason: CloseReason) -> None:
        """Close once all output is out. After this nothing is written: uvloop raises for write after close."""
        if self._finishing:
            return
        self._finishing = True
        self._reason = reason
        transport = self._transport
        if transport.is_closing():
            return  # The loop has met the peer's end already; connection_lost follows.
        if transport.get_write_buffer_size():
            # With a mark of zero, pause_writing comes now and resume_writing when the last octet is out.
            transport.set_write_buffer_limits(high=0)
            self._resume_reading()
        else:
            self._output_is_out()

    def _output_is_out(self) -> None:
        transport = self._transport
        if transport.is_closing():
            return
        self._set_limit(self._limits.linger_seconds)
        if self._eof or self.peer.transport is Transport.TLS:
            transport.close()
            return
        try:
            transport.write_eof()
        except OSError:
            # asyncio shuts the socket down at once, which fails where a reset came first: nobody is left to wait for.
            transport.abort()
            return
        self._resume_reading()

    def _discard(self, count: int) -> None:
        self._linger_bytes_left -= count
        if self._linger_bytes_left < 0:
            self._transport.abort()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self._transport.resume_reading()

    def _set_limit(self, seconds: float) -> None:
        self._limit_at = monotonic() + seconds
        self._arm(self._limit_at)

    def _arm(self, at: float) -> None:
        """Be called at `at`, or earlier: what is armed for an earlier instant looks again when it fires."""
        if at >= self._armed_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed_at = at
        self._timer = self._loop.call_later(max(0.0, at - monotonic()) + _TIMER_SLACK_SECONDS, self._time_passed)

    def _time_passed(self) -> None:
        self._timer = None
        self._armed_at = math.inf
        now = monotonic()
        if now >= self._limit_at:
            self.abort(CloseReason.WRITE_TIMEOUT)
            return
        self._arm(self._limit_at)
        if self._finishing:
            return
        session = self._session
        try:
            deadline = session.next_deadline()
            if deadline is not None and deadline <= now:
                session.handle_deadline(now)
        except Exception as error:  # noqa: BLE001  as above
            self._fail(error)
            return
        self._advance()
