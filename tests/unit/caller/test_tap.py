from hypothesis import given
from hypothesis import strategies as st

from callrouter.caller.tap import Tap
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.testing.strategies import cut
from callrouter.wire import CloseReason
from tests.unit.sip.messages import make_octets

INVITE = make_octets(body=b"v=0\r\n", Content_Type="application/sdp")
TRYING = b"SIP/2.0 100 Trying\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"


class Inner:
    """A session that remembers what it is told, and says what it is given."""

    def __init__(self) -> None:
        self.told: list[object] = []
        self.output: list[bytes] = []
        self.close_reason: CloseReason | None = None

    def receive_data(self, data: bytes, now: float) -> None:
        self.told.append((data, now))

    def receive_eof(self, now: float) -> None:
        self.told.append(("eof", now))

    def connection_lost(self, now: float) -> None:
        self.told.append(("lost", now))

    def data_to_send(self) -> list[bytes]:
        output, self.output = self.output, []
        return output

    def next_deadline(self) -> float | None:
        return 7.0

    def handle_deadline(self, now: float) -> None:
        self.told.append(("deadline", now))

    def begin_drain(self, now: float) -> None:
        self.told.append(("drain", now))


Told = list[tuple[str, bool, float]]


def make_tap(inner: Inner) -> tuple[Tap, Told]:
    told: Told = []

    def take(message: Request | Response, is_sent: bool, at: float) -> None:
        told.append((message.method if isinstance(message, Request) else message.start_line, is_sent, at))

    return Tap(inner, take, MessageLimits(), lambda: 9.0), told


@given(st.data())
def test_tap_tells_each_message_however_it_is_cut_and_passes_every_octet(data: st.DataObject) -> None:
    inner = Inner()
    tap, told = make_tap(inner)
    stream = b"\r\n\r\n" + TRYING + INVITE + TRYING
    pieces = data.draw(cut(stream))
    for number, piece in enumerate(pieces):
        tap.receive_data(piece, float(number))
    assert [(what, is_sent) for what, is_sent, _ in told] == [
        ("SIP/2.0 100 Trying", False),
        ("INVITE", False),
        ("SIP/2.0 100 Trying", False),
    ]
    assert inner.told == [(piece, float(number)) for number, piece in enumerate(pieces)]


def test_tap_tells_what_goes_out_with_the_instant_of_its_clock() -> None:
    inner = Inner()
    tap, told = make_tap(inner)
    assert tap.data_to_send() == []
    inner.output = [INVITE[:20], INVITE[20:] + TRYING]
    assert tap.data_to_send() == [INVITE[:20], INVITE[20:] + TRYING]
    assert told == [("INVITE", True, 9.0), ("SIP/2.0 100 Trying", True, 9.0)]


def test_tap_tells_what_came_before_the_session_hears_of_it() -> None:
    inner = Inner()
    tap, told = make_tap(inner)
    inner.told = told  # type: ignore[assignment]
    tap.receive_data(TRYING, 1.0)
    assert told == [("SIP/2.0 100 Trying", False, 1.0), (TRYING, 1.0)]


def test_tap_passes_on_what_it_cannot_follow() -> None:
    inner = Inner()
    tap, told = make_tap(inner)
    tap.receive_data(b"\xff\xff", 1.0)
    tap.receive_data(TRYING, 2.0)
    assert (inner.told, told) == ([(b"\xff\xff", 1.0), (TRYING, 2.0)], [])


def test_tap_is_the_session_in_everything_else() -> None:
    inner = Inner()
    tap, _ = make_tap(inner)
    tap.receive_eof(1.0)
    tap.handle_deadline(2.0)
    tap.begin_drain(3.0)
    tap.connection_lost(4.0)
    assert inner.told == [("eof", 1.0), ("deadline", 2.0), ("drain", 3.0), ("lost", 4.0)]
    assert (tap.next_deadline(), tap.close_reason) == (7.0, None)
    inner.close_reason = CloseReason.DONE
    assert tap.close_reason is CloseReason.DONE
