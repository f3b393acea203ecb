"""What the attacks share: a router in a process of its own, a caller that can send anything, and the honest call.

The router is started by `tests.router`, ends by SIGTERM when the test is over and must then end with exit code 0:
a test whose router died of the attack fails even where it looked away.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.process import resident_bytes
from tests.router import Router, start_router

PATIENCE_SECONDS = 8.0
"""How long a test waits for what must come; never reached where all is well."""

PROMPT_SECONDS = 1.0
"""Within this an honest call is answered, whatever happens beside it; milliseconds where the machine is idle."""


class Caller:
    """One connection to a router, and what came back on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, octets: bytes) -> None:
        """Write, and wait until the kernel has most of it.

        Raises:
            ConnectionError: the router has given the connection up.
        """
        self._writer.write(octets)
        await asyncio.wait_for(self._writer.drain(), PATIENCE_SECONDS)

    async def read_answer(self) -> bytes:
        """The next answer, which never has a body."""
        return await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)

    async def exchange(self, octets: bytes) -> bytes:
        """Send a request and return its answer."""
        await self.send(octets)
        return await self.read_answer()

    async def ping(self) -> None:
        """A keep-alive and its answer (RFC 5626 3.5.1): all that was sent before has been read by then."""
        await self.send(b"\r\n\r\n")
        assert await asyncio.wait_for(self._reader.readexactly(2), PATIENCE_SECONDS) == b"\r\n"

    def end_sending(self) -> None:
        """Send FIN; answers can still be read."""
        self._writer.write_eof()

    async def read_to_end(self) -> bytes:
        """Everything until the router closes, in whatever way it does."""
        received = b""
        with contextlib.suppress(ConnectionError):  # a reset is an end as well; what came before it is kept
            while chunk := await asyncio.wait_for(self._reader.read(65536), PATIENCE_SECONDS):
                received += chunk
        return received

    async def hang_up(self) -> None:
        """Close and wait for it."""
        self._writer.close()
        with contextlib.suppress(OSError):  # the other side may have been faster
            await asyncio.wait_for(self._writer.wait_closed(), PATIENCE_SECONDS)


@contextlib.asynccontextmanager
async def connect(
    port: int, context: ssl.SSLContext | None = None, *, host: str = "127.0.0.1"
) -> AsyncIterator[Caller]:
    """Call a loopback address, over TLS where a context is given."""
    name = "localhost" if context else None
    connecting = asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    caller = Caller(*await asyncio.wait_for(connecting, PATIENCE_SECONDS))
    try:
        yield caller
    finally:
        await caller.hang_up()


@dataclass(frozen=True, slots=True)
class Target:
    """A running router on 127.0.0.1."""

    router: Router

    @property
    def resident_bytes(self) -> int:
        """What the router's process has in memory."""
        return resident_bytes(self.router.pid)

    def connect(self) -> contextlib.AbstractAsyncContextManager[Caller]:
        """A caller over TCP, hung up at the end of the block."""
        return connect(self.router.tcp_port)

    def connect_tls(self) -> contextlib.AbstractAsyncContextManager[Caller]:
        """A caller over mutual TLS."""
        return connect(self.router.tls_port, self.router.build_context())

    async def read_metrics(self) -> dict[str, float]:
        """Every sample of /metrics, by its name and labels as Prometheus writes them."""
        async with connect(self.router.admin_port) as client:
            await client.send(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            page = (await client.read_to_end()).partition(b"\r\n\r\n")[2].decode()
        samples = (line.rpartition(" ") for line in page.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in samples}

    async def assert_serves(self) -> None:
        """An honest call on a connection of its own gets its redirect, promptly, and no session has failed."""
        async with asyncio.timeout(PROMPT_SECONDS), self.connect() as caller:
            assert_redirect(await caller.exchange(build_invite("honest")))
        assert (await self.read_metrics())["callrouter_session_failures_total"] == 0


@contextlib.contextmanager
def run_target(directory: Path, certificates: Path, **limits: float) -> Iterator[Target]:
    """Run a router with these values in the settings group `limits`."""
    with start_router(directory, certificates, {"limits": limits, "log": {"calls": False}}) as router:
        yield Target(router)


def build_request(  # noqa: PLR0913 - every part of a request is somebody's attack
    call: str,
    method: str = "INVITE",
    *,
    uri: str = "sip:4000@router.example.test",
    replace: Mapping[str, str] | None = None,
    extra: str = "",
    body: str = "",
    to_tag: str = "",
) -> bytes:
    """One request of the call named `call`.

    replace: header values by name instead of the usual ones. extra: header lines with their CRLFs, before
    Content-Length.
    """
    values = {
        "Via": f"SIP/2.0/TCP 127.0.0.1:5060;branch=z9hG4bK-{call}",
        "Max-Forwards": "70",
        "From": f'"Gateway" <sip:5551234@127.0.0.1>;tag={call}',
        "To": f"<sip:4000@router.example.test>{to_tag}",
        "Call-ID": call,
        "CSeq": f"1 {method}",
        "Contact": "<sip:gateway@127.0.0.1:5060;transport=tcp>",
        **(replace or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in values.items())
    text = f"{method} {uri} SIP/2.0\r\n{head}{extra}Content-Length: {len(body)}\r\n\r\n{body}"
    return text.encode("utf-8", "surrogateescape")


def build_invite(call: str, **parts: Any) -> bytes:
    """An INVITE; parts: those of `build_request`."""
    return build_request(call, "INVITE", **parts)


def build_ack(call: str, answer: bytes) -> bytes:
    """The ACK that belongs to an answer of `build_invite(call)`."""
    to_tag = answer.partition(b"\r\nTo: ")[2].partition(b"\r\n")[0].partition(b";tag=")[2].decode()
    return build_request(call, "ACK", to_tag=f";tag={to_tag}")


def status_of(answer: bytes) -> int:
    """The status code of an answer."""
    version, status, _ = answer.split(b" ", 2)
    assert version == b"SIP/2.0"
    return int(status)


def assert_redirect(answer: bytes) -> None:
    """The 302 that every honest call gets here."""
    assert status_of(answer) == 302, answer
    assert b"\r\nContact: <sip:4000@mbx1.example.test:5062;transport=Tcp>\r\n" in answer
