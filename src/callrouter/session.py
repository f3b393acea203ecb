"""SipSession: one connection = framer + server transactions + dispatcher + deadlines. Sans-I/O; a `StreamSession`.

RFC 3261 8.2, 9.2, 17.2, 18.2 and RFC 5626 3.5.1. Time is an argument, answers come out as bytes, what happened comes
out as telemetry events. Every request gets exactly one final answer or, as an ACK, none.
"""

from dataclasses import dataclass, field
from heapq import heappop, heappush

from callrouter.dispatcher import Dispatcher, Outcome
from callrouter.facts import gather_caller_facts
from callrouter.reason import Reason
from callrouter.sip.errors import FramingError, MalformedError
from callrouter.sip.framer import PING, Frame, Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Finding, Request, Response
from callrouter.sip.respond import build_response, header_line, make_to_tag
from callrouter.sip.transaction import InviteTransaction, State, TransactionTable, transaction_key
from callrouter.sip.validate import diagnose, is_sound
from callrouter.telemetry import (
    FramingLost,
    KeepAliveAnswered,
    MessageDiscarded,
    RequestAnswered,
    SessionFailed,
    Sink,
    TransactionTimedOut,
)
from callrouter.wire import CloseReason, Peer

_TRYING_AFTER_SECONDS = 0.2
"""RFC 3261 17.2.1: an INVITE that is not answered within 200 ms gets a 100."""


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """How much, and for how long, one connection may ask for (settings group `limits`)."""

    message: MessageLimits = field(default_factory=MessageLimits)
    max_transactions: int = 2000
    """INVITEs that await their ACK; over it 503."""
    transaction_seconds: float = 32.0
    """Timer H: 64*T1 (RFC 3261 17.2.1)."""
    message_seconds: float = 30.0
    """From the first octet of a message to its last."""
    idle_seconds: float = 600.0
    """Without a message; RFC 3261 18 wants at least 64*T1."""
    drain_quiet_seconds: float = 0.25
    """How long a draining connection must be silent before it is closed."""


class SipSession:
    """The router's side of one connection."""

    __slots__ = (
        "_caller",
        "_close_reason",
        "_dispatcher",
        "_draining_since",
        "_emit",
        "_framer",
        "_held",
        "_held_count",
        "_is_at_eof",
        "_limits",
        "_message_since",
        "_output",
        "_peer",
        "_received_at",
        "_source",
        "_tag_key",
        "_transactions",
    )

    def __init__(
        self, peer: Peer, dispatcher: Dispatcher, limits: SessionLimits, emit: Sink, *, tag_key: bytes, now: float
    ) -> None:
        self._peer = peer
        self._source = (peer.address, peer.port)
        self._caller = gather_caller_facts(peer)
        self._dispatcher = dispatcher
        self._limits = limits
        self._emit = emit
        self._tag_key = tag_key
        self._framer = Framer(limits.message)
        self._transactions = TransactionTable(limits.transaction_seconds)
        self._held: list[_Held] = []
        """Answers that are held back, the next one first."""
        self._held_count = 0
        self._output: list[bytes] = []
        self._received_at = now
        self._message_since: float | None = None
        self._draining_since: float | None = None
        self._is_at_eof = False
        self._close_reason: CloseReason | None = None

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
        if not self._held and self._close_reason is None:
            self._close_reason = CloseReason.PEER_CLOSED

    def data_to_send(self) -> list[bytes]:
        output = self._output
        if output:
            self._output = []
        return output

    def next_deadline(self) -> float | None:
        if self._close_reason is not None:
            return None
        limits = self._limits
        if self._message_since is not None:
            deadline = self._message_since + limits.message_seconds
        else:
            deadline = self._received_at + limits.idle_seconds
        expiry = self._transactions.next_expiry()
        if expiry is not None and expiry < deadline:
            deadline = expiry
        if self._held and self._held[0].due_at < deadline:
            deadline = self._held[0].due_at
        if self._draining_since is not None and self._is_finished:
            deadline = min(deadline, self._quiet_at())
        return deadline

    def handle_deadline(self, now: float) -> None:
        if self._close_reason is not None:
            return
        while self._held and self._held[0].due_at <= now:
            held = heappop(self._held)
            if held.transaction.state is State.PROCEEDING:
                self._complete(held.transaction, held.outcome, held.received_at, now)
        for transaction in self._transactions.expire(now):
            self._emit(TransactionTimedOut(self._peer, transaction.call_id))
        self._close_reason = self._overdue(now)

    def begin_drain(self, now: float) -> None:
        self._draining_since = now

    def _overdue(self, now: float) -> CloseReason | None:
        if self._is_at_eof and not self._held:
            return CloseReason.PEER_CLOSED
        if self._message_since is not None:
            is_late = now >= self._message_since + self._limits.message_seconds
            return CloseReason.MESSAGE_TIMEOUT if is_late else None
        if now >= self._received_at + self._limits.idle_seconds:
            return CloseReason.IDLE_TIMEOUT
        if self._draining_since is not None and self._is_finished and now >= self._quiet_at():
            return CloseReason.DRAINED
        return None

    @property
    def _is_finished(self) -> bool:
        """Whether nothing is in flight: no half message, no answer that is held back or awaits its ACK."""
        return self._message_since is None and not self._transactions

    def _quiet_at(self) -> float:
        since = self._received_at if self._draining_since is None else max(self._received_at, self._draining_since)
        return since + self._limits.drain_quiet_seconds

    def _lose_framing(self, error: FramingError, now: float) -> None:
        request = self._framer.partial_request()
        if request is not None and request.method != "ACK" and "via" in request.headers:
            phrase = error.detail if error.reason is Reason.CONTENT_LENGTH else ""
            self._send_final(request, self._dispatcher.refuse(Finding(error.reason, error.status, phrase)), now)
        self._emit(FramingLost(self._peer, error.reason, error.detail))
        self._close_reason = CloseReason.FRAMING_LOST

    def _receive_frame(self, frame: Frame, now: float) -> None:
        if isinstance(frame, Request):
            if frame.method == "ACK":
                self._receive_ack(frame)
            else:
                self._receive_request(frame, now)
        elif frame is PING:
            self._output.append(b"\r\n")
            self._emit(KeepAliveAnswered(self._peer))
        elif isinstance(frame, Response):
            # No request is ever sent, so that no response can belong to one (18.1.2).
            self._emit(MessageDiscarded(self._peer, Reason.STRAY_RESPONSE))

    def _receive_ack(self, ack: Request) -> None:
        # Whatever an ACK is like, it gets no answer (17.1.1.3) and its Require is not read (8.2.2.3).
        try:
            transaction = self._transactions.acknowledge(ack)
        except MalformedError:
            transaction = None
        reason = Reason.ACK_UNMATCHED if transaction is None else Reason.ACK_ABSORBED
        self._emit(MessageDiscarded(self._peer, reason))

    def _receive_request(self, request: Request, now: float) -> None:
        if not is_sound(request, self._limits.message):
            self._refuse(request, diagnose(request, self._limits.message)[0], now)
            return
        try:
            if request.method == "INVITE":
                self._receive_invite(request, now)
            elif request.method == "CANCEL":
                self._receive_cancel(request, now)
            else:
                outcome = self._dispatcher.screen(request) or self._dispatcher.answer(request, self._caller)
                self._send_final(request, outcome, now)
        except Exception as error:  # noqa: BLE001 - a bug of ours costs one 500, not the connection (21.5.1)
            self._emit(SessionFailed(self._peer, error))
            self._send_final(request, self._dispatcher.reject(Reason.INTERNAL_ERROR), now)

    def _refuse(self, request: Request, finding: Finding, now: float) -> None:
        if "via" not in request.headers:
            # There is no way to address an answer, and no telling what the peer waits for.
            self._emit(MessageDiscarded(self._peer, Reason.MISSING_VIA))
            self._close_reason = CloseReason.UNANSWERABLE
            return
        self._send_final(request, self._dispatcher.refuse(finding), now)

    def _receive_invite(self, request: Request, now: float) -> None:
        transactions = self._transactions
        key = transaction_key(request)
        known = transactions.find(key)
        if known is not None:
            answer = known.retransmission()
            if answer:
                self._output.append(answer)
            self._emit(MessageDiscarded(self._peer, Reason.RETRANSMISSION))
            return
        outcome = self._dispatcher.screen(request)
        if outcome is None and transactions.is_merged(request):
            outcome = self._dispatcher.reject(Reason.MERGED_REQUEST)
        if len(transactions) >= self._limits.max_transactions:
            self._send_final(request, self._dispatcher.reject(Reason.TOO_MANY_TRANSACTIONS), now)
            return
        if outcome is None:
            outcome = self._dispatcher.answer(request, self._caller)
        # A tag that To has already is the one that our answers carry, and the ACK (17.2.3).
        transaction = transactions.open(request, key, request.to_tag or make_to_tag(request, self._tag_key))
        if outcome.delay_seconds > 0:
            self._hold(transaction, request, outcome, now)
        else:
            self._complete(transaction, outcome, now, now)

    def _hold(self, transaction: InviteTransaction, request: Request, outcome: Outcome, now: float) -> None:
        """Keep a final answer back, with a 100 where RFC 3261 17.2.1 asks for one."""
        if outcome.delay_seconds > _TRYING_AFTER_SECONDS:
            timestamp = request.headers.get("timestamp")
            # 8.2.6.1: it goes out at once, so that there is no delay to add. What cannot be repeated is left out.
            extra = header_line("Timestamp", timestamp) if timestamp and "\0" not in timestamp else ""
            extra += self._dispatcher.server_line
            transaction.provisional = build_response(request, 100, self._source, to_tag="", extra=extra)
            self._output.append(transaction.provisional)
        self._held_count += 1
        heappush(self._held, _Held(now + outcome.delay_seconds, now, transaction, outcome, self._held_count))

    def _receive_cancel(self, request: Request, now: float) -> None:
        transaction = self._transactions.find(transaction_key(request))
        if transaction is None:
            self._send_final(request, self._dispatcher.reject(Reason.CANCEL_UNMATCHED), now)
            return
        # 9.2: the 200 carries the To tag of the INVITE's answers; a final answer that went out stands.
        self._send_final(request, self._dispatcher.accept(Reason.CANCEL_MATCHED), now, transaction.to_tag)
        if transaction.state is State.PROCEEDING:
            self._complete(transaction, self._dispatcher.reject(Reason.CANCELLED), now, now)

    def _complete(self, transaction: InviteTransaction, outcome: Outcome, received_at: float, now: float) -> None:
        """The final answer of an INVITE."""
        request = transaction.request
        if request is None:
            return
        answer = self._send_final(request, outcome, now, transaction.to_tag, received_at=received_at)
        self._transactions.complete(transaction, outcome.status, answer, now)

    def _send_final(
        self, request: Request, outcome: Outcome, now: float, to_tag: str = "", *, received_at: float | None = None
    ) -> bytes:
        answer = build_response(
            request,
            outcome.status,
            self._source,
            to_tag=to_tag or make_to_tag(request, self._tag_key),
            phrase=outcome.phrase,
            extra=outcome.extra,
        )
        self._output.append(answer)
        self._emit(
            RequestAnswered(
                self._peer,
                request.method,
                request.call_id,
                outcome.status,
                outcome.reason,
                outcome.contact,
                outcome.detail,
                now if received_at is None else received_at,
                now,
                outcome.call_type,
            )
        )
        return answer


class _Held:
    """An answer that waits for its time; ordered by it, and those of one instant as they came."""

    __slots__ = ("due_at", "order", "outcome", "received_at", "transaction")

    def __init__(
        self, due_at: float, received_at: float, transaction: InviteTransaction, outcome: Outcome, order: int
    ) -> None:
        self.order = order
        self.due_at = due_at
        self.received_at = received_at
        self.transaction = transaction
        self.outcome = outcome

    def __lt__(self, other: "_Held") -> bool:
        return (self.due_at, self.order) < (other.due_at, other.order)
