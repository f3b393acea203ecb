"""The ladder of a call, drawn while it goes on: a column for each server, an arrow for each message, a verdict.

With colours on a terminal, plain elsewhere; with lines and arrows where the encoding has them, else in ASCII. What
peers wrote is shown with everything that does not print as an escape.
"""

from dataclasses import dataclass
from textwrap import wrap
from typing import Final

from rich.console import Console
from rich.text import Text

from callrouter.caller.result import Hop, HopEnd, Outcome
from callrouter.caller.target import Target
from callrouter.caller.verdict import describe_result
from callrouter.caller.watch import CallFinished, ContactSkipped, Happening, HopBegan, HopEnded, MessageSeen
from callrouter.observability.text import visible_text
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Request, Response
from callrouter.wire import Transport

_ROLES: Final = ("router", "service", "worker")
# The ports of the three hops (EXCHANGE-UM A1), for who begins at another than the first.
_ROLE_OF_PORT: Final = {5060: 0, 5061: 0, 5062: 1, 5063: 1, 5065: 2, 5066: 2, 5067: 2, 5068: 2}
_MARGIN: Final = 14
"""Where the caller's line stands; left of it are the times."""
_HOPS: Final = 3
"""How many servers there is room for; what comes after begins a new ladder under the first one."""
_NARROWEST, _WIDEST = 18, 30
_HALF_HEAD: Final = 3
_MS: Final = 1000.0
_FIRST_FINAL, _FIRST_REDIRECT, _FIRST_REFUSAL = 200, 300, 400


@dataclass(frozen=True, slots=True)
class Glyphs:
    """What a ladder is drawn with."""

    upright: str
    ended: str
    level: str
    right: str
    left: str
    cross: str
    cut: str


UNICODE: Final = Glyphs("│", "┊", "─", "▶", "◀", "✗", "…")
ASCII: Final = Glyphs("|", ":", "-", ">", "<", "x", "~")


@dataclass(slots=True)
class _Column:
    address: str
    head: str
    is_met: bool = False
    """Whether a message went there or came from there."""
    is_ended: bool = False


class Ladder:
    """Draws on a console. A `watch.Watch`."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._glyphs = UNICODE if _can_write(console, UNICODE) else ASCII
        room = console.width - _MARGIN - _HALF_HEAD
        self._spacing = max(_NARROWEST, min(_WIDEST, room // _HOPS))
        self._columns: list[_Column] = []
        self._role = -1
        """Which of the hops the current target is; an alternative is the same one."""
        self._is_deeper = True
        self._began_at: float | None = None

    def __call__(self, happening: Happening) -> None:
        """Draw what happened."""
        if self._began_at is None:
            self._began_at = happening.at
        if isinstance(happening, HopBegan):
            self._begin_hop(happening.target)
        elif isinstance(happening, MessageSeen):
            self._draw_message(happening)
        elif isinstance(happening, HopEnded):
            self._end_hop(happening.hop, happening.target, happening.at)
        elif isinstance(happening, ContactSkipped):
            skipped = happening.skipped
            self._note(f"Contact {skipped.uri} not followed: {skipped.why}" if skipped.uri else skipped.why)
        elif isinstance(happening, CallFinished):
            self._print(Text())
            style = "bold green" if happening.result.outcome is Outcome.ANSWERED else "bold red"
            self._print(Text(self._visible(describe_result(happening.result)), style))

    # --- columns

    def _begin_hop(self, target: Target) -> None:
        if any(each.address == target.address for each in self._columns):
            return
        self._role = _ROLE_OF_PORT.get(target.port, self._role + 1 if self._is_deeper else self._role)
        name = _ROLES[self._role] if self._role < len(_ROLES) else f"hop {self._role + 1}"
        head = f"{name} (TLS)" if target.transport is Transport.TLS else name
        if not self._columns or len(self._columns) > _HOPS:
            is_first = not self._columns
            self._columns = [_Column("", "caller"), _Column(target.address, head)]
            if not is_first:
                self._print(Text())
        else:
            self._columns.append(_Column(target.address, head))
        self._draw_heads()

    def _draw_heads(self) -> None:
        """The name and the address of the new column; where it is the first one the caller's, too."""
        column = self._columns[-1]
        is_first = len(self._columns) == len(("caller", "router"))
        for text, style in ((column.head, "bold"), (column.address, "dim")):
            line = Text() if is_first else self._uprights(len(self._columns) - 1)
            if is_first and style == "bold":
                self._put(line, _MARGIN, "caller", style)
            self._put(line, self._place(len(self._columns) - 1), self._visible(text), style)
            self._print(line)

    def _put(self, line: Text, middle: int, text: str, style: str) -> None:
        """Append text with its middle at a place of the line, as far to the right as there is room."""
        room = min(len(text), self._console.width - len(line.plain) - 1)
        text = text if room >= len(text) else f"{text[: max(0, room - 1)]}{self._glyphs.cut}"
        start = min(middle - len(text) // 2, self._console.width - len(text))
        line.append(" " * max(1 if line.plain else 0, start - len(line.plain)))
        line.append(text, style)

    def _place(self, number: int) -> int:
        return _MARGIN + number * self._spacing

    # --- rows

    def _draw_message(self, seen: MessageSeen) -> None:
        label, style = _label(seen.message)
        number = self._find(seen.target)
        self._columns[number].is_met = True
        self._draw_arrow(number, self._visible(label), style, seen.at, is_sent=seen.is_sent)

    def _draw_arrow(self, number: int, label: str, style: str, at: float, *, is_sent: bool, tip: str = "") -> None:
        glyphs = self._glyphs
        room = number * self._spacing - 1
        head = tip or (glyphs.right if is_sent else glyphs.left)
        label = f" {self._shorten(label, room - len('- x -'))} "
        before = (room - 1 - len(label)) // 2
        shaft = f"{glyphs.level * before}{label}{glyphs.level * (room - 1 - before - len(label))}"
        line = self._time(at)
        line.append(glyphs.upright, "dim")
        line.append(shaft + head if is_sent else head + shaft, style)
        line.append_text(self._uprights(len(self._columns), number))
        self._print(line)

    def _end_hop(self, hop: Hop, target: Target, at: float) -> None:
        number = self._find(target)
        self._is_deeper = hop.end is HopEnd.REDIRECTED
        if hop.end is HopEnd.NO_CONNECTION:
            self._draw_arrow(number, "connect", "red", at, is_sent=True, tip=self._glyphs.cross)
            if number == len(self._columns) - 1 and not self._columns[number].is_met:
                del self._columns[number]
        else:
            self._columns[number].is_ended = hop.end is not HopEnd.ANSWERED
        if hop.detail and hop.end is not HopEnd.REFUSED:
            self._note(hop.detail)

    def _note(self, text: str) -> None:
        """A remark right of the ladder; where there is no room, right of the caller's line."""
        text = self._visible(text)
        count = len(self._columns)
        if self._room_for_note(count) < len(text):
            count = 1
        for row in wrap(text, max(self._room_for_note(count), _NARROWEST)):
            line = self._uprights(count)
            line.append("  ")
            line.append(row, "yellow")
            self._print(line)

    def _room_for_note(self, count: int) -> int:
        return self._console.width - self._place(count - 1) - len("|  ")

    def _time(self, at: float) -> Text:
        milliseconds = (at - (self._began_at or at)) * _MS
        return Text(f"{milliseconds:9.1f} ms".ljust(_MARGIN), "dim")

    def _uprights(self, count: int, first: int = 0) -> Text:
        """The lines of the columns from `first` on; those before it are on the line already, but for the first's."""
        line = Text(" " * _MARGIN) if first == 0 else Text()
        for number in range(first, count):
            if number > first:
                line.append(" " * (self._spacing - 1))
            line.append(self._glyphs.ended if self._columns[number].is_ended else self._glyphs.upright, "dim")
        return line

    def _find(self, target: Target) -> int:
        return next(number for number, each in enumerate(self._columns) if each.address == target.address)

    # --- text

    def _shorten(self, label: str, room: int) -> str:
        """The label cut to the room that there is, after a word if that leaves more than the status."""
        if len(label) <= room:
            return label
        words = label[: room + 1].rpartition(" ")[0]
        return words if " " in words else f"{label[: max(0, room - 1)]}{self._glyphs.cut}"

    def _visible(self, text: str) -> str:
        """What prints, and prints on this terminal."""
        encoding = self._console.encoding
        return visible_text(text).encode(encoding, "backslashreplace").decode(encoding)

    def _print(self, line: Text) -> None:
        self._console.print(line, soft_wrap=True, highlight=False)


def _can_write(console: Console, glyphs: Glyphs) -> bool:
    try:
        f"{glyphs.upright}{glyphs.ended}{glyphs.level}{glyphs.right}{glyphs.left}{glyphs.cross}{glyphs.cut}".encode(
            console.encoding
        )
    except UnicodeEncodeError:
        return False
    return True


def _label(message: Request | Response) -> tuple[str, str]:
    """What stands on the arrow of a message, and its style."""
    body = " (SDP)" if message.body and "sdp" in (message.headers.get("content-type") or "").lower() else ""
    if isinstance(message, Request):
        return f"{message.method}{body}", "cyan"
    try:
        status, phrase, method = message.status, message.phrase, message.cseq.method
    except MalformedError:
        return "unreadable answer", "red"
    of_what = "" if method == "INVITE" else f" ({method})"
    return f"{status} {phrase}{of_what}{body}", _style_of(status)


def _style_of(status: int) -> str:
    if status < _FIRST_FINAL:
        return "blue"
    if status < _FIRST_REDIRECT:
        return "green"
    return "magenta" if status < _FIRST_REFUSAL else "red"
