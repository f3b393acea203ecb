"""CallerAgent: the user agent of a connection that we opened; takes no calls. Pure; time is an argument.

Requests inside a dialog go to its call. Outside, OPTIONS is answered and everything else refused (RFC 3261 8.2, 11.2).
"""

from typing import Final

from callrouter.reason import Reason
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.telemetry import MessageDiscarded, Sink
from callrouter.ua.capabilities import CAPABILITIES
from callrouter.ua.endpoint import Endpoint, Reply
from callrouter.ua.outgoing import AnsweredCall, OutgoingCall
from callrouter.ua.stray import refuse_stray_invite, refuse_stray_request

_ALLOW_LINE: Final = header_line("Allow", "ACK, CANCEL, OPTIONS, BYE, INFO, PRACK, UPDATE")
"""What is served without a call; INVITE only changes one that exists."""
_FIRST_SWEEP: Final = 64


class CallerAgent:
    """The calls that we place on one connection. An `endpoint.UserAgent`."""

    __slots__ = ("_calls", "_emit", "_endpoint", "_sweep_at")

    def __init__(self, endpoint: Endpoint, emit: Sink) -> None:
        self._endpoint = endpoint
        self._emit = emit
        self._calls: dict[tuple[str, str], OutgoingCall] = {}
        """Those that go on, and some that have ended and are not swept out yet."""
        self._sweep_at = _FIRST_SWEEP

    def place(self, call: OutgoingCall) -> None:
        """A call whose INVITE is out."""
        if len(self._calls) >= self._sweep_at:
            self._calls = {key: each for key, each in self._calls.items() if not each.is_over}
            self._sweep_at = max(_FIRST_SWEEP, 2 * len(self._calls))
        self._calls[call.key] = call

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        """A re-INVITE, or one that has lost its way."""
        call = self._find(invite)
        if call is not None:
            call.receive_invite(invite, transaction, now)
        else:
            refuse_stray_invite(self._endpoint, invite, transaction, now, _ALLOW_LINE)

    def receive_request(self, request: Request, now: float) -> None:
        """Any other request but ACK and CANCEL."""
        call = self._find(request)
        if call is not None:
            call.receive_request(request, now)
        elif request.method == "OPTIONS":
            self._endpoint.answer(request, Reply(200, Reason.SERVER_ALIVE, CAPABILITIES), now)
        else:
            refuse_stray_request(self._endpoint, request, now, _ALLOW_LINE)

    def receive_ack(self, ack: Request, now: float) -> None:
        """The ACK to our 2xx to a re-INVITE."""
        call = self._find(ack)
        if call is None:
            self._emit(MessageDiscarded(self._endpoint.peer, Reason.ACK_UNMATCHED))
        else:
            call.receive_ack(ack, now)

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        """Of a re-INVITE; those are answered at once, so that there is none to cancel."""
        self._endpoint.reject_invite(transaction, Reason.CANCELLED, now)

    def connection_lost(self, now: float) -> None:
        """The calls end with their connection."""
        for call in list(self._calls.values()):
            call.connection_lost(now)
        self._calls.clear()

    def begin_drain(self, now: float) -> None:
        """Hang up."""
        for call in list(self._calls.values()):
            call.hang_up(now)

    def is_busy(self) -> bool:
        """Whether a call goes on."""
        return any(not call.is_over for call in self._calls.values())

    def _find(self, request: Request) -> AnsweredCall | None:
        try:
            if not request.to_tag:
                return None
            call = self._calls.get((request.call_id, request.to_tag))
            return None if call is None or call.is_over else call.find(request.from_tag)
        except MalformedError:
            return None
