"""The floor: what CPython with uvloop can do when it answers an INVITE with a 302 and does nothing else.

It finds each message by its empty line and Content-Length, copies the five lines that an answer must carry (RFC 3261
8.2.6.2), adds a To tag and a canned Contact, and drops everything that is not an INVITE. No limits, no checks, no
policy, one Via only: it is a yardstick for the router and no server. Two styles: `split` makes lines of every message
and picks the five by name, which is the least that can still tell all lines apart; `scan` looks for the five in the
octets, as nothing could that is also asked what else the message holds. Prints one line of JSON with its port when it
listens, and ends at SIGTERM or SIGINT.
"""

import argparse
import asyncio
import json
import signal
import ssl
from pathlib import Path

import uvloop

from bench.process import settle_allocator
from bench.tls import build_server_context

_FINAL_LINES = (
    b";tag=1234567890\r\n"
    b"Contact: <sip:4000@mbx1.example.test:5062;transport=Tcp>\r\n"
    b"Server: bench-floor\r\n"
    b"Content-Length: 0\r\n"
    b"\r\n"
)

_REDIRECT = b"SIP/2.0 302 Moved Temporarily\r\nVia:%b\r\nFrom:%b\r\nCall-ID:%b\r\nCSeq:%b\r\nTo:%b%b"


def _copy_line(data: bytes, name: bytes, start: int, end: int) -> bytes:
    at = data.index(name, start, end)
    return data[at : data.index(b"\r\n", at + 2)]


def _build_redirect(data: bytes, start: int, end: int) -> bytes:
    return b"".join(
        (
            b"SIP/2.0 302 Moved Temporarily",
            _copy_line(data, b"\r\nVia: ", start, end),
            _copy_line(data, b"\r\nFrom: ", start, end),
            _copy_line(data, b"\r\nCall-ID: ", start, end),
            _copy_line(data, b"\r\nCSeq: ", start, end),
            _copy_line(data, b"\r\nTo: ", start, end),
            _FINAL_LINES,
        )
    )


class FloorProtocol(asyncio.Protocol):
    """One connection of the floor; the styles have a loop each, because a call for every message would cost too."""

    def __init__(self) -> None:
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]


class SplitProtocol(FloorProtocol):
    """Splits every message into its lines."""

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start = 0
        answers = []
        while (end := data.find(b"\r\n\r\n", start)) >= 0:
            lines = data[start:end].split(b"\r\n")
            values = {}
            for line in lines[1:]:
                name, _, value = line.partition(b":")
                values[name] = value
            following = end + 4 + int(values[b"Content-Length"])
            if following > len(data):
                break
            if lines[0].startswith(b"INVITE "):
                answers.append(
                    _REDIRECT
                    % (
                        values[b"Via"],
                        values[b"From"],
                        values[b"Call-ID"],
                        values[b"CSeq"],
                        values[b"To"],
                        _FINAL_LINES,
                    )
                )
            start = following
        self._rest = data[start:]
        if answers:
            self._write(b"".join(answers))


class ScanProtocol(FloorProtocol):
    """Looks for the five lines and no other."""

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        start = 0
        answers = []
        while (end := data.find(b"\r\n\r\n", start)) >= 0:
            at = data.index(b"\r\nContent-Length: ", start, end) + 18
            following = end + 4 + int(data[at : data.index(b"\r\n", at)])
            if following > len(data):
                break
            if data.startswith(b"INVITE ", start):
                answers.append(_build_redirect(data, start, end + 2))
            start = following
        self._rest = data[start:]
        if answers:
            self._write(b"".join(answers))


_STYLES = {"split": SplitProtocol, "scan": ScanProtocol}


async def serve_floor(port: int, style: str, context: ssl.SSLContext | None) -> None:
    """Listen on 127.0.0.1 until SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signal_number, stopped.set)
    server = await loop.create_server(_STYLES[style], "127.0.0.1", port, ssl=context, backlog=4096)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await stopped.wait()
    server.close()


def main() -> None:
    settle_allocator()
    parser = argparse.ArgumentParser(description="answer every INVITE with a canned 302")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--style", choices=sorted(_STYLES), default="split")
    parser.add_argument("--certificates", type=Path, help="directory of lab certificates: mutual TLS instead of TCP")
    arguments = parser.parse_args()
    context = build_server_context(arguments.certificates) if arguments.certificates else None
    uvloop.run(serve_floor(arguments.port, arguments.style, context))


if __name__ == "__main__":
    main()
