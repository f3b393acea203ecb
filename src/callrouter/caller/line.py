"""Lines: the connections that calls go over, one for each hop of a call, or shared by many calls.

Whoever takes a line gives it back; the pool closes what nobody shares, and at its end everything. No task outlives it.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import TypeAlias

from callrouter.caller.agent import CallerAgent
from callrouter.caller.spec import CallerConfig
from callrouter.caller.tap import MessageTaker, Tap
from callrouter.caller.target import Target
from callrouter.sip.respond import header_line
from callrouter.snapshot import AnswerForm
from callrouter.transport.client import ConnectError, Destination, connect
from callrouter.transport.connection import Connection
from callrouter.transport.port import StreamSession
from callrouter.ua.endpoint import Endpoint, EndpointConfig
from callrouter.wire import CloseReason, Peer, Transport

_Key: TypeAlias = tuple[str, int, Transport]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One connection of ours, with what its messages mean. ended: set once it is gone."""

    connection: Connection
    endpoint: Endpoint
    agent: CallerAgent
    ended: asyncio.Event

    def begin_close(self) -> None:
        """Close it once all output is out."""
        self.endpoint.close()
        self.connection.advance()


class LinePool:
    """The lines of a caller. is_shared: calls to the same host, port and transport go over one line."""

    def __init__(self, config: CallerConfig, *, is_shared: bool = False) -> None:
        self._config = config
        self._is_shared = is_shared
        self._lines: dict[asyncio.Event, Line] = {}
        """Those that have not ended, by the event of their end."""
        self._shared: dict[_Key, Line] = {}
        self._opening: dict[_Key, asyncio.Task[Line]] = {}

    async def take(self, target: Target, timeout_seconds: float, take_message: MessageTaker | None = None) -> Line:
        """A line to a target. take_message: told of every message, where the line is not shared.

        Raises:
            ConnectError: there is none within `timeout_seconds`.
        """
        if not self._is_shared:
            return await self._open(target, timeout_seconds, take_message)
        key = (target.host, target.port, target.transport)
        line = self._shared.get(key)
        if line is not None and line.endpoint.is_usable:
            return line
        opening = self._opening.get(key)
        if opening is None:
            opening = asyncio.get_running_loop().create_task(self._open(target, timeout_seconds, None))
            self._opening[key] = opening
            opening.add_done_callback(lambda task: self._opened(key, task))
        # Others wait for it, too: it goes on when this one is cancelled.
        return await asyncio.shield(opening)

    def give_back(self, line: Line) -> None:
        """The call does not need the line any more."""
        if not self._is_shared:
            line.begin_close()

    async def close(self, seconds: float) -> None:
        """Close every line; what is not gone after `seconds` is aborted."""
        for opening in self._opening.values():
            opening.cancel()
        try:
            if self._opening:
                await asyncio.wait(self._opening.values())
            for line in list(self._lines.values()):
                line.begin_close()
            with contextlib.suppress(TimeoutError):  # what is left is aborted below
                async with asyncio.timeout(seconds):
                    await self._wait_until_ended()
        finally:
            for line in list(self._lines.values()):
                line.connection.abort(CloseReason.DRAIN_TIMEOUT)
        await self._wait_until_ended()

    # --- inside

    async def _wait_until_ended(self) -> None:
        for ended in list(self._lines):
            await ended.wait()

    async def _open(self, target: Target, timeout_seconds: float, take_message: MessageTaker | None) -> Line:
        config = self._config
        tls = None
        if target.transport is Transport.TLS:
            if config.tls is None:
                raise ConnectError(f"{target.address}: there is neither CA nor certificate for TLS")
            tls = config.tls()
        cradle = _Cradle(config, take_message, self._forget)
        connection = await connect(
            Destination(target.host, target.port, tls, config.local_address),
            cradle.make_session,
            config.transport_limits,
            config.emit,
            timeout_seconds=timeout_seconds,
            owner=cradle,
        )
        line = Line(connection, cradle.endpoint, cradle.agent, cradle.ended)
        if not line.ended.is_set():
            self._lines[line.ended] = line
        return line

    def _opened(self, key: _Key, task: asyncio.Task[Line]) -> None:
        del self._opening[key]
        if not task.cancelled() and task.exception() is None:
            self._shared[key] = task.result()

    def _forget(self, ended: asyncio.Event) -> None:
        self._lines.pop(ended, None)


class _Cradle:
    """What a line is made of while its connection comes about. A `ConnectionOwner`."""

    endpoint: Endpoint
    agent: CallerAgent
    """Both set once the connection is opened."""

    def __init__(
        self, config: CallerConfig, take_message: MessageTaker | None, forget: Callable[[asyncio.Event], None]
    ) -> None:
        self.ended = asyncio.Event()
        self._config = config
        self._take_message = take_message
        self._forget = forget

    def make_session(self, peer: Peer, now: float) -> StreamSession:
        config = self._config
        server_line = header_line("Server", config.user_agent) if config.user_agent else ""
        endpoint_config = EndpointConfig(
            config.limits,
            config.emit,
            secrets.token_bytes(16),
            make_token,
            AnswerForm(server_line=server_line, warning_agent=""),
            idles_for_ever=True,
        )
        self.endpoint = Endpoint(peer, endpoint_config, now)
        self.agent = CallerAgent(self.endpoint, config.emit)
        self.endpoint.serve(self.agent)
        if self._take_message is None:
            return self.endpoint
        return Tap(self.endpoint, self._take_message, config.limits.message, monotonic)

    def connection_opened(self, connection: Connection) -> None:
        """Whoever connects is told by its coroutine."""

    def connection_ended(self, connection: Connection) -> None:
        del connection
        self.ended.set()
        self._forget(self.ended)


def make_token() -> str:
    """A text that no other branch, tag or Call-ID has (RFC 3261 19.3)."""
    return secrets.token_hex(8)
