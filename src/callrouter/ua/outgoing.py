"""OutgoingCall: an INVITE of ours on one connection, from its first octet to its 2xx, or to no call (RFC 3261 13.2).

Provisional answers, reliable ones acknowledged by PRACK (RFC 3262 4); CANCEL (9.1); the ACK of every 2xx that comes,
again or from another branch of a fork (13.2.2.4). From the 2xx on it is a `Call`. What a final answer that is no 2xx
means, a redirect above all, is decided by who is told of the `Failure`.
"""

from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Final, Protocol

from callrouter.reason import CallEnd, Reason
from callrouter.sip.address import find_tag
from callrouter.sip.dialog import Dialog, enter_dialog
from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import Headers
from callrouter.sip.message import Request, Response
from callrouter.sip.rack import RAck, parse_rseq
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import header_line
from callrouter.telemetry import Sink
from callrouter.ua.call import Call, CallOwner, CallState
from callrouter.ua.capabilities import ALLOW_LINE, SDP_LINE, SUPPORTED_LINE, requires_100rel
from callrouter.ua.endpoint import Endpoint, NoAnswer
from callrouter.ua.media import Media
from callrouter.ua.proposal import Proposal
from callrouter.wire import Transport

_FIRST_FINAL: Final = 200
_FIRST_FAILURE: Final = 300
_TRYING: Final = 100
_MAX_LEGS: Final = 16
"""Branches of a fork that are told apart; what others say is not listened to."""


class Progress(Enum):
    """How far an INVITE is (17.1.1.2, figure 5)."""

    CALLING = auto()
    """Nothing came yet."""
    PROCEEDING = auto()
    """A provisional answer came."""
    ANSWERED = auto()
    """There is a call."""
    FAILED = auto()
    """There will be none."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why there is no call.

    cause: REJECTED, CANCELLED (by us), NO_ANSWER (Timer B) or CONNECTION_LOST. response: the final one, where one came.
    """

    cause: CallEnd
    response: Response | None = None


class OutgoingOwner(CallOwner, Protocol):
    """Who calls. `call_ended` is told of a call that was answered."""

    def call_progressed(self, call: "OutgoingCall", response: Response, now: float) -> None:
        """A provisional answer came."""

    def call_answered(self, call: "OutgoingCall", answered: "AnsweredCall", now: float) -> None:
        """The 2xx came and is acknowledged. Called at the most once."""

    def call_failed(self, call: "OutgoingCall", failure: Failure, now: float) -> None:
        """There will be no call. Called once, unless `call_answered` was."""


class AnsweredCall(Call):
    """What an outgoing call becomes; before its 2xx the early dialog, in which the peer may send requests, too."""

    __slots__ = ("answer", "bye_status", "fault", "is_hung_up_by_peer")

    def __init__(self, endpoint: Endpoint, dialog: Dialog, media: Media, owner: CallOwner, emit: Sink) -> None:
        super().__init__(endpoint, dialog, media, owner, emit)
        self.answer: tuple[int, str] = (0, "")
        """Status and phrase of the 2xx."""
        self.bye_status = 0
        """The final answer to our BYE; 0 before there was one."""
        self.fault = ""
        """What is wrong with the peer's session description, in one sentence; "" where it fits."""
        self.is_hung_up_by_peer = False

    def receive_request(self, request: Request, now: float) -> None:
        if request.method == "BYE" and self.state is CallState.EARLY:
            # Who is called ends an early dialog by the answer to its INVITE, never by BYE (15).
            self.endpoint.reject(request, Reason.NO_DIALOG, now)
            return
        self.is_hung_up_by_peer = self.is_hung_up_by_peer or request.method == "BYE"
        super().receive_request(request, now)

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        if request.method == "BYE" and response.status >= _FIRST_FINAL:
            self.bye_status = response.status
        super().receive_response(request, response, now)


class _Leg:
    """One branch of a fork, by its To tag. Where nobody forks there is one."""

    __slots__ = ("ack", "call", "has_agreed", "response_number")

    def __init__(self, call: AnsweredCall, *, has_agreed: bool) -> None:
        self.call = call
        self.has_agreed = has_agreed
        """Offer and answer are exchanged; descriptions that come after are not looked at (13.2.1)."""
        self.response_number: int | None = None
        """RSeq of the last reliable provisional answer."""
        self.ack = b""
        """The octets of the ACK, for each 2xx that comes again."""


class OutgoingCall:
    """One INVITE of ours. An `endpoint.AnswerTaker`."""

    __slots__ = (
        "_active", "_contact_line", "_emit", "_has_cancelled", "_invite", "_legs",
        "_local_tag", "_owner", "_proposal", "_releasing", "_wants_end", "endpoint", "progress",
    )  # fmt: skip

    def __init__(self, endpoint: Endpoint, proposal: Proposal, owner: OutgoingOwner, emit: Sink) -> None:
        self.endpoint = endpoint
        self.progress = Progress.CALLING
        self._proposal = proposal
        self._owner = owner
        self._emit = emit
        self._invite: OutgoingRequest | None = None
        self._local_tag = ""
        self._contact_line = ""
        self._legs: dict[str, _Leg] = {}
        self._active: AnsweredCall | None = None
        self._wants_end = False
        self._has_cancelled = False
        self._releasing = 0
        """Answered branches that nobody wants, whose BYE is out."""

    @property
    def key(self) -> tuple[str, str]:
        """Call-ID and our tag: what requests inside its dialogs have in common."""
        return (self._invite.call_id if self._invite else "", self._local_tag)

    @property
    def is_over(self) -> bool:
        """Whether nothing more comes of it."""
        is_ended = self._active is not None and self._active.state is CallState.ENDED
        return (self.progress is Progress.FAILED or is_ended) and self._releasing == 0

    def begin(self, invite: OutgoingRequest, now: float) -> None:
        """Send the INVITE. Contact, Allow, Supported and the body are added.

        Raises:
            MalformedError: what the INVITE is made of cannot be sent, or its From has no tag that can be read.
        """
        self._local_tag = find_tag(invite.from_)
        self._contact_line = header_line("Contact", f"<{self._contact_uri(invite)}>")
        type_line, body = self._proposal.build()
        lines = invite.lines + self._contact_line + ALLOW_LINE + SUPPORTED_LINE + type_line
        self._invite = self.endpoint.send(replace(invite, lines=lines, body=body), self, now)

    def hang_up(self, now: float) -> None:
        """End it, however far it is: by CANCEL once a provisional answer has come (9.1), by BYE after the 2xx."""
        if self._active is not None:
            self._active.hang_up(CallEnd.LOCAL_BYE, now)
        elif self.progress is not Progress.FAILED:
            self._wants_end = True
            if self.progress is Progress.PROCEEDING:
                self._cancel(now)

    def connection_lost(self, now: float) -> None:
        """As `endpoint.UserAgent`: a call that was answered ends with its connection."""
        if self._active is not None:
            self._active.end(CallEnd.CONNECTION_LOST, now)
        elif self._is_open:
            self._fail(Failure(CallEnd.CANCELLED if self._wants_end else CallEnd.CONNECTION_LOST), now)

    def find(self, remote_tag: str) -> AnsweredCall | None:
        """The dialog with this tag of the peer."""
        leg = self._legs.get(remote_tag)
        return None if leg is None else leg.call

    # --- endpoint.AnswerTaker

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        """An answer to the INVITE, or to a PRACK, CANCEL or BYE of ours, of which only the BYE's matters."""
        status = response.status
        if request.method == "BYE" and status >= _FIRST_FINAL:
            self._release_ended(now)
        if request.method != "INVITE":
            return
        if status < _FIRST_FINAL:
            self._receive_provisional(response, now)
        elif status < _FIRST_FAILURE:
            self._receive_success(response, now)
        elif self._is_open:
            self._fail(Failure(CallEnd.CANCELLED if self._wants_end else CallEnd.REJECTED, response), now)

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:
        """Timer B or F, or no connection any more."""
        if request.method == "BYE":
            self._release_ended(now)
        elif request.method == "INVITE" and self._is_open:
            cause = CallEnd.CONNECTION_LOST if why is NoAnswer.CONNECTION_LOST else CallEnd.NO_ANSWER
            self._fail(Failure(CallEnd.CANCELLED if self._wants_end else cause), now)

    # --- provisional answers

    def _receive_provisional(self, response: Response, now: float) -> None:
        if not self._is_open:
            return
        self.progress = Progress.PROCEEDING
        if response.status > _TRYING:
            if _is_reliable(response.headers):
                if not self._acknowledge_provisional(response, now):
                    return
            else:
                self._find_leg(response)
        if self._wants_end:
            self._cancel(now)
        self._owner.call_progressed(self, response, now)

    def _acknowledge_provisional(self, response: Response, now: float) -> bool:
        """PRACK; False for one that comes again or out of order, which is not listened to (RFC 3262 4)."""
        leg = self._find_leg(response)
        try:
            number = parse_rseq(response.headers.get("rseq") or "")
        except MalformedError:
            return False
        if leg is None or leg.response_number not in (None, number - 1):
            return False
        leg.response_number = number
        body = self._agree(leg, response) if response.body else b""
        rack = RAck(number, response.cseq.number, "INVITE")
        lines = header_line("RAck", str(rack)) + (SDP_LINE if body else "")
        self.endpoint.send(leg.call.dialog.next_request("PRACK", lines, body), self, now)
        return True

    # --- 2xx

    def _receive_success(self, response: Response, now: float) -> None:
        leg = self._find_leg(response)
        if leg is None or self._invite is None:
            return
        if leg.ack:
            self.endpoint.send_again(leg.ack)
            return
        self._confirm(leg, response)
        body = self._agree(leg, response)
        if not leg.has_agreed:
            leg.call.fault = leg.call.fault or "the 2xx has no session description"
        lines = SDP_LINE if body else ""
        ack = leg.call.dialog.request_of("ACK", self._invite.number, lines, body)
        leg.ack = self.endpoint.send_unanswered(ack)
        if self._is_open and not self._wants_end:
            leg.call.answer = (response.status, response.phrase)
            self._take(leg.call, now)
        else:
            self._release(leg.call, now)

    def _confirm(self, leg: _Leg, response: Response) -> None:
        """An early dialog takes target and route set of the 2xx (13.2.2.4); its sequence numbers go on."""
        early = leg.call.dialog
        dialog = leg.call.dialog = self._enter(response, early.remote_tag)
        dialog.local_number, dialog.remote_number = early.local_number, early.remote_number

    def _take(self, call: AnsweredCall, now: float) -> None:
        self.progress = Progress.ANSWERED
        self._active = call
        call.state = CallState.CONFIRMED
        call.establish(now, None)
        self._owner.call_answered(self, call, now)
        if call.fault:
            call.hang_up(CallEnd.BAD_ANSWER, now)

    def _release(self, call: AnsweredCall, now: float) -> None:
        """A 2xx that crossed our CANCEL, or a second one: ACK is out, BYE follows (9.1, 13.2.2.4)."""
        if self.endpoint.is_usable:
            self._releasing += 1
            self.endpoint.send(call.dialog.next_request("BYE"), self, now)

    def _release_ended(self, now: float) -> None:
        self._releasing -= 1
        if self._releasing == 0 and self._is_open:
            self._fail(Failure(CallEnd.CANCELLED), now)

    # --- CANCEL

    def _cancel(self, now: float) -> None:
        if self._has_cancelled or self._invite is None or not self.endpoint.is_usable:
            return
        self._has_cancelled = True
        self.endpoint.send_cancel(self._invite, self, now)

    # --- inside

    @property
    def _is_open(self) -> bool:
        """Whether it is not known yet what comes of the INVITE."""
        return self.progress in (Progress.CALLING, Progress.PROCEEDING)

    def _fail(self, failure: Failure, now: float) -> None:
        self.progress = Progress.FAILED
        self._owner.call_failed(self, failure, now)

    def _find_leg(self, response: Response) -> _Leg | None:
        """The branch that an answer comes from; None where that cannot be told, or there are too many."""
        try:
            tag = response.to_tag
        except MalformedError:
            return None
        leg = self._legs.get(tag)
        if leg is None and len(self._legs) < _MAX_LEGS:
            media = self._proposal.open_media()
            call = AnsweredCall(self.endpoint, self._enter(response, tag), media, self._owner, self._emit)
            call.contact_line = self._contact_line
            # An offer that we cannot read ourselves: its answer is not judged.
            is_judged = media.awaits_answer or not self._proposal.has_offer
            leg = self._legs[tag] = _Leg(call, has_agreed=not is_judged)
        return leg

    def _enter(self, response: Response, tag: str) -> Dialog:
        """The dialog of an answer; one whose Contact cannot be read is met where the INVITE went."""
        invite = self._invite or OutgoingRequest("INVITE", "", "", "", "", 0)
        try:
            return enter_dialog(invite, response, self._local_tag)
        except MalformedError:
            to = response.headers.get("to") or invite.to
            dialog = Dialog(invite.call_id, invite.from_, to, (self._local_tag, tag), (invite.number, None))
            dialog.remote_target = invite.uri
            return dialog

    def _agree(self, leg: _Leg, response: Response) -> bytes:
        """Take the description in an answer. Returns our answer to it where it is an offer (13.2.1)."""
        if leg.has_agreed or not response.body:
            return b""
        leg.has_agreed = True
        answer, leg.call.fault = self._proposal.agree(leg.call.media, response.headers, response.body)
        return answer

    def _contact_uri(self, invite: OutgoingRequest) -> str:
        """Where we are; sips where the Request-URI is (8.1.1.8)."""
        peer = self.endpoint.peer
        address = f"{self.endpoint.local_host}:{peer.local_port}"
        if invite.uri[:5].lower() == "sips:":
            return f"sips:{address}"
        return f"sip:{address};transport={'tls' if peer.transport is Transport.TLS else 'tcp'}"


def _is_reliable(headers: Headers) -> bool:
    return "rseq" in headers and requires_100rel(headers)
