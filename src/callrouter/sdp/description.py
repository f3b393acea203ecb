"""Session descriptions: reading and writing (RFC 8866).

What an offer or an answer is made of is kept: v, o, s, c, t, m, a. The lines i, u, e, p, b, r, z and k are read past;
a letter of no meaning refuses the description (5). Tolerated, because devices send it: lines that end in LF alone,
a last line without an end, empty lines after the last, any number of spaces around the words of o, c, t and m, session
lines in any order, no s= or an empty one (read as "-"), no t= (read as "0 0": no bounds). Not tolerated: anything but
v=0 at the start; no o=, because offer and answer go by it (RFC 3264 8); an m-line in use without a c= that holds for
it. Text is UTF-8 with surrogateescape, which gives every octet back. Every line is looked at once.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from callrouter.sdp.errors import SdpError

Attribute: TypeAlias = tuple[str, str | None]
"""Name and value of an a= line; None where there is no colon."""

NO_NAME = "-"
"""What a session without a name is called (5.3)."""
NO_BOUNDS = "0 0"
"""The time of a session without bounds (5.9)."""

_MAX_PORT = 65535
_MAX_DIGITS = len(str(_MAX_PORT))
_ONCE = "osc"
_SESSION_LETTERS = frozenset("osiuepcbtrzka")
_MEDIA_LETTERS = frozenset("icbka")
_UNWRITABLE = re.compile("[\r\n\0]")

_Line: TypeAlias = tuple[str, str]
_Section: TypeAlias = tuple[dict[str, str], tuple[Attribute, ...]]


@dataclass(frozen=True, slots=True)
class Media:
    """One m-line and what belongs to it (5.14).

    kind: `audio`, `video`, ...; port: 0 where the stream is refused or given up; protocol: `RTP/AVP`, ...; formats: one
    or more payload types as written. connection: the value of its own c=, "" where that of the session holds.
    """

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    attributes: tuple[Attribute, ...]
    connection: str = ""
    port_count: int = 1

    def values_of(self, name: str) -> Iterator[str]:
        """The values of its attributes of this name, in their order."""
        return (value for each, value in self.attributes if each == name and value is not None)


@dataclass(frozen=True, slots=True)
class Description:
    """One session description; values are those of the lines, words parted by one space.

    origin: o=, six words (5.2); connection: the session's c=, "" where it has none; attributes: the session's own.
    """

    origin: str
    connection: str
    media: tuple[Media, ...]
    attributes: tuple[Attribute, ...] = ()
    session_name: str = NO_NAME
    timing: str = NO_BOUNDS

    def connection_of(self, media: Media) -> str:
        """The c= value that holds for one of its m-lines; "" where there is none."""
        return media.connection or self.connection


def parse_description(body: bytes) -> Description:
    """Read a body of type application/sdp.

    Raises:
        SdpError: it is no session description.
    """
    lines = list(_split_lines(body))
    if lines[:1] != [("v", "0")]:
        raise SdpError("it does not begin with v=0")
    starts = [number for number, (letter, _) in enumerate(lines) if letter == "m"]
    ends = [*starts, len(lines)]
    values, attributes = _read_section(lines[1 : ends[0]], _SESSION_LETTERS)
    if "o" not in values:
        raise SdpError("there is no o= line")
    description = Description(
        origin=_join_words("o", values["o"], 6),
        connection=_read_connection(values),
        media=tuple(_read_media(lines[start:end]) for start, end in zip(starts, ends[1:], strict=True)),
        attributes=attributes,
        session_name=values.get("s") or NO_NAME,
        timing=_join_words("t", values.get("t", NO_BOUNDS), 2),
    )
    if any(media.port and not description.connection_of(media) for media in description.media):
        raise SdpError("an m= line has no c= line")
    return description


def format_description(description: Description) -> bytes:
    """The description as a body; it reads back as the same.

    Raises:
        SdpError: a value holds CR, LF or NUL, or a character that no octets stand for.
    """
    lines = ["v=0", f"o={description.origin}", f"s={description.session_name or NO_NAME}"]
    if description.connection:
        lines.append(f"c={description.connection}")
    lines.append(f"t={description.timing}")
    lines += _format_attributes(description.attributes)
    for media in description.media:
        port = str(media.port) if media.port_count == 1 else f"{media.port}/{media.port_count}"
        lines.append(f"m={media.kind} {port} {media.protocol} {' '.join(media.formats)}")
        if media.connection:
            lines.append(f"c={media.connection}")
        lines += _format_attributes(media.attributes)
    if any(_UNWRITABLE.search(line) for line in lines):
        raise SdpError("a value holds CR, LF or NUL")
    try:
        return "\r\n".join([*lines, ""]).encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise SdpError("a value holds a character that no octets stand for") from error


def format_connection(address: str) -> str:
    """The c= value for a numeric address, which also ends an o= value (5.7)."""
    return f"IN {'IP6' if ':' in address else 'IP4'} {address}"


def _split_lines(body: bytes) -> Iterator[_Line]:
    if b"\0" in body:
        raise SdpError("there is a NUL in it")
    rows = body.decode("utf-8", "surrogateescape").split("\n")
    rows = [row.removesuffix("\r") for row in rows]
    while rows and not rows[-1]:
        rows.pop()
    for row in rows:
        letter, equals, value = row[:1], row[1:2], row[2:]
        if equals != "=":
            raise SdpError("a line is not a letter, = and a value")
        if "\r" in value:
            raise SdpError("there is a CR in a line")
        yield letter, value


def _read_section(lines: Iterable[_Line], letters: frozenset[str]) -> _Section:
    """The first value of every letter, and the attributes."""
    values: dict[str, str] = {}
    attributes: list[Attribute] = []
    for letter, value in lines:
        if letter not in letters:
            raise SdpError("a line has an unknown letter, or is in a place that is not its own")
        if letter == "a":
            attributes.append(_parse_attribute(value))
        elif letter not in values:
            values[letter] = value
        elif letter in _ONCE and letters is _SESSION_LETTERS:
            raise SdpError(f"there are two {letter}= lines")
    return values, tuple(attributes)


def _read_media(lines: list[_Line]) -> Media:
    (letter, value), *rest = lines
    kind, raw_port, protocol, *formats = _join_words(letter, value, 4).split(" ")
    port, slash, count = raw_port.partition("/")
    values, attributes = _read_section(rest, _MEDIA_LETTERS)
    media = Media(
        kind=kind,
        port=_parse_number(port),
        protocol=protocol,
        formats=tuple(formats),
        attributes=attributes,
        connection=_read_connection(values),
        port_count=_parse_number(count) if slash else 1,
    )
    if not media.port_count:
        raise SdpError("an m= line has a number of ports that is none")
    return media


def _read_connection(values: dict[str, str]) -> str:
    # Of several, the layers of a multicast stream (5.7), the first is kept: its slash says that it is one.
    return _join_words("c", values["c"], 3) if "c" in values else ""


def _join_words(letter: str, value: str, fewest: int) -> str:
    """The words of a value with one space between them."""
    words = [word for word in value.split(" ") if word]
    if len(words) < fewest:
        raise SdpError(f"{letter}= has fewer than {fewest} words")
    return " ".join(words)


def _parse_number(text: str) -> int:
    if len(text) <= _MAX_DIGITS and text.isascii() and text.isdigit() and int(text) <= _MAX_PORT:
        return int(text)
    raise SdpError("an m= line has a port that is none")


def _parse_attribute(value: str) -> Attribute:
    name, colon, rest = value.partition(":")
    if not name:
        raise SdpError("an a= line has no name")
    return (name, rest) if colon else (name, None)


def _format_attributes(attributes: Iterable[Attribute]) -> Iterator[str]:
    for name, value in attributes:
        yield f"a={name}" if value is None else f"a={name}:{value}"
