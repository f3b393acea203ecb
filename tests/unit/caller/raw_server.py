"""A server that follows a script step by step and then ends its connection in one of several rude ways."""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.respond import build_response, end_of_head, header_line
from callrouter.ua.capabilities import SDP_LINE
from callrouter.ua.media import Media, MediaConfig

PATIENCE_SECONDS = 10.0
TASK_NAME = "raw server"


@dataclass
class RawServer:
    """steps: "read METHOD" and "send STATUS".

    last: "close", "reset", "garbage" and "hang" read what comes as SIP; "deaf" as anything, "sit" not at all.
    """

    steps: Sequence[str]
    last: str
    port: int = 0
    methods: list[str] = field(default_factory=list)
    """Of the requests that were read, also after the steps."""
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    """The steps are done."""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        framer = Framer(MessageLimits())
        invite: Request | None = None
        request: Request | None = None
        for step in self.steps:
            verb, what = step.split(" ")
            if verb == "read":
                request = await self._read(reader, framer)
                if request is None:
                    break
                assert request.method == what
                invite = request if what == "INVITE" else invite
            else:
                of = request if request is not None and request.method == "BYE" else invite
                assert of is not None
                writer.write(self._answer(of, int(what)))
                await writer.drain()
        self.reached.set()
        await self._end(reader, writer, framer)

    def _answer(self, request: Request, status: int) -> bytes:
        body, lines = b"", header_line("Contact", f"<sip:127.0.0.1:{self.port}>")
        if status == 200 and request.method == "INVITE":
            body = Media(MediaConfig("127.0.0.1", 5000, 2)).take_offer(request.body)
            lines += SDP_LINE + end_of_head(body)
        tag = "" if status == 100 else "r1"
        return build_response(request, status, ("127.0.0.1", 1), to_tag=tag, extra=lines) + body

    async def _read(self, reader: asyncio.StreamReader, framer: Framer) -> Request | None:
        while (frame := framer.next_frame()) is None:
            data = await reader.read(65536)
            if not data:
                return None
            framer.receive_data(data)
        assert isinstance(frame, Request)
        self.methods.append(frame.method)
        return frame

    async def _end(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, framer: Framer) -> None:
        if self.last == "reset":
            raw: socket.socket = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            return
        if self.last == "garbage":
            writer.write(b"\xff\xfe nothing of SIP\r\n")
        if self.last in ("garbage", "hang"):
            while await self._read(reader, framer) is not None:
                pass
        elif self.last == "deaf":
            await reader.read()
        elif self.last == "sit":
            await asyncio.Event().wait()
        writer.close()


@contextlib.asynccontextmanager
async def running(server: RawServer, context: ssl.SSLContext | None = None) -> AsyncIterator[RawServer]:
    """The server on a port of its own; all that it began has ended after this."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.set_name(TASK_NAME)
        tasks.add(task)
        try:
            # Streams of this version complain of handlers that are cancelled.
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await server.serve(reader, writer)
        finally:
            writer.transport.abort()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
