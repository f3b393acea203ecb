"""SipSession: the router's session on one connection. Message stream + server transactions + dispatcher. Sans-I/O.

RFC 3261 8.2, 9.2, 17.2, 18.2. Time is an argument, answers come out as bytes, what happened comes out as telemetry
events. Every request gets exactly one final answer or, as an ACK, none.
"""

from heapq import heappop, heappush
from typing import Final

from callrouter.dispatcher import Dispatcher, Outcome
from callrouter.facts import gather_caller_facts
from callrouter.reason import Reason
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import BriefAck, Finding, Request, Response
from callrouter.sip.respond import build_response, header_line, make_to_tag
from callrouter.sip.transaction import InviteTransaction, State, TransactionTable, merge_key, transaction_key
from callrouter.stream import MessageStream, SessionLimits
from callrouter.telemetry import MessageDiscarded, RequestAnswered, SessionFailed, Sink, TransactionTimedOut
from callrouter.wire import Peer

_TRYING_AFTER_SECONDS = 0.2
"""RFC 3261 17.2.1: an INVITE that is not answered within 200 ms gets a 100."""


class SipSession(MessageStream):
    """The router's side of one connection."""

    def __init__(
        self, peer: Peer, dispatcher: Dispatcher, limits: SessionLimits, emit: Sink, *, tag_key: bytes, now: float
    ) -> None:
        super().__init__(peer, limits, emit, now, dispatcher.memo, acks_in_brief=True)
        self._caller = gather_caller_facts(peer)
        self._dispatcher = dispatcher
        self._tag_key = tag_key
        self._transactions = TransactionTable(limits.transaction_seconds)
        self._held = _NOTHING_HELD
        """Answers that are held back, the next one first."""
        self._held_count = 0
        self._ack_absorbed: MessageDiscarded | None = None
        """Made once, with the first ACK: nothing in it differs from ACK to ACK."""

    def _source(self) -> tuple[str, int]:
        return self._peer.address, self._peer.port

    def _own_deadline(self) -> float | None:
        expiry = self._transactions.next_expiry()
        if self._held and (expiry is None or self._held[0].due_at < expiry):
            return self._held[0].due_at
        return expiry

    def _handle_own_deadline(self, now: float) -> None:
        while self._held and self._held[0].due_at <= now:
            held = heappop(self._held)
            if held.transaction.state is State.PROCEEDING:
                self._complete(held.transaction, held.outcome, held.received_at, now)
        for transaction in self._transactions.expire(now):
            self._emit(TransactionTimedOut(self._peer, transaction.call_id))

    def _owes_answer(self) -> bool:
        return bool(self._held)

    def _is_busy(self) -> bool:
        # No answer may be held back or await its ACK.
        return len(self._transactions) > 0

    def _receive_response(self, response: Response, now: float) -> None:  # noqa: ARG002 - no request is ever sent
        # No response can belong to one of ours (18.1.2).
        self._emit(MessageDiscarded(self._peer, Reason.STRAY_RESPONSE))

    def _receive_ack(self, ack: Request, now: float) -> None:  # noqa: ARG002 - an ACK ends its transaction at once
        # Its Require is not read (8.2.2.3).
        try:
            self._end_by_ack(self._transactions.acknowledge(ack))
        except MalformedError:
            self._end_by_ack(None)

    def _receive_brief_ack(self, ack: BriefAck) -> None:
        self._end_by_ack(self._transactions.acknowledge(ack))

    def _end_by_ack(self, transaction: InviteTransaction | None) -> None:
        if transaction is None:
            self._emit(MessageDiscarded(self._peer, Reason.ACK_UNMATCHED))
            return
        if self._ack_absorbed is None:
            self._ack_absorbed = MessageDiscarded(self._peer, Reason.ACK_ABSORBED)
        self._emit(self._ack_absorbed)

    def _refuse(self, request: Request, finding: Finding, now: float) -> None:
        self._send_final(request, self._dispatcher.refuse(finding), now)

    def _receive_request(self, request: Request, now: float) -> None:
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
        merged = merge_key(request)
        if outcome is None and transactions.is_merged(request, merged):
            outcome = self._dispatcher.reject(Reason.MERGED_REQUEST)
        if len(transactions) >= self._limits.max_transactions:
            self._send_final(request, self._dispatcher.reject(Reason.TOO_MANY_TRANSACTIONS), now)
            return
        if outcome is None:
            outcome = self._dispatcher.answer(request, self._caller)
        # A tag that To has already is the one that our answers carry, and the ACK (17.2.3).
        to_tag = request.to_tag or make_to_tag(request, self._tag_key)
        transaction = InviteTransaction(request, key, merged, to_tag)
        if outcome.delay_seconds > 0:
            transactions.open(transaction)
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
            transaction.provisional = build_response(request, 100, self._source(), to_tag="", extra=extra)
            self._output.append(transaction.provisional)
        if self._held is _NOTHING_HELD:
            self._held = []
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
            self._source(),
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


_NOTHING_HELD: Final[list[_Held]] = []
"""For all sessions that hold back no answer; never written to."""
