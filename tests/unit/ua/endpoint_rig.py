"""An endpoint without a connection, and a user agent that only notes what it is told."""

from callrouter.reason import Reason
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.transaction import InviteTransaction
from callrouter.snapshot import AnswerForm
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event
from callrouter.ua.endpoint import Endpoint, EndpointConfig, NoAnswer, Reply
from callrouter.wire import Peer, Transport

PEER = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5065)
OK = Reply(200, Reason.SERVER_ALIVE)


class Agent:
    """A `UserAgent` and `AnswerTaker`. Every request gets `reply`, if that is set; then what is in `raises` fails."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self.reply: Reply | None = None
        self.told: list[str] = []
        self.transactions: list[InviteTransaction] = []
        self.responses: list[Response] = []
        self.raises = ""
        self.busy = False

    def _note(self, what: str, now: float) -> None:
        self.told.append(f"{what} {now:g}")
        if self.raises and self.raises in what:
            raise LookupError(what)

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        self.transactions.append(transaction)
        if self.reply is not None:
            self._endpoint.answer_invite(transaction, self.reply, now)
        self._note(f"invite {invite.call_id}", now)

    def receive_request(self, request: Request, now: float) -> None:
        if self.reply is not None:
            self._endpoint.answer(request, self.reply, now)
        self._note(request.method, now)

    def receive_ack(self, ack: Request, now: float) -> None:
        self._note(f"ack {ack.call_id}", now)

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        self._note(f"cancel {transaction.call_id}", now)

    def connection_lost(self, now: float) -> None:
        self._note("lost", now)

    def begin_drain(self, now: float) -> None:
        self._note("drain", now)

    def is_busy(self) -> bool:
        return self.busy

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:
        self.responses.append(response)
        self._note(f"{response.status} of {request.method} {request.branch}", now)

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:
        self._note(f"{why} of {request.method} {request.branch}", now)


class Rig:
    """The clock is the test's."""

    def __init__(
        self,
        *,
        peer: Peer = PEER,
        limits: SessionLimits | None = None,
        form: AnswerForm | None = None,
        idles_for_ever: bool = False,
    ) -> None:
        self.events: list[Event] = []
        self._tokens = 0
        config = EndpointConfig(
            limits or SessionLimits(),
            self.events.append,
            b"k" * 16,
            self._make_token,
            form or AnswerForm(warning_agent=""),
            idles_for_ever=idles_for_ever,
        )
        self.endpoint = Endpoint(peer, config, 0.0)
        self.agent = Agent(self.endpoint)
        self.endpoint.serve(self.agent)

    def _make_token(self) -> str:
        self._tokens += 1
        return f"T{self._tokens}"

    def receive(self, octets: bytes, now: float = 1.0) -> list[Request | Response]:
        """What is said to these octets."""
        self.endpoint.receive_data(octets, now)
        return self.said()

    def said(self) -> list[Request | Response]:
        """What goes out now."""
        framer = Framer(MessageLimits())
        framer.receive_data(b"".join(self.endpoint.data_to_send()))
        messages: list[Request | Response] = []
        while (frame := framer.next_frame()) is not None:
            assert isinstance(frame, Request | Response)
            messages.append(frame)
        assert not framer.is_mid_message
        return messages

    def answers(self, octets: bytes, now: float = 1.0) -> list[Response]:
        """The same, where nothing but answers may be said."""
        said = self.receive(octets, now)
        assert all(isinstance(each, Response) for each in said)
        return [each for each in said if isinstance(each, Response)]

    def statuses(self, octets: bytes, now: float = 1.0) -> list[int]:
        return [each.status for each in self.answers(octets, now)]


def make_peer(transport: Transport, local_address: str) -> Peer:
    return Peer("192.0.2.10", 40000, transport, local_address, 5066)
