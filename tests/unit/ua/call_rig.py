"""Calls of a phone to a desk, both of tests.property.calling, as single steps."""

from typing import TypeVar

from callrouter.reason import CallEnd
from callrouter.sip.dialog import Dialog
from callrouter.sip.message import Request, Response
from callrouter.sip.respond import header_line
from callrouter.telemetry import CallEnded, Event
from callrouter.ua.capabilities import SDP_LINE
from callrouter.ua.incoming import IncomingCall, Ringing
from tests.property.calling import CONTACT, OFFER, Line, Sent, dialog_of, make_invite

RELIABLE = header_line("Require", "100rel")

EventT = TypeVar("EventT", bound=Event)


class Rig(Line):
    """One call; the clock is the test's."""

    def __init__(self, *, ringing: Ringing | None = None, is_mute: bool = False) -> None:
        super().__init__(ringing or Ringing(), is_mute=is_mute)

    def invite(self, body: bytes = OFFER, lines: str = "", number: int = 0) -> Sent:
        sent = self.phone.send(make_invite(number, body, lines), self.now)
        self.invited = sent
        self._dialog: Dialog | None = None
        self.pump()
        return sent

    @property
    def call(self) -> IncomingCall:
        """The worker's side of the only call."""
        [call] = self.desk.calls.values()
        return call

    @property
    def dialog(self) -> Dialog:
        """The phone's side of the last one."""
        if self._dialog is None:
            self._dialog = dialog_of(self.invited)
        assert self._dialog is not None
        return self._dialog

    def acknowledge(self, sent: Sent | None = None, body: bytes = b"") -> None:
        number = (sent or self.invited).request.number
        self.far.send_unanswered(self.dialog.request_of("ACK", number, SDP_LINE if body else "", body))
        self.pump()

    def connect(self, body: bytes = OFFER) -> IncomingCall:
        """A call that both sides know of."""
        self.invite(body)
        self.acknowledge(body=b"" if body else OFFER)
        return self.call

    def ask(self, method: str, body: bytes = b"", lines: str = "", contact: str = CONTACT) -> Sent:
        """Send a request inside the dialog."""
        lines += header_line("Contact", f"<{contact}>") + (SDP_LINE if body else "")
        sent = self.phone.send(self.dialog.next_request(method, lines, body), self.now)
        self.pump()
        return sent

    def prack(self, rack: str = "1 1 INVITE", body: bytes = b"") -> Sent:
        return self.ask("PRACK", body, header_line("RAck", rack))

    def cancel(self) -> Sent:
        sent = self.phone.cancel(self.invited.request, self.now)
        self.pump()
        return sent

    def hang_up(self, cause: CallEnd = CallEnd.LOCAL_BYE) -> None:
        """The worker does."""
        self.call.hang_up(cause, self.now)
        self.pump()

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def ends(self) -> list[tuple[CallEnd, float, bool]]:
        """Cause, seconds and whether it was answered, of the calls that ended."""
        return [(event.cause, event.seconds, event.was_answered) for event in self.of(CallEnded)]

    def said_since(self, count: int) -> list[str]:
        """The start lines of what the worker said after its first `count` messages."""
        return [
            each.start_line if isinstance(each, Response) else each.method for _, each in self.near_tap.messages[count:]
        ]

    @property
    def byes(self) -> list[Request]:
        """Those of the worker."""
        return [each for _, each in self.near_tap.messages if isinstance(each, Request)]


def times_and_statuses(sent: Sent) -> list[tuple[float, int]]:
    """What a request got, and when."""
    return [(at, answer.status) for at, answer in sent.answers]
