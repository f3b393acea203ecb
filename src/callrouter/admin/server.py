"""Serves the admin API with uvicorn, in the event loop that runs already, on a socket that is bound already.

uvicorn's own `serve` takes the process's signals and wakes up ten times a second to look for its end; here its start
is used as it is, and the end is ours: connections tell when the last one has gone. Knows nothing of what is served.
"""

import asyncio
import socket
from typing import Any

from fastapi import FastAPI
from uvicorn import Config, Server
from uvicorn.protocols.http.h11_impl import H11Protocol


class AdminServer:
    """One HTTP server, once: start, then stop.

    listener: a bound TCP socket, which becomes this server's to close. grace_seconds: how long an unfinished response
    may go on after `stop`; then as long again for its handler to notice that the client has gone.
    max_connections: more are answered 503.
    """

    def __init__(
        self, api: FastAPI, listener: socket.socket, *, grace_seconds: float = 0.5, max_connections: int = 256
    ) -> None:
        self._listener = listener
        self._grace_seconds = grace_seconds
        self._connections = _Connections()
        self._server = Server(
            Config(
                api,
                http=_tracking(self._connections),
                ws="none",
                loop="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                workers=1,
                limit_concurrency=max_connections,
            )
        )

    @property
    def address(self) -> tuple[str, int]:
        """Numeric address and port that the socket is bound to; asked before `stop`."""
        name: tuple[Any, ...] = self._listener.getsockname()
        return str(name[0]), int(name[1])

    async def start(self) -> None:
        """Return once connections are accepted.

        Raises:
            OSError: the socket cannot be listened on.
        """
        config = self._server.config
        config.load()
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._listener])

    async def stop(self) -> None:
        """Stop listening, close idle connections at once and others after their response or the grace period."""
        if not self._server.started:
            self._listener.close()
            return
        connections = self._connections
        connections.unwanted = True
        for server in self._server.servers:
            server.close()
        self._listener.close()
        for connection in list(connections.open):
            if not connection.transport.is_closing():
                connection.shutdown()
        try:
            await asyncio.wait_for(connections.gone.wait(), self._grace_seconds)
        except TimeoutError:
            for connection in list(connections.open):
                connection.transport.abort()
            await connections.gone.wait()
        await self._end_handlers()

    async def _end_handlers(self) -> None:
        """Handlers saw their client go; one that does not look is cancelled."""
        running = set(self._server.server_state.tasks)
        if running:
            _, running = await asyncio.wait(running, timeout=self._grace_seconds)
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


class _Connections:
    """The connections that are open, and an event for when there are none."""

    def __init__(self) -> None:
        self.open: set[H11Protocol] = set()
        self.gone = asyncio.Event()
        self.gone.set()
        self.unwanted = False


def _tracking(connections: _Connections) -> type[H11Protocol]:
    """The connection of uvicorn, kept in `connections` while it is open."""

    class TrackedConnection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
            super().connection_made(transport)
            connections.open.add(self)
            connections.gone.clear()
            if connections.unwanted:  # accepted in the instant of the stop
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            connections.open.discard(self)
            if not connections.open:
                connections.gone.set()

    return TrackedConnection
