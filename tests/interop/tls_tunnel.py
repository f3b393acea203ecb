"""A tunnel from plain TCP to mutual TLS, for tools that speak SIP but no TLS: the SIP octets pass unchanged."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

_CHUNK_BYTES = 65536


@contextlib.asynccontextmanager
async def open_tls_tunnel(tls_port: int, context: ssl.SSLContext) -> AsyncIterator[int]:
    """Give a port on 127.0.0.1 whose connections are carried on to `tls_port`, each on a TLS connection of its own."""

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(
            "127.0.0.1", tls_port, ssl=context, server_hostname="localhost"
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(_pump(reader, far_writer))
            group.create_task(_pump(far_reader, writer))

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either side is gone; then the other is closed too, as a tunnel's ends live and die together."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
