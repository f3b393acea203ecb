"""Endpoint: a user agent's session on one connection. Message stream + transactions of both sides + timers. Sans-I/O.

RFC 3261 8.1, 8.2, 9, 17. What requests mean is the business of a `UserAgent`; who sent one is told of its answers.
Non-INVITE requests are answered at once, so that on a stream they need no transaction of their own (17.2.2, Timer J 0).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from callrouter.dispatcher import Outcome, put_rejection
from callrouter.reason import Reason
from callrouter.sip.client_transaction import ClientTransaction, ClientTransactionTable
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Finding, Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import build_response, end_of_head, make_to_tag
from callrouter.sip.transaction import InviteTransaction, State, TransactionTable, merge_key, transaction_key
from callrouter.snapshot import AnswerForm
from callrouter.stream import MessageStream, SessionLimits
from callrouter.telemetry import MessageDiscarded, RequestAnswered, SessionFailed, Sink, TransactionTimedOut
from callrouter.ua.timers import Timers
from callrouter.wire import CloseReason, Peer

_TRYING: Final = 100
_FIRST_FINAL: Final = 200
_FIRST_FAILURE: Final = 300


class NoAnswer(StrEnum):
    """Why a request of ours got no final answer."""

    TIMED_OUT = "timed-out"
    """Timer B or F (17.1): to its sender as a 408."""
    CONNECTION_LOST = "connection-lost"
    """To its sender as a 503 (8.1.3.1)."""


class AnswerTaker(Protocol):
    """Who sent a request."""

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        """One of its answers came, provisional or final; a 2xx to INVITE may come again."""

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:
        """No final answer will come."""


class UserAgent(Protocol):
    """What is done with what comes on one connection."""

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        """An INVITE, inside or outside of a dialog; answered now or later through `Endpoint.answer_invite`."""

    def receive_request(self, request: Request, now: float) -> None:
        """Any other request but ACK and CANCEL; answered now, through `Endpoint.answer`."""

    def receive_ack(self, ack: Request, now: float) -> None:
        """An ACK that is none of a failure: perhaps of a 2xx. Its CSeq and tags can be read, no more is sure."""

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        """The caller has given up an INVITE that has no final answer yet; it gets one now (9.2: 487)."""

    def connection_lost(self, now: float) -> None:
        """The connection is gone, and whatever was to go out on it."""

    def begin_drain(self, now: float) -> None:
        """The process ends: end what goes on, decently."""

    def is_busy(self) -> bool:
        """Whether a drain has something to wait for."""


@dataclass(frozen=True, slots=True)
class EndpointConfig:
    """What an endpoint is given by whoever makes it."""

    limits: SessionLimits
    emit: Sink
    tag_key: bytes
    """Key of the To tags, 16 to 64 random octets."""
    make_token: Callable[[], str]
    """Gives a text that no other request has, of token characters: for branches and tags (8.1.1.7, 19.3)."""
    form: AnswerForm = field(default_factory=AnswerForm)
    """How answers are written."""
    idles_for_ever: bool = False
    """For connections that we opened: whoever did closes them."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer that is no refusal."""

    status: int
    reason: Reason
    lines: str = ""
    """Whole header lines; Content-Length and Server are added."""
    body: bytes = b""
    contact: str = ""
    """For the call log."""
    call_type: str = ""


class Endpoint(MessageStream):
    """One connection of a user agent."""

    def __init__(self, peer: Peer, config: EndpointConfig, now: float) -> None:
        super().__init__(peer, config.limits, config.emit, now)
        self.peer = peer
        self.timers = Timers()
        self._config = config
        self._agent: UserAgent | None = None
        self._source = (peer.address, peer.port)
        self._invites = TransactionTable(config.limits.transaction_seconds)
        self._requests: ClientTransactionTable[AnswerTaker] = ClientTransactionTable(config.limits.transaction_seconds)
        self._is_gone = False

    @property
    def local_host(self) -> str:
        """Our address as a URI writes it."""
        address = self.peer.local_address
        return f"[{address}]" if ":" in address else address

    @property
    def is_usable(self) -> bool:
        """Whether requests can go out."""
        return self._close_reason is None and not self._is_gone

    def serve(self, agent: UserAgent) -> None:
        """Let `agent` say what requests mean. Called once, before anything is received."""
        self._agent = agent

    def make_token(self) -> str:
        """A text that no other tag or branch has."""
        return self._config.make_token()

    # --- requests of ours

    def send(self, request: OutgoingRequest, sender: AnswerTaker, now: float) -> OutgoingRequest:
        """Send a request in a transaction of its own; returns it as it went out."""
        sent = self._address(request)
        octets = sent.build()
        self._requests.open(sent, sender, now)
        self._output.append(octets)
        return sent

    def send_unanswered(self, request: OutgoingRequest) -> bytes:
        """Send the ACK to a 2xx, a transaction of its own that gets no answer (13.2.2.4); returns its octets."""
        octets = self._address(request).build()
        self._output.append(octets)
        return octets

    def send_cancel(self, invite: OutgoingRequest, sender: AnswerTaker, now: float) -> None:
        """Cancel an INVITE of ours, as it went out, that has had a provisional answer (9.1).

        Its own final answer has to come within 64*T1, else its sender is told that it timed out.
        """
        cancel = invite.cancel()
        self._output.append(cancel.build())
        self._requests.open(cancel, sender, now)
        self._requests.cancel(invite, now)

    def send_again(self, octets: bytes) -> None:
        """Send what went out before."""
        self._output.append(octets)

    def close(self) -> None:
        """Close the connection once all output is out."""
        if self._close_reason is None:
            self._close_reason = CloseReason.DONE

    def _address(self, request: OutgoingRequest) -> OutgoingRequest:
        sent_by = f"{self.local_host}:{self.peer.local_port}"
        return request.with_via(self.peer.transport.value, sent_by, self.make_token())

    # --- answers of ours

    def answer(self, request: Request, reply: Reply, now: float, *, to_tag: str = "") -> None:
        """The final answer to a request that is no INVITE. to_tag: that of our other answers, where there are some."""
        self._write(request, reply, to_tag or self._to_tag_of(request))
        self._report(request, reply, now)

    def reject(self, request: Request, reason: Reason, now: float, lines: str = "") -> None:
        """The final answer that refuses a request that is no INVITE. reason: one of `decision.REJECTIONS`."""
        outcome = put_rejection(reason, self._config.form, lines)
        self._put(request, outcome, self._to_tag_of(request), now)

    def answer_invite(self, transaction: InviteTransaction, reply: Reply, now: float) -> bytes:
        """A provisional or the final answer to an INVITE; returns its octets, none where the final one went out."""
        invite = transaction.request
        if invite is None:
            return b""
        octets = self._write(invite, reply, "" if reply.status == _TRYING else transaction.to_tag)
        if reply.status < _FIRST_FINAL:
            transaction.provisional = octets
        else:
            self._report(invite, reply, now)
            self._invites.complete(transaction, reply.status, octets, now)
        return octets

    def reject_invite(self, transaction: InviteTransaction, reason: Reason, now: float, lines: str = "") -> None:
        """The final answer that refuses an INVITE; nothing where the final one went out."""
        if transaction.request is None:
            return
        outcome = put_rejection(reason, self._config.form, lines)
        octets = self._put(transaction.request, outcome, transaction.to_tag, now)
        self._invites.complete(transaction, outcome.status, octets, now)

    def end_invite(self, transaction: InviteTransaction) -> None:
        """The 2xx was acknowledged: on a stream no INVITE comes again, so that nothing needs to be kept for Timer L."""
        self._invites.end(transaction)

    def _to_tag_of(self, request: Request) -> str:
        return make_to_tag(request, self._config.tag_key)

    def _write(self, request: Request, reply: Reply, to_tag: str) -> bytes:
        form = self._config.form
        extra = f"{reply.lines}{form.server_line}{end_of_head(reply.body)}" if reply.body else reply.lines + form.tail
        octets = build_response(request, reply.status, self._source, to_tag=to_tag, extra=extra) + reply.body
        self._output.append(octets)
        return octets

    def _put(self, request: Request, outcome: Outcome, to_tag: str, now: float) -> bytes:
        octets = build_response(
            request, outcome.status, self._source, to_tag=to_tag, phrase=outcome.phrase, extra=outcome.extra
        )
        self._output.append(octets)
        self._emit(
            RequestAnswered(
                self.peer, request.method, request.call_id, outcome.status, outcome.reason, "", outcome.detail, now, now
            )
        )
        return octets

    def _report(self, request: Request, reply: Reply, now: float) -> None:
        self._emit(
            RequestAnswered(
                self.peer,
                request.method,
                request.call_id,
                reply.status,
                reply.reason,
                reply.contact,
                "",
                now,
                now,
                reply.call_type,
            )
        )

    # --- stream.MessageStream

    def connection_lost(self, now: float) -> None:
        super().connection_lost(now)
        self._is_gone = True
        for transaction in self._requests.abandon():
            transaction.owner.receive_no_answer(transaction.request, NoAnswer.CONNECTION_LOST, now)
        if self._agent is not None:
            self._agent.connection_lost(now)

    def begin_drain(self, now: float) -> None:
        super().begin_drain(now)
        if self._agent is not None:
            self._agent.begin_drain(now)

    def _receive_request(self, request: Request, now: float) -> None:
        agent = self._agent
        try:
            if request.method == "INVITE":
                self._receive_invite(request, now)
            elif request.method == "CANCEL":
                self._receive_cancel(request, now)
            elif agent is not None:
                agent.receive_request(request, now)
        except Exception as error:  # noqa: BLE001 - a bug of ours costs one 500, not the connection (21.5.1)
            self._emit(SessionFailed(self.peer, error))
            self._fail(request, now)

    def _fail(self, request: Request, now: float) -> None:
        transaction = self._invites.find(transaction_key(request)) if request.method == "INVITE" else None
        if transaction is None:
            self.reject(request, Reason.INTERNAL_ERROR, now)
        else:
            self.reject_invite(transaction, Reason.INTERNAL_ERROR, now)

    def _receive_invite(self, invite: Request, now: float) -> None:
        key, merged = transaction_key(invite), merge_key(invite)
        known = self._invites.find(key)
        if known is not None:
            again = known.retransmission()
            if again:
                self._output.append(again)
            self._emit(MessageDiscarded(self.peer, Reason.RETRANSMISSION))
        elif self._invites.is_merged(invite, merged):
            self.reject(invite, Reason.MERGED_REQUEST, now)
        elif len(self._invites) >= self._limits.max_transactions:
            self.reject(invite, Reason.TOO_MANY_TRANSACTIONS, now)
        elif self._agent is not None:
            # Not `_to_tag_of`: the very same INVITE after its ACK, or on another connection, is another call.
            to_tag = invite.to_tag or make_to_tag(invite, self._config.tag_key, self.make_token())
            transaction = InviteTransaction(invite, key, merged, to_tag)
            self._invites.open(transaction)
            self._agent.receive_invite(invite, transaction, now)

    def _receive_cancel(self, cancel: Request, now: float) -> None:
        transaction = self._invites.find(transaction_key(cancel))
        if transaction is None:
            self.reject(cancel, Reason.CANCEL_UNMATCHED, now)
            return
        # 9.2: the 200 carries the To tag of the INVITE's answers; a final answer that went out stands.
        self.answer(cancel, Reply(200, Reason.CANCEL_MATCHED), now, to_tag=transaction.to_tag)
        if transaction.state is State.PROCEEDING and self._agent is not None:
            self._agent.receive_cancel(transaction, now)

    def _receive_ack(self, ack: Request, now: float) -> None:
        agent = self._agent
        try:
            transaction = self._invites.acknowledge(ack)
            if transaction is not None and transaction.state is State.COMPLETED:
                self._emit(MessageDiscarded(self.peer, Reason.ACK_ABSORBED))
                return
            # No ACK is validated; whoever awaits one for a 2xx reads these.
            _ = ack.cseq, ack.from_tag, ack.to_tag
        except MalformedError:
            self._emit(MessageDiscarded(self.peer, Reason.ACK_UNMATCHED))
            return
        if agent is not None:
            agent.receive_ack(ack, now)

    def _receive_response(self, response: Response, now: float) -> None:
        try:
            transaction = self._requests.match(response, now)
        except MalformedError:
            transaction = None
        if transaction is None:
            self._emit(MessageDiscarded(self.peer, Reason.STRAY_RESPONSE))
            return
        self._acknowledge_failure(transaction, response)
        transaction.owner.receive_response(transaction.request, response, now)

    def _acknowledge_failure(self, transaction: ClientTransaction[AnswerTaker], response: Response) -> None:
        """17.1.1.3: the transaction itself acknowledges what is no 2xx."""
        request = transaction.request
        to = response.headers.get("to")
        if request.method == "INVITE" and response.status >= _FIRST_FAILURE and to is not None:
            self._output.append(request.hop_ack(to).build())

    def _refuse(self, request: Request, finding: Finding, now: float) -> None:
        tail = self._config.form.tail
        outcome = Outcome(finding.status, finding.reason, finding.phrase, tail, detail=finding.phrase)
        self._put(request, outcome, self._to_tag_of(request), now)

    def _owes_answer(self) -> bool:
        return self._invites.proceeding > 0

    def _is_busy(self) -> bool:
        return len(self._invites) > 0 or len(self._requests) > 0 or (self._agent is not None and self._agent.is_busy())

    def _overdue(self, now: float) -> CloseReason | None:
        reason = super()._overdue(now)
        if reason is CloseReason.IDLE_TIMEOUT and (self._config.idles_for_ever or self._is_busy()):
            # A call may be silent for longer than a connection without one.
            self._received_at = now
            return None
        return reason

    def _own_deadline(self) -> float | None:
        deadlines = (self.timers.next_at(), self._invites.next_expiry(), self._requests.next_expiry())
        return min((each for each in deadlines if each is not None), default=None)

    def _handle_own_deadline(self, now: float) -> None:
        self.timers.run(now)
        for expired in self._invites.expire(now):
            self._emit(TransactionTimedOut(self.peer, expired.call_id))
        for transaction in self._requests.expire(now):
            transaction.owner.receive_no_answer(transaction.request, NoAnswer.TIMED_OUT, now)
