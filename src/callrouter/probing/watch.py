"""Watch: probes one target for ever, over a connection that is kept. One task, no polling.

The next probe comes after the interval, or at once when a kept connection ends: a server that was killed is then found
out within milliseconds. A probe out of turn is followed by a whole interval, so that a server which ends every
connection costs at most two probes per interval, and one that ends them unanswered costs one. But for this: while a
process dies, its port may still take a connection that nobody serves. One that is lost so is followed by one more.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias

from callrouter.pool.health import ProbeResult, failed, refused
from callrouter.probing.config import ProbeConfig
from callrouter.probing.exchange import Exchange
from callrouter.probing.report import describe_probe
from callrouter.probing.target import Target
from callrouter.telemetry import ConnectionClosed, ConnectionOpened, Event, Sink
from callrouter.transport.client import ConnectError, connect
from callrouter.transport.connection import Connection
from callrouter.transport.port import StreamSession
from callrouter.ua.endpoint import EndpointConfig
from callrouter.wire import CloseReason, Peer, Transport

_DYING_SECONDS: Final = 0.02
"""How long the end of a process takes, from its first connection to its port."""

RecordProbe: TypeAlias = Callable[[str, Transport, ProbeResult, float], None]
"""Takes each result: server, transport, what was found, when (monotonic seconds)."""


@dataclass(frozen=True, slots=True)
class WatchTools:
    """What all watches of a prober share.

    draw: gives a number from 0 to 1, as `random.random`.
    """

    config: ProbeConfig
    endpoint: EndpointConfig
    record: RecordProbe
    emit: Sink
    draw: Callable[[], float]


class Watch:
    """The probes of one target."""

    def __init__(self, target: Target, tools: WatchTools) -> None:
        self._target = target
        self._tools = tools
        self._link: _Link | None = None

    async def run(self, delay_seconds: float) -> None:
        """Probe until cancelled, for the first time after this delay; then end the connection decently."""
        out_of_turn = 0
        try:
            await _happens(_never(), delay_seconds)
            while True:
                started_at = monotonic()
                had_link = self._link is not None
                result = await self._probe(started_at)
                self._tell(result, started_at)
                due_at = started_at + self._tools.config.draw_interval(self._tools.draw)
                # A connection that carried no answer, or was the second one already, tells nothing by its end.
                if not out_of_turn and (had_link or self._link is not None):
                    out_of_turn = int(await self._loses_link(due_at))
                elif out_of_turn == 1 and self._was_cut_short(result, started_at):
                    out_of_turn = 2
                    await _happens(_never(), _DYING_SECONDS)
                else:
                    out_of_turn = 0
                    await _happens(_never(), due_at - monotonic())
        finally:
            if self._link is not None:
                await self._link.hang_up()

    async def _probe(self, started_at: float) -> ProbeResult:
        link = self._link
        if link is not None and not link.is_open:
            # It ended while nothing was to hurry for.
            await self._cut()
            link = None
        if link is None:
            try:
                link = self._link = await self._connect()
            except ConnectError as error:
                return refused() if error.is_refused else failed(str(error))
            except OSError as error:
                return failed(f"no socket: {(error.strerror or str(error)).lower()}")
            if not self._target.is_named_by(link.connection.peer):
                await self._cut()
                return failed(f"the certificate does not name {self._target.expected_name}")
        result = await link.ask(self._tools.config.timeout_seconds, started_at)
        if not link.is_open:
            await self._cut()
        return result

    async def _connect(self) -> "_Link":
        """A new connection.

        Raises:
            ConnectError, OSError: there is none.
        """
        tools = self._tools
        link = _Link(self._target, tools)
        link.connection = await connect(
            self._target.destination,
            link.make_session,
            tools.config.transport_limits,
            link.pass_on,
            timeout_seconds=tools.config.timeout_seconds,
            owner=link,
        )
        return link

    async def _cut(self) -> None:
        """Be rid of the connection, whatever state it is in."""
        if self._link is not None:
            await self._link.cut()
            self._link = None

    async def _loses_link(self, due_at: float) -> bool:
        """Wait until `due_at`, or until there is no connection any more; returns whether it came to that."""
        return self._link is None or await _happens(self._link.ended, due_at - monotonic())

    def _was_cut_short(self, result: ProbeResult, started_at: float) -> bool:
        """Whether a probe ended before its time, without an answer and without being refused."""
        is_open = result.status == 0 and not result.is_refused
        return is_open and monotonic() < started_at + self._tools.config.timeout_seconds

    def _tell(self, result: ProbeResult, started_at: float) -> None:
        now = monotonic()
        target, tools = self._target, self._tools
        tools.emit(describe_probe(target.server, target.transport, result, now - started_at))
        tools.record(target.server, target.transport, result, now)


class _Link:
    """A connection to a target. A `transport.connection.ConnectionOwner`."""

    connection: Connection
    """Set once it is there; so is `exchange`."""
    exchange: Exchange

    def __init__(self, target: Target, tools: WatchTools) -> None:
        self.ended = asyncio.Event()
        self._target = target
        self._tools = tools

    @property
    def is_open(self) -> bool:
        """Whether another probe can go out."""
        return self.exchange.session.is_usable

    def make_session(self, peer: Peer, now: float) -> StreamSession:
        """A `transport.connection.SessionFactory`."""
        own_host = self._tools.config.own_host
        self.exchange = Exchange(self._target.uri, peer, self._tools.endpoint, now, own_host=own_host)
        return self.exchange.session

    def pass_on(self, event: Event, /) -> None:
        """Pass on what the transport tells, but for connections: those are counted that were accepted."""
        if not isinstance(event, ConnectionOpened | ConnectionClosed):
            self._tools.emit(event)

    def connection_opened(self, connection: Connection) -> None:
        """Whoever connects is told by `connect`."""

    def connection_ended(self, connection: Connection) -> None:  # noqa: ARG002
        self.ended.set()

    async def ask(self, timeout_seconds: float, started_at: float) -> ProbeResult:
        """Probe."""
        results: list[ProbeResult] = []
        came = asyncio.Event()

        def take(result: ProbeResult) -> None:
            results.append(result)
            came.set()

        self.exchange.probe(take, timeout_seconds, started_at, monotonic())
        self.connection.advance()
        await came.wait()
        return results[0]

    async def cut(self) -> None:
        """End the connection without waiting for the server."""
        if not self.ended.is_set():
            self.connection.abort(CloseReason.DONE)
            await self.ended.wait()

    async def hang_up(self) -> None:
        """End the connection decently; the transport knows how long a server may take to do its part."""
        self.exchange.session.close()
        self.connection.advance()
        await self.ended.wait()


def _never() -> asyncio.Event:
    """What is waited for where only time counts."""
    return asyncio.Event()


async def _happens(event: asyncio.Event, within_seconds: float) -> bool:
    """Wait for an event, but not for ever; returns whether it came."""
    try:
        async with asyncio.timeout(within_seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
