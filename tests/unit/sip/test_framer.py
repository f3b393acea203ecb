import pytest

from callrouter.reason import Reason
from callrouter.sip.errors import FramingError
from callrouter.sip.framer import PING, Frame, Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import BriefAck, Request, Response
from tests.unit.sip.messages import make_octets

SMALL = MessageLimits(max_head_bytes=400, max_headers=8, max_body_bytes=10)


def frames_of(*pieces: bytes, limits: MessageLimits = SMALL) -> list[Frame]:
    framer = Framer(limits)
    frames: list[Frame] = []
    for piece in pieces:
        framer.receive_data(piece)
        frames += iter(framer.next_frame, None)
    return frames


def fault_of(octets: bytes) -> FramingError:
    with pytest.raises(FramingError) as caught:
        frames_of(octets)
    return caught.value


def test_framer_pipelined_messages_come_out_one_by_one_with_their_bodies() -> None:
    frames = frames_of(make_octets(body=b"a\r\n\r\n\0b") + make_octets("OPTIONS") + make_octets("ACK", body=b"x"))
    assert [(frame.method, frame.body) for frame in frames if isinstance(frame, Request)] == [
        ("INVITE", b"a\r\n\r\n\0b"),
        ("OPTIONS", b""),
        ("ACK", b"x"),
    ]


def test_framer_response_comes_out_as_a_response() -> None:
    (frame,) = frames_of(b"SIP/2.0 200 OK\r\nl: 2\r\n\r\nab")
    assert isinstance(frame, Response)
    assert frame.body == b"ab"


def test_framer_ack_comes_in_brief_to_who_asks_for_it() -> None:
    framer = Framer(SMALL, acks_in_brief=True)
    framer.receive_data(make_octets("ACK") + make_octets("OPTIONS") + make_octets("ACK") + b"\r\n\r\n")
    ack, options, again, ping = iter(framer.next_frame, None)
    assert isinstance(ack, BriefAck)
    assert (ack.branch, ack.sent_by) == ("z9hg4bka1", "gw.example.com")
    assert isinstance(options, Request)
    assert isinstance(again, BriefAck)
    assert ping is PING
    assert not framer.is_mid_message


@pytest.mark.parametrize(
    "octets",
    [
        make_octets("ACK", body=b"x"),
        make_octets("ACK", Via="SIP/2.0/TCP gw.example.com"),
        make_octets("ACK", Via="SIP/2.0/TCP %;branch=z9hG4bKa1"),
        make_octets("ACK", Via="SIP/2.0/TCP gw.example.com;rport;branch=z9hG4bKa1"),
        make_octets("ACK", Content_Length=None),
        make_octets("ACK", To="<sip:100@router.example.com>\r\n ;tag=1"),
        make_octets("ACK", X="1", Y="2"),
    ],
    ids=["body", "no branch", "no sent-by", "rport", "no length", "folded", "too many headers"],
)
def test_framer_ack_that_is_not_as_most_are_comes_whole(octets: bytes) -> None:
    framer = Framer(SMALL, acks_in_brief=True)
    framer.receive_data(octets)
    ack = framer.next_frame()
    assert isinstance(ack, Request)
    assert ack.method == "ACK"


@pytest.mark.parametrize(("line_ends", "pings"), [(0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)])
def test_framer_line_ends_between_messages_are_a_ping_for_every_two(line_ends: int, pings: int) -> None:
    frames = frames_of(make_octets(), *[b"\r\n"] * line_ends, make_octets())
    assert frames.count(PING) == pings
    assert len(frames) == pings + 2


def test_framer_line_ends_of_two_gaps_are_not_added_up() -> None:
    assert PING not in frames_of(b"\r\n" + make_octets() + b"\r\n" + make_octets() + b"\r\n")


@pytest.mark.parametrize("piece", [b"\r", b"INVITE", make_octets()[:-1], make_octets(body=b"ab")[:-1]])
def test_framer_unfinished_message_is_held(piece: bytes) -> None:
    framer = Framer(SMALL)
    framer.receive_data(piece)
    assert framer.next_frame() is None
    assert framer.is_mid_message


def test_framer_after_a_whole_message_holds_nothing() -> None:
    framer = Framer(SMALL)
    framer.receive_data(make_octets(body=b"ab"))
    assert framer.next_frame() is not None
    assert framer.next_frame() is None
    assert not framer.is_mid_message
    assert not framer._buffer


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"Content_Length": "-1"}, "Malformed Content-Length Header Field"),
        ({"Content_Length": "1,1"}, "Malformed Content-Length Header Field"),
        ({"Content_Length": ""}, "Malformed Content-Length Header Field"),
        ({"Content_Length": "5\r\nl: 5"}, "Repeated Content-Length Header Field"),
        ({"Content_Length": "0\r\nl: 0"}, "Repeated Content-Length Header Field"),
        ({"Content_Length": None, "Content_Type": "application/sdp"}, "Missing Content-Length Header Field"),
    ],
)
def test_framer_content_length_that_cannot_be_followed_loses_the_stream(
    changes: dict[str, str | None], phrase: str
) -> None:
    error = fault_of(make_octets("INVITE", "sip:a@b", b"", **changes))
    assert (error.reason, error.status, error.detail) == (Reason.CONTENT_LENGTH, 400, phrase)


def test_framer_without_content_length_and_type_reads_no_body() -> None:
    frames = frames_of(make_octets(Content_Length=None) + make_octets("OPTIONS"))
    assert [frame.method for frame in frames if isinstance(frame, Request)] == ["INVITE", "OPTIONS"]


@pytest.mark.parametrize(("length", "is_taken"), [(10, True), (11, False)])
def test_framer_body_over_its_limit_is_not_waited_for(length: int, is_taken: bool) -> None:
    octets = make_octets(Content_Length=str(length))
    if is_taken:
        assert frames_of(octets) == []
    else:
        error = fault_of(octets)
        assert (error.reason, error.status) == (Reason.BODY_TOO_LARGE, 413)


@pytest.mark.parametrize(("excess", "is_taken"), [(0, True), (1, False)])
@pytest.mark.parametrize("missing", [0, 1, 3])
def test_framer_head_over_its_limit_loses_the_stream(excess: int, is_taken: bool, missing: int) -> None:
    plain = make_octets(Subject="")
    size = SMALL.max_head_bytes + excess - (len(plain) - 4)
    octets = make_octets(Subject="x" * size)
    if is_taken:
        assert len(frames_of(octets[: len(octets) - missing], octets[len(octets) - missing :])) == 1
    else:
        error = fault_of(octets)
        assert (error.reason, error.status) == (Reason.MESSAGE_TOO_LARGE, 513)


@pytest.mark.parametrize("octets", [b"\x16\x03\x01\x02", b"\0", b"\n", b"\xff", b'"', b"\x16" + make_octets()])
def test_framer_what_cannot_begin_a_message_is_no_sip(octets: bytes) -> None:
    assert fault_of(octets).reason is Reason.NOT_SIP


@pytest.mark.parametrize(
    "octets",
    [
        b"\rINVITE",
        b"OPTIONS sip:a SIP/2.0\nVia: x\n\n",
        b"OPTIONS sip:a SIP/2.0\nVia: x\n\n" + make_octets(),
        b"\n".join(make_octets().split(b"\r\n")),
    ],
)
def test_framer_bare_line_end_in_or_before_the_start_line_loses_the_stream(octets: bytes) -> None:
    error = fault_of(octets)
    assert (error.reason, error.status) == (Reason.BARE_LINE_END, 400)


def test_partial_request_after_a_fault_has_the_lines_that_came_whole() -> None:
    framer = Framer(SMALL)
    framer.receive_data(make_octets(Subject="x" * 400))
    with pytest.raises(FramingError):
        framer.next_frame()
    request = framer.partial_request()
    assert request is not None
    assert (request.method, request.call_id, "subject" in request.headers) == ("INVITE", "c1@gw.example.com", False)


@pytest.mark.parametrize("octets", [b"\x16\x03\x01", b"\xff\r\n\r\n"[:1], b"SIP/2.0 200 OK\r\nl: x\r\n\r\n"])
def test_partial_request_of_what_is_no_request_is_none(octets: bytes) -> None:
    framer = Framer(SMALL)
    framer.receive_data(octets)
    with pytest.raises(FramingError):
        framer.next_frame()
    assert framer.partial_request() is None


def test_partial_request_with_malformed_content_length_is_the_request_itself() -> None:
    framer = Framer(SMALL)
    framer.receive_data(make_octets("ACK", Content_Length="x"))
    with pytest.raises(FramingError):
        framer.next_frame()
    request = framer.partial_request()
    assert request is not None
    assert request.method == "ACK"
