"""The stream under every session: what is done before a message has a meaning."""

import pytest

from callrouter.reason import Reason
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Finding, Request, Response
from callrouter.stream import MessageStream, SessionLimits
from callrouter.telemetry import Event, FramingLost, KeepAliveAnswered, MessageDiscarded
from callrouter.wire import CloseReason, Peer
from tests.forms import interpreted_only
from tests.unit.sip.messages import make_octets

pytestmark = interpreted_only

PEER = Peer("192.0.2.10", 40000)
LIMITS = SessionLimits(
    MessageLimits(max_body_bytes=100), message_seconds=30.0, idle_seconds=600.0, drain_quiet_seconds=0.25
)
OPTIONS = make_octets("OPTIONS")


class Stream(MessageStream):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        super().__init__(PEER, LIMITS, self.events.append, 0.0)
        self.told: list[str] = []
        self.owes_answer = False
        self.is_busy = False
        self.deadline: float | None = None
        self.deadlines: list[float] = []
        self.closes_at_first = False

    def _receive_request(self, request: Request, now: float) -> None:
        self.told.append(f"{request.method} {now:g}")
        if self.closes_at_first:
            self._close_reason = CloseReason.DONE

    def _refuse(self, request: Request, finding: Finding, now: float) -> None:
        self.told.append(f"{finding.status} {finding.reason} {finding.phrase!r} {request.method} {now:g}")

    def _receive_ack(self, ack: Request, now: float) -> None:
        self.told.append(f"ack {ack.call_id} {now:g}")

    def _receive_response(self, response: Response, now: float) -> None:
        self.told.append(f"{response.status} {now:g}")

    def _owes_answer(self) -> bool:
        return self.owes_answer

    def _is_busy(self) -> bool:
        return self.is_busy

    def _own_deadline(self) -> float | None:
        return self.deadline

    def _handle_own_deadline(self, now: float) -> None:
        self.deadlines.append(now)
        self.deadline = None


@pytest.fixture
def stream() -> Stream:
    return Stream()


# --- what comes


def test_receive_data_hands_on_every_message_in_order(stream: Stream) -> None:
    answer = b"SIP/2.0 180 Ringing\r\nContent-Length: 0\r\n\r\n"
    stream.receive_data(OPTIONS + answer + make_octets("ACK") + make_octets("BYE"), 3.0)
    assert stream.told == ["OPTIONS 3", "180 3", "ack c1@gw.example.com 3", "BYE 3"]
    assert (stream.events, stream.data_to_send(), stream.close_reason) == ([], [], None)


def test_receive_data_of_ping_is_answered_and_told(stream: Stream) -> None:
    stream.receive_data(b"\r\n\r\n" + OPTIONS, 0.0)
    assert stream.data_to_send() == [b"\r\n"]
    assert stream.data_to_send() == []
    assert stream.events == [KeepAliveAnswered(PEER)]
    assert stream.told == ["OPTIONS 0"]


def test_receive_data_of_unsound_request_is_refused_with_the_first_finding(stream: Stream) -> None:
    stream.receive_data(make_octets("BYE", To=None, CSeq="x"), 1.0)
    assert stream.told == ["400 missing-header 'Missing To Header Field' BYE 1"]
    assert stream.close_reason is None


def test_receive_data_of_unsound_ack_is_taken_for_an_ack(stream: Stream) -> None:
    stream.receive_data(make_octets("ACK", To=None, Via=None, CSeq="x"), 1.0)
    assert stream.told == ["ack c1@gw.example.com 1"]
    assert stream.close_reason is None


def test_receive_data_of_request_without_via_closes(stream: Stream) -> None:
    stream.receive_data(make_octets("BYE", Via=None) + OPTIONS, 1.0)
    assert stream.told == []
    assert stream.events == [MessageDiscarded(PEER, Reason.MISSING_VIA)]
    assert stream.close_reason is CloseReason.UNANSWERABLE


def test_receive_data_after_close_is_not_looked_at(stream: Stream) -> None:
    stream.closes_at_first = True
    stream.receive_data(OPTIONS + OPTIONS, 1.0)
    stream.receive_data(OPTIONS, 2.0)
    assert stream.told == ["OPTIONS 1"]
    assert stream.next_deadline() is None


# --- framing that is lost (18.3)


@pytest.mark.parametrize(
    ("octets", "told"),
    [
        (
            make_octets("INVITE", Content_Length="-1"),
            ["400 content-length 'Malformed Content-Length Header Field' INVITE 1"],
        ),
        (make_octets("INVITE", Content_Length="101"), ["413 body-too-large '' INVITE 1"]),
        (make_octets("ACK", Content_Length="-1"), []),
        (make_octets("INVITE", Content_Length="-1", Via=None), []),
        (b"\x16\x03\x01", []),
    ],
)
def test_framing_that_is_lost_is_told_answered_where_that_can_be_and_closes(
    stream: Stream, octets: bytes, told: list[str]
) -> None:
    stream.receive_data(OPTIONS + octets, 1.0)
    stream.receive_data(OPTIONS, 2.0)
    assert stream.told == ["OPTIONS 1", *told]
    assert [type(event) for event in stream.events] == [FramingLost]
    assert stream.close_reason is CloseReason.FRAMING_LOST


# --- time


def test_idle_stream_is_closed_after_idle_seconds_since_the_last_octet(stream: Stream) -> None:
    assert stream.next_deadline() == 600.0
    stream.receive_data(OPTIONS, 10.0)
    assert stream.next_deadline() == 610.0
    stream.handle_deadline(609.9)
    assert stream.next_deadline() == 610.0
    stream.handle_deadline(610.0)
    assert (stream.close_reason, stream.next_deadline()) == (CloseReason.IDLE_TIMEOUT, None)


def test_half_message_is_waited_for_from_its_first_octet(stream: Stream) -> None:
    stream.receive_data(OPTIONS + OPTIONS[:50], 10.0)
    stream.receive_data(OPTIONS[50:60], 30.0)
    assert stream.next_deadline() == 40.0
    stream.handle_deadline(39.9)
    assert stream.close_reason is None
    stream.handle_deadline(40.0)
    assert stream.close_reason is CloseReason.MESSAGE_TIMEOUT


def test_half_message_that_is_completed_gives_the_next_one_its_own_time(stream: Stream) -> None:
    stream.receive_data(OPTIONS[:50], 10.0)
    stream.receive_data(OPTIONS[50:] + OPTIONS[:50], 39.0)
    assert stream.next_deadline() == 69.0
    stream.receive_data(OPTIONS[50:], 68.0)
    assert stream.next_deadline() == 668.0
    assert stream.told == ["OPTIONS 39", "OPTIONS 68"]


def test_own_deadline_comes_before_those_of_the_stream_if_it_is_earlier(stream: Stream) -> None:
    stream.deadline = 5.0
    assert stream.next_deadline() == 5.0
    stream.handle_deadline(5.0)
    assert stream.deadlines == [5.0]
    assert stream.next_deadline() == 600.0
    stream.deadline = 1000.0
    assert stream.next_deadline() == 600.0


def test_handle_deadline_after_close_does_nothing(stream: Stream) -> None:
    stream.connection_lost(1.0)
    stream.handle_deadline(1000.0)
    assert stream.deadlines == []
    assert stream.close_reason is CloseReason.PEER_CLOSED


# --- ends


def test_eof_closes_where_no_answer_is_owed(stream: Stream) -> None:
    stream.receive_eof(1.0)
    assert stream.close_reason is CloseReason.PEER_CLOSED


def test_eof_waits_for_an_answer_that_is_owed_and_then_closes_at_once(stream: Stream) -> None:
    stream.owes_answer = True
    stream.deadline = 5.0
    stream.receive_eof(1.0)
    assert (stream.close_reason, stream.next_deadline()) == (None, 5.0)
    stream.handle_deadline(2.0)
    assert stream.close_reason is None
    # However the answer came to be given: there is nothing more to wait for.
    stream.owes_answer = False
    assert stream.next_deadline() == 1.0
    stream.handle_deadline(5.0)
    assert stream.close_reason is CloseReason.PEER_CLOSED


def test_eof_in_the_middle_of_a_message_closes(stream: Stream) -> None:
    stream.receive_data(OPTIONS[:50], 0.0)
    stream.receive_eof(1.0)
    assert stream.close_reason is CloseReason.PEER_CLOSED


@pytest.mark.parametrize("end", ["receive_eof", "connection_lost"])
def test_reason_that_was_first_stands(stream: Stream, end: str) -> None:
    stream.receive_data(make_octets("BYE", Via=None), 1.0)
    getattr(stream, end)(2.0)
    assert stream.close_reason is CloseReason.UNANSWERABLE


def test_connection_lost_closes(stream: Stream) -> None:
    stream.owes_answer = True
    stream.connection_lost(1.0)
    assert stream.close_reason is CloseReason.PEER_CLOSED
    assert stream.next_deadline() is None


# --- drain


def test_drain_of_a_quiet_stream_closes_after_drain_quiet_seconds(stream: Stream) -> None:
    stream.begin_drain(10.0)
    assert stream.next_deadline() == 10.25
    stream.handle_deadline(10.2)
    assert stream.close_reason is None
    stream.handle_deadline(10.25)
    assert stream.close_reason is CloseReason.DRAINED


def test_drain_waits_for_what_is_in_flight_and_for_silence(stream: Stream) -> None:
    stream.is_busy = True
    stream.begin_drain(10.0)
    assert stream.next_deadline() == 600.0
    stream.handle_deadline(11.0)
    assert stream.close_reason is None
    stream.is_busy = False
    stream.receive_data(OPTIONS, 20.0)
    assert stream.next_deadline() == 20.25
    stream.receive_data(OPTIONS[:50], 20.1)
    assert stream.next_deadline() == 50.1
    stream.receive_data(OPTIONS[50:], 30.0)
    assert stream.next_deadline() == 30.25
    stream.handle_deadline(30.25)
    assert stream.close_reason is CloseReason.DRAINED


@pytest.mark.parametrize("name", ["_receive_request", "_refuse", "_receive_ack", "_receive_response"])
def test_what_a_message_means_is_for_a_subclass_to_say(name: str) -> None:
    plain = MessageStream(PEER, LIMITS, list[Event]().append, 0.0)
    arguments = [None] * (3 if name == "_refuse" else 2)
    with pytest.raises(NotImplementedError):
        getattr(plain, name)(*arguments)


@pytest.mark.parametrize("name", ["_owes_answer", "_is_busy", "_own_deadline", "_handle_own_deadline"])
def test_what_is_in_flight_is_for_a_subclass_to_say(name: str) -> None:
    plain = MessageStream(PEER, LIMITS, list[Event]().append, 0.0)
    with pytest.raises(NotImplementedError):
        getattr(plain, name)(*([0.0] if name == "_handle_own_deadline" else []))
