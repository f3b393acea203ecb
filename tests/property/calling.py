"""Two endpoints back to back: a worker-like one that answers calls, and a phone that does as it is told. No transport.

Whatever either of them says is read again by a framer of its own and has to be sound.
"""

from dataclasses import dataclass, field

from callrouter.reason import CallEnd, Reason
from callrouter.sdp.description import format_description
from callrouter.sdp.offer import build_offer
from callrouter.sip.dialog import Dialog, DialogKey, accept_dialog, dialog_key, enter_dialog
from callrouter.sip.errors import MalformedError
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import header_line
from callrouter.sip.status import PHRASES
from callrouter.sip.transaction import InviteTransaction
from callrouter.sip.validate import validate
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event, MessageDiscarded, RequestAnswered, Sink
from callrouter.ua.call import Call, CallState
from callrouter.ua.capabilities import ALLOW_LINE, CAPABILITIES, SDP_LINE, find_unsupported
from callrouter.ua.endpoint import Endpoint, EndpointConfig, NoAnswer, Reply
from callrouter.ua.incoming import IncomingCall, Ringing
from callrouter.ua.media import Media, MediaConfig
from callrouter.wire import Peer

LIMITS = SessionLimits()
OFFER = format_description(build_offer("192.0.2.10", 4000, 7))
MUTE_OFFER = OFFER.replace(b"m=audio", b"m=video")
"""Sound, but with nothing that can be taken."""
NO_SDP = b"v=0\r\nwhatever"
CONTACT = "sip:phone@192.0.2.10:40000;transport=tcp"
ROUTES = ("<sip:p2.example.com;lr>", '"a, b" <sip:p1.example.com;lr>;x=1')
"""As Record-Route of an INVITE: the last proxy first."""


class Desk:
    """A user agent that takes every call. The calls are in `calls` while they last."""

    def __init__(self, endpoint: Endpoint, ringing: Ringing, emit: Sink) -> None:
        self.calls: dict[DialogKey, IncomingCall] = {}
        self.is_stopped = False
        self._endpoint = endpoint
        self._ringing = ringing
        self._emit = emit

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        endpoint = self._endpoint
        unsupported = find_unsupported(invite.headers)
        if invite.to_tag:
            call = self.calls.get(dialog_key(invite))
            if call is None:
                endpoint.reject_invite(transaction, Reason.NO_DIALOG, now)
            else:
                call.receive_invite(invite, transaction, now)
        elif self.is_stopped:
            endpoint.reject_invite(transaction, Reason.DRAINING, now)
        elif unsupported:
            lines = header_line("Unsupported", unsupported)
            endpoint.reject_invite(transaction, Reason.UNSUPPORTED_EXTENSION, now, lines)
        else:
            self._begin(invite, transaction, now)

    def _begin(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        try:
            dialog = accept_dialog(invite, transaction.to_tag)
        except MalformedError:
            self._endpoint.reject_invite(transaction, Reason.MISSING_CONTACT, now)
            return
        call = IncomingCall(self._endpoint, dialog, Media(MediaConfig("192.0.2.1", 5000, 1)), self, self._emit)
        call.contact_line = header_line("Contact", "<sip:192.0.2.1:5065;transport=Tcp>;automata")
        assert dialog.key not in self.calls
        self.calls[dialog.key] = call
        call.begin(invite, transaction, self._ringing, now)

    def receive_request(self, request: Request, now: float) -> None:
        call = self.calls.get(dialog_key(request))
        if call is not None:
            call.receive_request(request, now)
        elif request.method == "OPTIONS":
            self._endpoint.answer(request, Reply(200, Reason.SERVER_ALIVE, CAPABILITIES), now)
        else:
            is_served = request.method in ALLOW_LINE
            reason = Reason.NO_DIALOG if is_served else Reason.METHOD_NOT_ALLOWED
            self._endpoint.reject(request, reason, now, ALLOW_LINE)

    def receive_ack(self, ack: Request, now: float) -> None:
        call = self.calls.get(dialog_key(ack))
        if call is None:
            self._emit(MessageDiscarded(self._endpoint.peer, Reason.ACK_UNMATCHED))
        else:
            call.receive_ack(ack, now)

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        invite = transaction.request
        assert invite is not None
        self.calls[invite.call_id, transaction.to_tag, invite.from_tag].cancel(now)

    def connection_lost(self, now: float) -> None:
        for call in list(self.calls.values()):
            call.end(CallEnd.CONNECTION_LOST, now)

    def begin_drain(self, now: float) -> None:
        self.is_stopped = True
        for call in list(self.calls.values()):
            call.stop(now)

    def is_busy(self) -> bool:
        return bool(self.calls)

    def call_ended(self, call: Call, now: float) -> None:
        del now
        assert call.state is CallState.ENDED
        assert self.calls.pop(call.dialog.key) is call


@dataclass
class Sent:
    """A request of the phone and what it got."""

    request: OutgoingRequest
    at: float
    answers: list[tuple[float, Response]] = field(default_factory=list)
    acknowledged_at: float | None = None
    """The ACK to its 2xx."""
    has_offer: bool = True

    @property
    def finals(self) -> list[Response]:
        return [answer for _, answer in self.answers if answer.status >= 200]

    @property
    def status(self) -> int:
        """Of the final answer, 0 where none came yet."""
        return self.finals[0].status if self.finals else 0

    def times_of(self, status: int) -> list[float]:
        return [at for at, answer in self.answers if answer.status == status]

    @property
    def awaits_ack(self) -> bool:
        return self.status == 200 and self.acknowledged_at is None


class Phone:
    """The other user agent: sends what the test wants, keeps the answers, answers a BYE unless it is mute."""

    def __init__(self, endpoint: Endpoint, *, is_mute: bool) -> None:
        self.by_branch: dict[tuple[str, str], Sent] = {}
        self.byes: dict[str, tuple[float, Request]] = {}
        """By Call-ID: those that came."""
        self.unanswered: list[NoAnswer] = []
        self._endpoint = endpoint
        self._is_mute = is_mute

    def send(self, request: OutgoingRequest, now: float) -> Sent:
        sent = Sent(self._endpoint.send(request, self, now), now, has_offer=bool(request.body))
        self.by_branch[sent.request.branch, request.method] = sent
        return sent

    def cancel(self, invite: OutgoingRequest, now: float) -> Sent:
        self._endpoint.send_cancel(invite, self, now)
        sent = self.by_branch[invite.branch, "CANCEL"] = Sent(invite.cancel(), now)
        return sent

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        self.by_branch[request.branch, request.method].answers.append((now, response))

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:
        del request, now
        self.unanswered.append(why)

    def receive_request(self, request: Request, now: float) -> None:
        assert request.method == "BYE"
        assert request.call_id not in self.byes, "a second BYE"
        self.byes[request.call_id] = (now, request)
        if not self._is_mute:
            self._endpoint.answer(request, Reply(200, Reason.HUNG_UP), now)

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        raise AssertionError((invite, transaction, now))

    def receive_ack(self, ack: Request, now: float) -> None:
        raise AssertionError((ack, now))

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        raise AssertionError((transaction, now))

    def connection_lost(self, now: float) -> None:
        pass

    def begin_drain(self, now: float) -> None:
        pass

    def is_busy(self) -> bool:
        return False


class Tap:
    """Reads one direction, and has every message be sound."""

    def __init__(self) -> None:
        self.messages: list[tuple[float, Request | Response]] = []
        self._framer = Framer(MessageLimits())

    def read(self, octets: bytes, now: float) -> None:
        self._framer.receive_data(octets)
        while (frame := self._framer.next_frame()) is not None:
            if isinstance(frame, Request):
                assert validate(frame, MessageLimits()) == ()
            elif isinstance(frame, Response):
                check_response(frame)
            else:
                continue
            self.messages.append((now, frame))
        assert not self._framer.is_mid_message


def check_response(response: Response) -> None:
    """What every answer has to be like (8.2.6)."""
    assert PHRASES[response.status] == response.phrase or response.status == 400
    assert response.via_count == 1
    assert response.top_via.branch.startswith("z9hg4bk")
    assert [len(response.headers.rows(name)) for name in ("from", "to", "call-id", "cseq")] == [1, 1, 1, 1]
    assert response.to_tag or response.status == 100
    assert bool(response.body) == ("content-type" in response.headers)
    if response.cseq.method in ("INVITE", "UPDATE") and 100 < response.status < 300:
        assert "contact" in response.headers
    if response.status == 415:
        assert "accept" in response.headers
    if response.status == 405:
        assert "allow" in response.headers


class Line:
    """Both ends, what lies between them, and the time."""

    def __init__(self, ringing: Ringing, *, cut: int = 1 << 20, is_mute: bool = False) -> None:
        self.now = 0.0
        self.events: list[Event] = []
        self.phone_events: list[Event] = []
        self.tokens = 0
        self.is_lost = False
        self.lost_at = 0.0
        self.is_at_eof = False
        self._cut = cut
        near = EndpointConfig(LIMITS, self.events.append, b"k" * 16, self._make_token)
        far = EndpointConfig(LIMITS, self.phone_events.append, b"k" * 16, self._make_token, idles_for_ever=True)
        self.near = Endpoint(Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5065), near, 0.0)
        self.far = Endpoint(Peer("192.0.2.1", 5065, local_address="192.0.2.10", local_port=40000), far, 0.0)
        self.desk = Desk(self.near, ringing, self.events.append)
        self.phone = Phone(self.far, is_mute=is_mute)
        self.near.serve(self.desk)
        self.far.serve(self.phone)
        self.near_tap, self.far_tap = Tap(), Tap()

    def _make_token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens}"

    @property
    def is_open(self) -> bool:
        return not (self.is_lost or self.is_at_eof)

    def inject(self, octets: bytes) -> None:
        """Send the worker something that no endpoint would."""
        self._feed(self.near, octets)
        self.pump()

    def pump(self) -> None:
        """Carry over what is to be said, until nobody says anything."""
        while True:
            said = b"".join(self.near.data_to_send())
            asked = b"".join(self.far.data_to_send())
            self.near_tap.read(said, self.now)
            self.far_tap.read(asked, self.now)
            if not said and not asked:
                break
            self._feed(self.far, said)
            if not self.is_at_eof:
                self._feed(self.near, asked)
        if self.near.close_reason is not None:
            self.lose()

    def _feed(self, endpoint: Endpoint, octets: bytes) -> None:
        for start in range(0, len(octets), self._cut):
            endpoint.receive_data(octets[start : start + self._cut], self.now)

    def lose(self) -> None:
        """The connection goes."""
        if not self.is_lost:
            self.is_lost, self.lost_at = True, self.now
            self.near.connection_lost(self.now)
            self.far.connection_lost(self.now)

    def end_stream(self) -> None:
        """The phone will send no more."""
        self.is_at_eof = True
        self.near.receive_eof(self.now)
        self.pump()

    def pass_time(self, seconds: float) -> None:
        """Let time pass, deadlines handled as transport does."""
        until = self.now + seconds
        for _ in range(10_000):
            deadlines = [at for each in (self.near, self.far) if (at := each.next_deadline()) is not None]
            if not deadlines or min(deadlines) > until:
                break
            self.now = max(self.now, min(deadlines))
            for endpoint in (self.near, self.far):
                at = endpoint.next_deadline()
                if at is not None and at <= self.now:
                    endpoint.handle_deadline(self.now)
            self.pump()
        else:
            raise AssertionError("time stands still")
        self.now = until

    def check_final_answers(self) -> None:
        """One for each; but a 2xx to INVITE may come again, and every CANCEL of an INVITE has the same branch."""
        messages = [each for _, each in self.near_tap.messages]
        assert [each.method for each in messages if isinstance(each, Request) and each.method != "BYE"] == []
        finals = [each for each in messages if isinstance(each, Response) and each.status >= 200]
        cancels = [each for each in finals if each.cseq.method == "CANCEL"]
        invites = {(each.top_via.branch, each.start_line) for each in finals if each.cseq.method == "INVITE"}
        others = [each for each in finals if each.cseq.method not in ("CANCEL", "INVITE")]
        one_each = [*(branch for branch, _ in invites), *(each.top_via.branch for each in others)]
        assert len(set(one_each)) == len(one_each)
        answered = [event for event in self.events if isinstance(event, RequestAnswered)]
        assert len(answered) == len(one_each) + len(cancels)


def make_invite(number: int, body: bytes, lines: str = "") -> OutgoingRequest:
    """The INVITE of the phone's call of this number."""
    host = "192.0.2.10"
    sdp = SDP_LINE if body else ""
    lines = header_line("Contact", f"<{CONTACT}>") + sdp + lines
    from_, to = f"<sip:phone@{host}>;tag=f{number}", "<sip:100@192.0.2.1>"
    return OutgoingRequest("INVITE", "sip:100@192.0.2.1", from_, to, f"c{number}@{host}", 1, (), lines, body)


def dialog_of(sent: Sent) -> Dialog | None:
    """The phone's dialog, once an answer made one."""
    for _, answer in sent.answers:
        if 100 < answer.status < 300:
            tag = sent.request.from_.rpartition(";tag=")[2]
            return enter_dialog(sent.request, answer, tag)
    return None
