"""MessageStream: what every SIP session does on its connection, whatever the messages mean. Sans-I/O.

Framer, keep-alive, the deadlines of the stream, drain (RFC 3261 18.3, RFC 5626 3.5.1). A session is a subclass and says
what a request, an ACK, a response mean; `session` is the router's, `ua.endpoint` that of user agents.
"""

from dataclasses import dataclass, field

from callrouter.reason import Reason
from callrouter.sip.errors import FramingError
from callrouter.sip.framer import PING, Frame, Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.memo import Memo
from callrouter.sip.message import BriefAck, Finding, Request, Response
from callrouter.sip.validate import diagnose, is_sound
from callrouter.telemetry import FramingLost, KeepAliveAnswered, MessageDiscarded, Sink
from callrouter.wire import CloseReason, Peer


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How much, and for how long, one connection may ask for (settings group `limits`)."""

    message: MessageLimits = field(default_factory=MessageLimits)
    max_transactions: int = 2000
    """INVITEs that await their ACK; over it 503."""
    transaction_seconds: float = 32.0
    """Timers B, F, H, L and M: 64*T1 (RFC 3261 17.1, 17.2; RFC 6026)."""
    message_seconds: float = 30.0
    """From the first octet of a message to its last."""
    idle_seconds: float = 600.0
    """Without a message; RFC 3261 18 wants at least 64*T1."""
    drain_quiet_seconds: float = 0.25
    """How long a draining connection must be silent before it is closed."""


class MessageStream:
    """One connection as a `StreamSession`; subclasses fill in the methods under the last heading."""

    def __init__(
        self,
        peer: Peer,
        limits: SessionLimits,
        emit: Sink,
        now: float,
        memo: Memo | None = None,
        *,
        acks_in_brief: bool = False,
    ) -> None:
        """memo, acks_in_brief: as for `Framer`."""
        self._peer = peer
        self._limits = limits
        self._emit = emit
        self._framer = Framer(limits.message, memo, acks_in_brief=acks_in_brief)
        self._output: list[bytes] = []
        self._received_at = now
        self._message_since: float | None = None
        self._draining_since: float | None = None
        self._is_at_eof = False
        self._close_reason: CloseReason | None = None

    # --- transport.port.StreamSession

    @property
    def close_reason(self) -> CloseReason | None:
        return self._close_reason

    def receive_data(self, data: bytes, now: float) -> None:
        if self._close_reason is not None:
            return
        self._received_at = now
        framer = self._framer
        framer.receive_data(data)
        try:
            frame = framer.next_frame()
            if frame is not None:
                self._message_since = None
            while frame is not None:
                self._receive_frame(frame, now)
                if self.close_reason is not None:
                    return
                frame = framer.next_frame()
        except FramingError as error:
            self._lose_framing(error, now)
            return
        if not framer.is_mid_message:
            self._message_since = None
        elif self._message_since is None:
            self._message_since = now

    def receive_eof(self, now: float) -> None:
        self._received_at = now
        self._is_at_eof = True
        if self._close_reason is None and not self._owes_answer():
            self._close_reason = CloseReason.PEER_CLOSED

    def connection_lost(self, now: float) -> None:
        self._received_at = now
        if self._close_reason is None:
            self._close_reason = CloseReason.PEER_CLOSED

    def data_to_send(self) -> list[bytes]:
        output = self._output
        if output:
            self._output = []
        return output

    def next_deadline(self) -> float | None:
        if self._close_reason is not None:
            return None
        if self._is_at_eof and not self._owes_answer():
            return self._received_at
        if self._message_since is not None:
            deadline = self._message_since + self._limits.message_seconds
        else:
            deadline = self._received_at + self._limits.idle_seconds
        own = self._own_deadline()
        if own is not None and own < deadline:
            deadline = own
        if self._draining_since is not None and self._is_finished():
            deadline = min(deadline, self._quiet_at())
        return deadline

    def handle_deadline(self, now: float) -> None:
        if self._close_reason is not None:
            return
        self._handle_own_deadline(now)
        # Asked by the property, because for mypyc the attribute is None here still, and it fails where it is not.
        if self.close_reason is None:
            self._close_reason = self._overdue(now)

    def begin_drain(self, now: float) -> None:
        self._draining_since = now

    # --- inside

    def _overdue(self, now: float) -> CloseReason | None:
        if self._is_at_eof and not self._owes_answer():
            return CloseReason.PEER_CLOSED
        if self._message_since is not None:
            is_late = now >= self._message_since + self._limits.message_seconds
            return CloseReason.MESSAGE_TIMEOUT if is_late else None
        if now >= self._received_at + self._limits.idle_seconds:
            return CloseReason.IDLE_TIMEOUT
        if self._draining_since is not None and self._is_finished() and now >= self._quiet_at():
            return CloseReason.DRAINED
        return None

    def _is_finished(self) -> bool:
        """Whether nothing is in flight: no half message, nothing that the session still waits for."""
        return self._message_since is None and not self._is_busy()

    def _quiet_at(self) -> float:
        since = self._received_at if self._draining_since is None else max(self._received_at, self._draining_since)
        return since + self._limits.drain_quiet_seconds

    def _lose_framing(self, error: FramingError, now: float) -> None:
        request = self._framer.partial_request()
        if request is not None and request.method != "ACK" and "via" in request.headers:
            phrase = error.detail if error.reason is Reason.CONTENT_LENGTH else ""
            self._refuse(request, Finding(error.reason, error.status, phrase), now)
        self._emit(FramingLost(self._peer, error.reason, error.detail))
        self._close_reason = CloseReason.FRAMING_LOST

    def _receive_frame(self, frame: Frame, now: float) -> None:
        if isinstance(frame, Request):
            if frame.method == "ACK":
                self._receive_ack(frame, now)
            elif is_sound(frame, self._limits.message):
                self._receive_request(frame, now)
            elif "via" in frame.headers:
                self._refuse(frame, diagnose(frame, self._limits.message)[0], now)
            else:
                # There is no way to address an answer, and no telling what the peer waits for.
                self._emit(MessageDiscarded(self._peer, Reason.MISSING_VIA))
                self._close_reason = CloseReason.UNANSWERABLE
        elif isinstance(frame, BriefAck):
            self._receive_brief_ack(frame)
        elif frame is PING:
            self._output.append(b"\r\n")
            self._emit(KeepAliveAnswered(self._peer))
        elif isinstance(frame, Response):
            self._receive_response(frame, now)

    # --- what a subclass says

    def _receive_request(self, request: Request, now: float) -> None:
        """A sound request other than ACK."""
        raise NotImplementedError

    def _refuse(self, request: Request, finding: Finding, now: float) -> None:
        """A request with a Via that is unsound, or at which the framing was lost."""
        raise NotImplementedError

    def _receive_ack(self, ack: Request, now: float) -> None:
        """An ACK, sound or not: whatever it is like, it gets no answer (17.1.1.3)."""
        raise NotImplementedError

    def _receive_brief_ack(self, ack: BriefAck) -> None:
        """An ACK too, where the subclass has asked for `acks_in_brief`."""
        raise NotImplementedError

    def _receive_response(self, response: Response, now: float) -> None:
        """A response of any kind."""
        raise NotImplementedError

    def _owes_answer(self) -> bool:
        """Whether an answer is held back that a peer which will send no more still waits for."""
        raise NotImplementedError

    def _is_busy(self) -> bool:
        """Whether a drain has something to wait for."""
        raise NotImplementedError

    def _own_deadline(self) -> float | None:
        """When the session itself wants to be called."""
        raise NotImplementedError

    def _handle_own_deadline(self, now: float) -> None:
        """Time has come for what the session waits for, or for the stream."""
        raise NotImplementedError
