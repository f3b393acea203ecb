"""Everything that a framer makes of a stream, in a form that can be compared."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from callrouter.sip.errors import FramingError
from callrouter.sip.framer import PING, Frame, Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Finding, Request, Response

Described: TypeAlias = tuple[str, str, str, list[tuple[str, str]], tuple[Finding, ...], bytes]


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of one stream."""

    frames: list[Described | str]
    error: tuple[str, int, str] | None
    """Reason, status and detail of the fault that ended it."""
    is_mid_message: bool
    most_held_bytes: int


def read_stream(pieces: Iterable[bytes], limits: MessageLimits | None = None) -> Reading:
    """Feed the pieces to a new framer until they or it end."""
    framer = Framer(limits or MessageLimits())
    frames: list[Described | str] = []
    most_held = 0
    try:
        for piece in pieces:
            framer.receive_data(piece)
            frame = framer.next_frame()
            while frame is not None:
                frames.append(describe(frame))
                frame = framer.next_frame()
            most_held = max(most_held, len(framer._buffer))
    except FramingError as error:
        return Reading(frames, (str(error.reason), error.status, error.detail), is_mid_message=False, most_held_bytes=0)
    return Reading(frames, None, framer.is_mid_message, most_held)


def describe(frame: Frame) -> Described | str:
    """A frame by its content."""
    if isinstance(frame, Request):
        items = frame.headers.items()
        return (frame.method, frame.raw_uri, frame.version, items, frame.defects, frame.body)
    if isinstance(frame, Response):
        return (frame.start_line, "", "", frame.headers.items(), (), frame.body)
    assert frame is PING
    return "PING"
