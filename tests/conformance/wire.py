"""The caller's side of one connection: plain blocking sockets, requests as octets, answers cut off the stream.

Nothing of callrouter is used to read what callrouter wrote. Text is Latin-1 here, so that every octet survives.
"""

import re
import secrets
import socket
import ssl
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from types import TracebackType
from typing import Self

from tests.router import Router

ANSWER_SECONDS = 10.0

_STATUS_LINE = re.compile(r"SIP/2\.0 ([1-6][0-9][0-9]) (.*)")
_READ_BYTES = 65536


@dataclass(frozen=True)
class Answer:
    """One response, whole."""

    octets: bytes

    @cached_property
    def _head(self) -> list[str]:
        return self.octets.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")

    @cached_property
    def status(self) -> int:
        line = _STATUS_LINE.fullmatch(self._head[0])
        assert line is not None, f"no status line: {self._head[0]!r}"
        return int(line[1])

    @property
    def phrase(self) -> str:
        return self._head[0].split(" ", 2)[2]

    @cached_property
    def fields(self) -> list[tuple[str, str]]:
        """(name, value) in order; the router is known to write full names and no folds."""
        cut = [line.partition(":") for line in self._head[1:]]
        assert all(colon for _, colon, _ in cut), f"a line without colon: {self._head}"
        return [(name, value.strip(" \t")) for name, _, value in cut]

    def values(self, name: str) -> list[str]:
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def value(self, name: str) -> str:
        """The value of a field that is there exactly once."""
        [value] = self.values(name)
        return value

    def has(self, name: str) -> bool:
        return bool(self.values(name))

    @property
    def to_tag(self) -> str:
        tag = re.search(r';[ \t]*tag[ \t]*=[ \t]*([^;" \t]+)', self.value("To"))
        return tag[1] if tag else ""


@dataclass(frozen=True)
class Request:
    """A request to send; made by `build`."""

    method: str
    uri: str
    fields: tuple[tuple[str, str], ...]
    body: bytes = b""
    version: str = "SIP/2.0"

    @property
    def octets(self) -> bytes:
        lines = [f"{self.method} {self.uri} {self.version}", *(f"{name}: {value}" for name, value in self.fields)]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body

    def value(self, name: str) -> str:
        return next(value for known, value in self.fields if known == name)

    def change(self, changes: Mapping[str, str | None]) -> Self:
        """Replace fields, take them away (None), or add them at the end."""
        kept = tuple((name, changes.get(name, value)) for name, value in self.fields)
        known = {name for name, _ in self.fields}
        added = tuple((name, value) for name, value in changes.items() if name not in known)
        return replace(self, fields=tuple((name, value) for name, value in kept + added if value is not None))

    def ack(self, answer: Answer) -> bytes:
        """RFC 3261 17.1.1.3: the ACK of a final answer that is no 2xx."""
        number = self.value("CSeq").split(" ")[0]
        return self._follow_up("ACK", {"To": answer.value("To"), "CSeq": f"{number} ACK"})

    def cancel(self) -> bytes:
        """RFC 3261 9.1."""
        number = self.value("CSeq").split(" ")[0]
        return self._follow_up("CANCEL", {"CSeq": f"{number} CANCEL"})

    def _follow_up(self, method: str, changes: Mapping[str, str]) -> bytes:
        shared = ("Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq")
        fields = tuple((name, value) for name, value in self.fields if name in shared)
        request = Request(method, self.uri, fields)
        return request.change({**changes, "Content-Length": "0"}).octets


def build(
    method: str = "INVITE",
    uri: str = "sip:alice@redirect.example.com",
    changes: Mapping[str, str | None] | None = None,
    *,
    body: bytes = b"",
    version: str = "SIP/2.0",
) -> Request:
    """A sound request with a name of its own; `changes` as in `Request.change`."""
    name = secrets.token_hex(6)
    fields = (
        ("Via", f"SIP/2.0/TCP client.example.net:5060;branch=z9hG4bK{name}"),
        ("Max-Forwards", "70"),
        ("From", f'"Caller" <sip:caller@client.example.net>;tag=f{name}'),
        ("To", "<sip:alice@redirect.example.com>"),
        ("Call-ID", f"{name}@client.example.net"),
        ("CSeq", f"1 {method}"),
        ("Content-Length", str(len(body))),
    )
    return Request(method, uri, fields, body, version).change(changes or {})


class Connection:
    """One connection to the router, from the caller's side. Use it in a `with` block."""

    def __init__(self, stream: socket.socket) -> None:
        stream.settimeout(ANSWER_SECONDS)
        self._stream = stream
        self._buffer = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    @property
    def local_port(self) -> int:
        return int(self._stream.getsockname()[1])

    @property
    def is_tls(self) -> bool:
        return isinstance(self._stream, ssl.SSLSocket)

    @property
    def tls(self) -> ssl.SSLSocket:
        assert isinstance(self._stream, ssl.SSLSocket)
        return self._stream

    def send(self, octets: bytes) -> None:
        self._stream.sendall(octets)

    def reset(self) -> None:
        """Cut the connection with RST."""
        self._stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._stream.close()

    def read_octets(self, count: int) -> bytes:
        """Exactly `count` octets."""
        while len(self._buffer) < count:
            self._fill()
        octets = bytes(self._buffer[:count])
        del self._buffer[:count]
        return octets

    def read_answer(self) -> Answer:
        """The next response; its Content-Length tells where it ends."""
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        end = self._buffer.index(b"\r\n\r\n") + 4
        lengths = Answer(bytes(self._buffer[:end])).values("Content-Length")
        assert len(lengths) == 1, f"Content-Length is there {len(lengths)} times"
        return Answer(self.read_octets(end + int(lengths[0])))

    def ask(self, request: Request) -> Answer:
        """Send a request and read the next response."""
        self.send(request.octets)
        return self.read_answer()

    def call(self, request: Request) -> Answer:
        """Send an INVITE, read its final answer and acknowledge it."""
        answer = self.ask(request)
        self.send(request.ack(answer))
        return answer

    def assert_alive(self) -> None:
        """The next thing on the connection is the answer to a good OPTIONS: so nothing else was sent before it."""
        probe = build("OPTIONS", "sip:redirect.example.com")
        answer = self.ask(probe)
        assert (answer.status, answer.value("Call-ID")) == (200, probe.value("Call-ID"))

    def assert_closed(self) -> None:
        """The router ends the connection, and sends nothing before that."""
        assert not self._buffer, f"after the last answer came {bytes(self._buffer)!r}"
        octets = self._stream.recv(_READ_BYTES)
        assert octets == b"", f"before the end came {octets!r}"

    def _fill(self) -> None:
        octets = self._stream.recv(_READ_BYTES)
        assert octets, f"closed, with {bytes(self._buffer)!r} left"
        self._buffer += octets


def dial(router: Router, transport: str = "TCP") -> Connection:
    """Connect over TCP, or over mutual TLS as a gateway that the router knows."""
    port = router.tls_port if transport == "TLS" else router.tcp_port
    stream = socket.create_connection((router.address, port), ANSWER_SECONDS)
    # An ACK and the next request are two writes; Nagle's algorithm would hold the second one back.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if transport == "TLS":
        stream = router.build_context().wrap_socket(stream, server_hostname="localhost")
    return Connection(stream)
