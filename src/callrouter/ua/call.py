"""Call: an INVITE's dialog in use, on one side, from its first answer to its end (RFC 3261 12 to 15, 3311, 6086).

Who answered and who called hold the same kind of call once there is a dialog; what comes before is `incoming` and
`outgoing`. A call belongs to a dialog, not to a connection: a request inside it may come on another one, and what we
send goes where the peer was heard last.
"""

from enum import Enum, auto
from typing import Final, Protocol

from callrouter.reason import CallEnd, Reason
from callrouter.sip.dialog import Dialog
from callrouter.sip.grammar import encode
from callrouter.sip.message import Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.telemetry import CallBegan, CallEnded, MessageDiscarded, Sink
from callrouter.ua.body import BadBody, take_answer, take_offer
from callrouter.ua.capabilities import (
    ACCEPT_LINES,
    ALLOW_LINE,
    CAPABILITIES,
    SDP_LINE,
    SUPPORTED_LINE,
    find_unsupported,
)
from callrouter.ua.endpoint import Endpoint, NoAnswer, Reply
from callrouter.ua.media import Media
from callrouter.ua.timers import Timer

T1_SECONDS: Final = 0.5
T2_SECONDS: Final = 4.0
MAX_RETRY_SECONDS: Final = 10
"""The most that Retry-After may say to who was too quick (14.2)."""
_FIRST_FINAL: Final = 200


class CallState(Enum):
    """How far a call is."""

    EARLY = auto()
    """No 2xx yet."""
    ANSWERED = auto()
    """Our 2xx is out, its ACK has not come."""
    CONFIRMED = auto()
    """Both sides know."""
    ENDING = auto()
    """Our BYE is out."""
    ENDED = auto()


class CallOwner(Protocol):
    """Who keeps the calls."""

    def call_ended(self, call: "Call", now: float) -> None:
        """The call is over; `call.cause` says why. Called once."""


class Call:
    """One side of a call."""

    __slots__ = (
        "_duration_timer", "_emit", "_hang_up_cause", "_success", "answered_at", "cause", "contact_line", "dialog",
        "endpoint", "ends_at", "media", "owner", "state",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, dialog: Dialog, media: Media, owner: CallOwner, emit: Sink) -> None:
        self.endpoint = endpoint
        self.dialog = dialog
        self.media = media
        self.owner = owner
        self.state = CallState.EARLY
        self.cause: CallEnd | None = None
        self.answered_at: float | None = None
        self.ends_at: float | None = None
        """When MaxCallDuration is over; None before the call is answered, or where there is no limit."""
        self.contact_line = ""
        self._emit = emit
        self._duration_timer: Timer | None = None
        self._success: _Success | None = None
        self._hang_up_cause: CallEnd | None = None
        """Why to hang up as soon as that is allowed."""

    # --- what the sides do

    def establish(self, now: float, max_seconds: float | None) -> None:
        """The 2xx is out, or came."""
        self.answered_at = now
        self._emit(CallBegan(self.endpoint.peer, self.dialog.call_id))
        if max_seconds is not None:
            self.ends_at = now + max_seconds
            self._duration_timer = self.endpoint.timers.set(self.ends_at, self._reach_max_duration)

    def await_ack(self, transaction: InviteTransaction, number: int, octets: bytes, now: float) -> None:
        """Our 2xx is out: send it again until its ACK comes (13.3.1.4). number: of the INVITE's CSeq."""
        if self.state is CallState.EARLY:
            self.state = CallState.ANSWERED
        self._success = _Success(self, transaction, number, octets, now)

    def hang_up(self, cause: CallEnd, now: float) -> None:
        """End the call by BYE, as soon as that is allowed: not before the ACK to our 2xx (15). First cause counts."""
        if self.state is CallState.ANSWERED:
            self._hang_up_cause = self._hang_up_cause or cause
        elif self.state is CallState.CONFIRMED:
            if not self.endpoint.is_usable:
                self.end(cause, now)
                return
            # With the BYE the session is over (15.1.1), and so is the wait for the ACK to a re-INVITE's 2xx.
            self._stop_timers()
            self.state = CallState.ENDING
            self.cause = cause
            self.endpoint.send(self.dialog.next_request("BYE"), self, now)

    def end(self, cause: CallEnd, now: float) -> None:
        """It is over, and nothing more goes out."""
        if self.state is CallState.ENDED:
            return
        self.state = CallState.ENDED
        self.cause = self.cause or cause
        self._stop_timers()
        was_answered = self.answered_at is not None
        seconds = now - self.answered_at if self.answered_at is not None else 0.0
        self._emit(CallEnded(self.endpoint.peer, self.dialog.call_id, self.cause, seconds, was_answered))
        self.owner.call_ended(self, now)

    def move(self, endpoint: Endpoint) -> None:
        """The peer was heard on another connection: take the timers there."""
        if endpoint is self.endpoint:
            return
        self.endpoint = endpoint
        if self._duration_timer is not None and self.ends_at is not None:
            self._duration_timer.cancel()
            self._duration_timer = endpoint.timers.set(self.ends_at, self._reach_max_duration)
        if self._success is not None:
            self._success.move()

    # --- requests of the peer, inside the dialog

    def receive_request(self, request: Request, now: float) -> None:
        """Answer what is no INVITE, ACK or CANCEL."""
        refusal = self._screen(request)
        if refusal is not None:
            self.endpoint.reject(request, refusal[0], now, refusal[1])
            return
        method = request.method
        if method == "BYE":
            self.endpoint.answer(request, Reply(200, Reason.HUNG_UP), now)
            self.end(CallEnd.REMOTE_BYE, now)
        elif method == "UPDATE":
            self._receive_update(request, now)
        elif method == "INFO":
            self.endpoint.answer(request, Reply(200, Reason.INFO_TAKEN), now)
        elif method == "OPTIONS":
            self.endpoint.answer(request, Reply(200, Reason.SERVER_ALIVE, CAPABILITIES), now)
        elif method == "PRACK":
            self.receive_prack(request, now)
        else:
            self.endpoint.reject(request, Reason.METHOD_NOT_ALLOWED, now, ALLOW_LINE)

    def receive_prack(self, request: Request, now: float) -> None:
        """A PRACK; who answered an INVITE may await one (RFC 3262 3)."""
        self.endpoint.reject(request, Reason.NO_DIALOG, now)

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        """A re-INVITE (14.2)."""
        endpoint = self.endpoint
        refusal = self._screen(invite)
        if refusal is not None:
            endpoint.reject_invite(transaction, refusal[0], now, refusal[1])
        elif self.handles_invite:
            endpoint.answer_invite(transaction, self._busy(), now)
        elif self.state is not CallState.CONFIRMED or self.media.awaits_answer:
            endpoint.reject_invite(transaction, Reason.CHANGE_PENDING, now)
        else:
            self._accept_change(invite, transaction, now)

    def receive_ack(self, ack: Request, now: float) -> None:
        """The ACK to a 2xx of ours, perhaps with the answer to an offer in it."""
        success = self._success
        if success is None or ack.cseq.number != success.number:
            self._emit(MessageDiscarded(self.endpoint.peer, Reason.ACK_UNMATCHED))
            return
        self._success = None
        success.finish()
        if self.state is CallState.ANSWERED:
            self.state = CallState.CONFIRMED
        if self.media.awaits_answer:
            try:
                take_answer(self.media, ack.headers, ack.body)
            except BadBody:
                self.hang_up(CallEnd.BAD_ANSWER, now)
                return
        if self._hang_up_cause is not None:
            self.hang_up(self._hang_up_cause, now)

    def _receive_update(self, request: Request, now: float) -> None:
        """RFC 3311 5.2; without a body it only refreshes."""
        lines, body = self.lines, b""
        if request.body:
            if self.media.awaits_answer:
                self.endpoint.reject(request, Reason.CHANGE_PENDING, now)
                return
            if self.owes_answer:
                self.endpoint.answer(request, self._busy(), now)
                return
            try:
                body = take_offer(self.media, request.headers, request.body)
            except BadBody as error:
                self.endpoint.reject(request, error.reason, now, ACCEPT_LINES)
                return
            lines += SDP_LINE
        self.dialog.refresh_target(request.headers)
        self.endpoint.answer(request, Reply(200, Reason.SESSION_CHANGED, lines, body), now)

    @property
    def lines(self) -> str:
        """What answers to target refresh requests carry (12.1.1, 20.5)."""
        return self.contact_line + ALLOW_LINE + SUPPORTED_LINE

    @property
    def handles_invite(self) -> bool:
        """Whether an INVITE of the peer is on its way: to its answer, or to its ACK."""
        return self._success is not None

    @property
    def owes_answer(self) -> bool:
        """Whether an offer of the peer still awaits its answer."""
        return False

    # --- endpoint.AnswerTaker, for our BYE

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        """Whatever the final answer to a BYE is, the call is over (15.1.1)."""
        if request.method == "BYE" and response.status >= _FIRST_FINAL:
            self.end(CallEnd.LOCAL_BYE, now)

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:
        """As above: the peer is gone."""
        del why
        if request.method == "BYE":
            self.end(CallEnd.LOCAL_BYE, now)

    # --- inside

    def _screen(self, request: Request) -> tuple[Reason, str] | None:
        """Why a request of the dialog is refused before it is looked at, and header lines that go with that."""
        if not self.dialog.takes(request):
            return Reason.OUT_OF_ORDER, ""
        if self.state is CallState.ENDING and request.method != "BYE":
            # It has crossed our BYE (RFC 5407 3.3).
            return Reason.NO_DIALOG, ""
        unsupported = find_unsupported(request.headers)
        return (Reason.UNSUPPORTED_EXTENSION, header_line("Unsupported", unsupported)) if unsupported else None

    def _busy(self) -> Reply:
        """For who must wait for the answer to something earlier (14.2, RFC 3311 5.2); the seconds have to be random."""
        seconds = sum(encode(self.endpoint.make_token())) % (MAX_RETRY_SECONDS + 1)
        return Reply(500, Reason.CHANGE_UNFINISHED, header_line("Retry-After", str(seconds)))

    def _accept_change(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        endpoint, media = self.endpoint, self.media
        try:
            body = take_offer(media, invite.headers, invite.body) if invite.body else media.make_offer()
        except BadBody as error:
            endpoint.reject_invite(transaction, error.reason, now, ACCEPT_LINES)
            return
        self.dialog.refresh_target(invite.headers)
        reply = Reply(200, Reason.SESSION_CHANGED, self.lines + SDP_LINE, body)
        octets = endpoint.answer_invite(transaction, reply, now)
        self.await_ack(transaction, invite.cseq.number, octets, now)

    def _reach_max_duration(self, now: float) -> None:
        self.hang_up(CallEnd.MAX_DURATION, now)

    def lose_ack(self, now: float) -> None:
        """Our 2xx was never acknowledged (13.3.1.4): the session ends by BYE."""
        self._success = None
        if self.state is CallState.ANSWERED:
            self.state = CallState.CONFIRMED
        self.hang_up(CallEnd.NO_ACK, now)

    def _stop_timers(self) -> None:
        if self._duration_timer is not None:
            self._duration_timer.cancel()
            self._duration_timer = None
        if self._success is not None:
            self._success.stop()
            self._success = None


class _Success:
    """A 2xx of ours that goes out again and again until its ACK comes (13.3.1.4)."""

    __slots__ = ("_call", "_gives_up_at", "_interval", "_octets", "_origin", "_timer", "_transaction", "number")

    def __init__(self, call: Call, transaction: InviteTransaction, number: int, octets: bytes, now: float) -> None:
        self.number = number
        self._call = call
        self._origin = call.endpoint
        """Where the INVITE came, and its transaction is kept."""
        self._transaction = transaction
        self._octets = octets
        self._interval = T1_SECONDS
        self._gives_up_at = now + 64 * T1_SECONDS
        self._timer = call.endpoint.timers.set(now + T1_SECONDS, self._repeat)

    def stop(self) -> None:
        """It needs no repeating any more."""
        self._timer.cancel()

    def finish(self) -> None:
        """Its ACK came."""
        self._timer.cancel()
        self._origin.end_invite(self._transaction)

    def move(self) -> None:
        """The call has another connection."""
        self._timer.cancel()
        self._timer = self._call.endpoint.timers.set(self._timer.at, self._repeat)

    def _repeat(self, now: float) -> None:
        call = self._call
        if now >= self._gives_up_at:
            call.lose_ack(now)
            return
        if call.endpoint.is_usable:
            call.endpoint.send_again(self._octets)
        self._interval = min(2 * self._interval, T2_SECONDS)
        self._timer = call.endpoint.timers.set(min(now + self._interval, self._gives_up_at), self._repeat)
