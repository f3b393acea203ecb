"""IncomingCall: an INVITE on its way to its 2xx: 100, 180, PRACK where it is required, 200 (RFC 3261 13.3, RFC 3262 3).

When what goes out is said by the owner in `Ringing`; the SDP is that of `media`. From the 200 on it is a `Call`.
"""

from dataclasses import dataclass
from typing import Final

from callrouter.reason import CallEnd, Reason
from callrouter.sip.dialog import Dialog
from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import is_digits
from callrouter.sip.message import Request
from callrouter.sip.rack import RAck, parse_rack
from callrouter.sip.respond import header_line, record_route_lines
from callrouter.sip.transaction import InviteTransaction
from callrouter.telemetry import Sink
from callrouter.ua.body import BadBody, take_answer, take_offer
from callrouter.ua.call import T1_SECONDS, Call, CallOwner, CallState
from callrouter.ua.capabilities import ACCEPT_LINES, SDP_LINE, requires_100rel
from callrouter.ua.endpoint import Endpoint, Reply
from callrouter.ua.media import Media
from callrouter.ua.timers import Timer

_FIRST_RSEQ: Final = 1
_MAX_EXPIRES_DIGITS: Final = 9
"""Of more seconds than that no timer is set."""


@dataclass(frozen=True, slots=True)
class Ringing:
    """When an INVITE gets which answer, in seconds after it came.

    ringing_after_seconds: the 180, if that is no later than the 200. answer_after_seconds: the 200; with 100rel not
    before the PRACK. max_seconds: how long the call may last once it is answered.
    """

    ringing_after_seconds: float = 0.0
    answer_after_seconds: float = 0.0
    max_seconds: float = 1800.0


class IncomingCall(Call):
    """A call that the peer has begun."""

    __slots__ = (
        "_acknowledged", "_body", "_call_type", "_gives_up_at", "_is_due", "_is_reliable", "_number", "_provisional",
        "_repeat_seconds", "_ringing", "_routes", "_timers", "_transaction",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, dialog: Dialog, media: Media, owner: CallOwner, emit: Sink) -> None:
        super().__init__(endpoint, dialog, media, owner, emit)
        self._ringing = Ringing()
        self._timers: list[Timer] = []
        self._routes = ""
        """The Record-Route lines of every answer that makes the dialog."""
        self._body = b""
        """The session description that is still to go out."""
        self._call_type = ""
        self._number = 0
        self._transaction: InviteTransaction | None = None
        self._gives_up_at = 0.0
        """When a reliable 180 has been repeated for long enough."""
        self._is_reliable = False
        self._is_due = False
        self._provisional = b""
        self._acknowledged = True
        self._repeat_seconds = T1_SECONDS

    def begin(
        self, invite: Request, transaction: InviteTransaction, ringing: Ringing, now: float, call_type: str = ""
    ) -> None:
        """Take the INVITE, which nothing was answered to yet; it is refused where its SDP cannot be taken."""
        self._transaction, self._ringing, self._call_type = transaction, ringing, call_type
        self._number, self._routes = invite.cseq.number, record_route_lines(invite)
        try:
            # A delayed offer (13.2.1): ours is in the 2xx, the answer comes with the ACK.
            self._body = take_offer(self.media, invite.headers, invite.body) if invite.body else self.media.make_offer()
        except BadBody as error:
            self._end_early(error.reason, CallEnd.REJECTED, now, ACCEPT_LINES)
            return
        self._is_reliable = requires_100rel(invite.headers)
        timestamp = invite.headers.get("timestamp")
        lines = header_line("Timestamp", timestamp) if timestamp and "\0" not in timestamp else ""
        self.endpoint.answer_invite(transaction, Reply(100, Reason.ANSWERED, lines), now)
        timers = self.endpoint.timers
        if ringing.ringing_after_seconds <= ringing.answer_after_seconds or self._is_reliable:
            self._acknowledged = not self._is_reliable
            self._timers.append(timers.set(now + ringing.ringing_after_seconds, self._ring))
        self._timers.append(timers.set(now + ringing.answer_after_seconds, self._become_due))
        expires = invite.headers.get("expires") or ""
        if is_digits(expires) and len(expires) <= _MAX_EXPIRES_DIGITS:
            # 13.3.1: it is as good as cancelled then.
            self._timers.append(timers.set(now + int(expires), self.cancel))
        timers.run(now)

    def cancel(self, now: float) -> None:
        """The caller gave up (9.2)."""
        if self.state is CallState.EARLY:
            self._end_early(Reason.CANCELLED, CallEnd.CANCELLED, now)

    def stop(self, now: float) -> None:
        """End it decently, however far it is: the process ends."""
        if self.state is CallState.EARLY:
            self._end_early(Reason.DRAINING, CallEnd.STOPPED, now)
        else:
            self.hang_up(CallEnd.STOPPED, now)

    def receive_prack(self, request: Request, now: float) -> None:
        """RFC 3262 3: the PRACK of our reliable 180; any other names nothing."""
        try:
            rack = parse_rack(request.headers.get("rack") or "")
        except MalformedError:
            self.endpoint.reject(request, Reason.NO_DIALOG, now)
            return
        # While nothing went out, nothing can be acknowledged.
        if self._acknowledged or not self._provisional or rack != RAck(_FIRST_RSEQ, self._number, "INVITE"):
            self.endpoint.reject(request, Reason.NO_DIALOG, now)
            return
        if self.media.awaits_answer:
            try:
                take_answer(self.media, request.headers, request.body)
            except BadBody as error:
                self.endpoint.reject(request, error.reason, now, ACCEPT_LINES)
                self._end_early(error.reason, CallEnd.BAD_ANSWER, now)
                return
        self._acknowledged = True
        self.endpoint.answer(request, Reply(200, Reason.PROVISIONAL_ACKNOWLEDGED), now)
        if self._is_due:
            self._answer(now)

    def receive_request(self, request: Request, now: float) -> None:
        was_early = self.state is CallState.EARLY
        super().receive_request(request, now)
        if was_early and request.method == "BYE" and self.cause is not None and self._transaction is not None:
            # 15.1.2: a pending request is answered 487.
            self.endpoint.reject_invite(self._transaction, Reason.CANCELLED, now)

    def move(self, endpoint: Endpoint) -> None:
        """As in `Call`; but until it is answered a call stays where its INVITE came, as the answers must (18.2.2)."""
        if self.state is not CallState.EARLY:
            super().move(endpoint)

    @property
    def handles_invite(self) -> bool:
        return self.state is CallState.EARLY or self._success is not None

    @property
    def owes_answer(self) -> bool:
        return self.state is CallState.EARLY and bool(self._body)

    # --- inside

    def _ring(self, now: float) -> None:
        if self.state is not CallState.EARLY or self._transaction is None:
            return
        lines, body = self._routes + self.lines, b""
        if self._is_reliable:
            lines += header_line("Require", "100rel") + header_line("RSeq", str(_FIRST_RSEQ))
            if self.media.awaits_answer:
                # Our offer belongs into the first answer that is sure to arrive (13.2.1, RFC 3262 5).
                lines += SDP_LINE
                body, self._body = self._body, b""
            self._gives_up_at = now + 64 * T1_SECONDS
            self._timers.append(self.endpoint.timers.set(now + self._repeat_seconds, self._ring_again))
        self._provisional = self.endpoint.answer_invite(
            self._transaction, Reply(180, Reason.ANSWERED, lines, body), now
        )

    def _ring_again(self, now: float) -> None:
        """A reliable 180 goes out again, twice as late each time, for 64*T1 (RFC 3262 3)."""
        if self._acknowledged or self.state is not CallState.EARLY:
            return
        if now >= self._gives_up_at:
            self._end_early(Reason.PROVISIONAL_UNACKNOWLEDGED, CallEnd.REJECTED, now)
            return
        self.endpoint.send_again(self._provisional)
        self._repeat_seconds *= 2
        again_at = min(now + self._repeat_seconds, self._gives_up_at)
        self._timers.append(self.endpoint.timers.set(again_at, self._ring_again))

    def _become_due(self, now: float) -> None:
        self._is_due = True
        if self._acknowledged:
            self._answer(now)

    def _answer(self, now: float) -> None:
        transaction = self._transaction
        if self.state is not CallState.EARLY or transaction is None:
            return
        contact = self.contact_line.partition("<")[2].partition(">")[0]
        lines = self._routes + self.lines + (SDP_LINE if self._body else "")
        reply = Reply(200, Reason.ANSWERED, lines, self._body, contact, self._call_type)
        octets = self.endpoint.answer_invite(transaction, reply, now)
        self._forget()
        self.establish(now, self._ringing.max_seconds)
        self.await_ack(transaction, self._number, octets, now)

    def _end_early(self, reason: Reason, cause: CallEnd, now: float, lines: str = "") -> None:
        if self._transaction is not None:
            self.endpoint.reject_invite(self._transaction, reason, now, lines)
        self.end(cause, now)

    def _forget(self) -> None:
        """What only the way to the answer needs."""
        for timer in self._timers:
            timer.cancel()
        self._timers = []
        self._body = self._provisional = b""
        self._routes = ""
        self._transaction = None

    def _stop_timers(self) -> None:
        super()._stop_timers()
        for timer in self._timers:
            timer.cancel()
