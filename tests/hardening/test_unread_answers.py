"""limits.write_seconds and limits.max_write_buffer_bytes: a peer that asks and never reads the answers."""

import asyncio
import socket
from collections.abc import Callable

from tests.hardening.rig import PATIENCE_SECONDS, Target, build_request

MEGABYTE = 1024 * 1024
QUESTIONS = b"".join(build_request(f"unread-{number}", "OPTIONS") for number in range(200))


async def ask_without_reading(port: int) -> int:
    """Send requests until the router cuts the connection; how many octets it took."""
    loop = asyncio.get_running_loop()
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await loop.sock_connect(peer, ("127.0.0.1", port))
        taken = 0
        while True:
            try:
                await asyncio.wait_for(loop.sock_sendall(peer, QUESTIONS), PATIENCE_SECONDS)
            except ConnectionError:
                return taken
            taken += len(QUESTIONS)


async def test_unread_answers_pause_the_connection_then_cut_it_and_memory_stays_bounded(
    start_target: Callable[..., Target],
) -> None:
    target = start_target(write_seconds=0.5, max_write_buffer_bytes=65_536)
    before = target.resident_bytes
    attacks = [asyncio.create_task(ask_without_reading(target.router.tcp_port)) for _ in range(4)]
    _, running = await asyncio.wait(attacks, return_when=asyncio.FIRST_COMPLETED)
    assert target.resident_bytes - before < 32 * MEGABYTE
    await target.assert_serves()
    if running:
        await asyncio.wait(running)
    # Reading was paused: without that the router would have taken requests as fast as loopback brings them.
    assert all(attack.result() < 64 * MEGABYTE for attack in attacks)
    metrics = await target.read_metrics()
    assert metrics['callrouter_connections_closed_total{reason="write-timeout",transport="TCP"}'] == len(attacks)
    await target.assert_serves()
