"""One INVITE of ours on an endpoint without a connection: what went out is read, what comes is written by the test."""

from dataclasses import dataclass, field

from callrouter.caller.agent import CallerAgent
from callrouter.reason import CallEnd
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import build_response, end_of_head, header_line
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event
from callrouter.ua.call import Call, CallState
from callrouter.ua.capabilities import SDP_LINE
from callrouter.ua.endpoint import Endpoint, EndpointConfig
from callrouter.ua.media import Media, MediaConfig
from callrouter.ua.outgoing import AnsweredCall, Failure, OutgoingCall
from callrouter.ua.proposal import GivenBody, Proposal
from callrouter.wire import Peer, Transport

PEER = Peer("192.0.2.9", 5065, local_address="192.0.2.1", local_port=40000)
URI = "sip:2001@192.0.2.9:5065;transport=Tcp"
MEDIA = MediaConfig("192.0.2.1", 4000, 1)
CALLEE_MEDIA = MediaConfig("192.0.2.9", 5000, 2)
CONTACT = "<sip:192.0.2.9:5065;transport=Tcp>"


@dataclass
class Owner:
    """An `OutgoingOwner` that remembers."""

    progress: list[int] = field(default_factory=list)
    answered: list[AnsweredCall] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    ended: list[Call] = field(default_factory=list)

    def call_progressed(self, call: OutgoingCall, response: Response, now: float) -> None:
        del call, now
        self.progress.append(response.status)

    def call_answered(self, call: OutgoingCall, answered: AnsweredCall, now: float) -> None:
        del call, now
        assert answered.state is CallState.CONFIRMED
        self.answered.append(answered)

    def call_failed(self, call: OutgoingCall, failure: Failure, now: float) -> None:
        del call, now
        self.failures.append(failure)

    def call_ended(self, call: Call, now: float) -> None:
        del now
        self.ended.append(call)


class Rig:
    """The clock is the test's."""

    def __init__(self, given: GivenBody | None = None, uri: str = URI, transport: Transport = Transport.TCP) -> None:
        self.events: list[Event] = []
        self.owner = Owner()
        self._tokens = iter(range(10**6))
        peer = Peer(PEER.address, PEER.port, transport, PEER.local_address, PEER.local_port)
        limits = SessionLimits()
        config = EndpointConfig(limits, self.events.append, b"k" * 16, lambda: f"t{next(self._tokens)}")
        self.endpoint = Endpoint(peer, config, 0.0)
        self.agent = CallerAgent(self.endpoint, self.events.append)
        self.endpoint.serve(self.agent)
        self._framer = Framer(MessageLimits())
        self.call = OutgoingCall(self.endpoint, Proposal(MEDIA, given), self.owner, self.events.append)
        lines = header_line("Diversion", "<sip:5001@pbx.example.com>;reason=no-answer")
        invite = OutgoingRequest(
            "INVITE", uri, "<sip:5002@192.0.2.1>;tag=f1", "<sip:2001@192.0.2.9>", "c1@192.0.2.1", 1, (), lines
        )
        self.call.begin(invite, 0.0)
        self.agent.place(self.call)
        [sent] = self.sent()
        assert isinstance(sent, Request)
        self.invite = sent

    def sent(self) -> list[Request | Response]:
        """What went out since the last time."""
        messages: list[Request | Response] = []
        for chunk in self.endpoint.data_to_send():
            self._framer.receive_data(chunk)
        while (frame := self._framer.next_frame()) is not None:
            assert isinstance(frame, Request | Response)
            messages.append(frame)
        return messages

    def requests(self) -> list[Request]:
        """The same, of which all have to be requests."""
        messages = self.sent()
        assert all(isinstance(each, Request) for each in messages)
        return [each for each in messages if isinstance(each, Request)]

    def receive(
        self,
        status: int,
        lines: str = "",
        body: bytes = b"",
        *,
        tag: str = "b1",
        of: Request | None = None,
        now: float = 1.0,
    ) -> list[Request]:
        """An answer comes; returns the requests that go out upon it. lines: Contact and type are added."""
        lines = lines if "Contact" in lines or status == 100 else lines + header_line("Contact", CONTACT)
        type_line = "" if "Content-Type" in lines else SDP_LINE
        extra = lines + (type_line + end_of_head(body) if body else "")
        octets = build_response(
            of or self.invite, status, ("192.0.2.1", 40000), to_tag="" if status == 100 else tag, extra=extra
        )
        self.endpoint.receive_data(octets + body, now)
        return self.requests()

    def answer_body(self) -> bytes:
        """What answers our offer."""
        return Media(CALLEE_MEDIA).take_offer(self.invite.body)

    def establish(self, now: float = 1.0) -> AnsweredCall:
        """The 2xx comes, and its ACK is out."""
        [ack] = self.receive(200, body=self.answer_body(), now=now)
        assert ack.method == "ACK"
        [answered] = self.owner.answered
        return answered

    def receive_request(
        self, method: str, number: int = 1, lines: str = "", body: bytes = b"", *, tag: str = "b1", now: float = 2.0
    ) -> list[Response]:
        """A request inside the dialog comes; returns the answers."""
        head = (
            f"{method} sip:192.0.2.1:40000 SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP 192.0.2.9:5065;branch=z9hG4bKp{method}{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:2001@192.0.2.9>;tag={tag}\r\nTo: <sip:5002@192.0.2.1>;tag=f1\r\n"
            f"Call-ID: c1@192.0.2.1\r\nCSeq: {number} {method}\r\n{lines}"
        )
        self.endpoint.receive_data(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body, now)
        return [each for each in self.sent() if isinstance(each, Response)]

    def pass_time(self, until: float) -> list[Request | Response]:
        """Deadlines are handled as the transport does; returns what went out."""
        messages: list[Request | Response] = []
        while (deadline := self.endpoint.next_deadline()) is not None and deadline <= until:
            self.endpoint.handle_deadline(deadline)
            messages += self.sent()
        return messages


def value(message: Request | Response, name: str) -> str:
    """The one row of a header field."""
    [row] = message.headers.rows(name)
    return row


RELIABLE = header_line("Require", "100rel")


def reliable(number: int) -> str:
    """What makes a provisional answer a reliable one."""
    return RELIABLE + header_line("RSeq", str(number))


def methods(requests: list[Request]) -> list[str]:
    """Their methods."""
    return [request.method for request in requests]


def causes(rig: Rig) -> list[CallEnd]:
    """Why there was no call."""
    return [failure.cause for failure in rig.owner.failures]
