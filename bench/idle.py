"""What an idle mutual-TLS connection costs the server in resident memory.

A warm-up opens and closes some connections, so that pools, caches and code are paid for, and then holds as many open
again: they take up what the first ones freed, which would otherwise be had for nothing. Then the server's resident
memory is read, N more connections are opened and left alone, and it is read again. One call on a connection of its own,
placed before each reading, makes sure that the server has dealt with everything before it. Where the system allows
fewer open files, fewer are opened. Prints one JSON object.
"""

import argparse
import asyncio
import json
import ssl
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import uvloop

from bench.invite import build_call_name, build_call_template
from bench.process import raise_file_limit, resident_bytes
from bench.tls import build_client_context

_TOTAL_SECONDS = 120.0
_CALL_SECONDS = 10.0
_AT_ONCE = 32
_SPARE_FILES = 100


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """Which server (on 127.0.0.1), and how many connections to warm up with and to hold open."""

    pid: int
    port: int
    certificates: Path
    connections: int = 1000
    warmup_connections: int = 200


@dataclass(frozen=True, slots=True)
class IdleResult:
    """What the server needed, in bytes; `bytes_per_connection` is the difference shared among the connections."""

    connections: int
    before_bytes: int
    after_bytes: int
    bytes_per_connection: int
    lost: int


class _IdleProtocol(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.is_lost = True


async def _open_connections(plan: IdlePlan, context: ssl.SSLContext, count: int) -> list[_IdleProtocol]:
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def open_one() -> _IdleProtocol:
        async with gate:
            _, protocol = await loop.create_connection(
                _IdleProtocol, "127.0.0.1", plan.port, ssl=context, server_hostname="localhost"
            )
            return protocol

    return await asyncio.gather(*(open_one() for _ in range(count)))


async def _place_one_call(plan: IdlePlan, context: ssl.SSLContext, number: int) -> None:
    """One INVITE and its ACK on a fresh connection. Raises ConnectionError when the answer is no 302."""
    async with asyncio.timeout(_CALL_SECONDS):
        reader, writer = await asyncio.open_connection("127.0.0.1", plan.port, ssl=context, server_hostname="localhost")
        local_port = writer.get_extra_info("sockname")[1]
        template = build_call_template(tls=True, router_port=plan.port, local_port=local_port)
        name = build_call_name(0xFFFF, number)
        writer.write(template.invite % (name, name, name))
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"SIP/2.0 302 "):
            raise ConnectionError(f"the server answered {answer[:40]!r}")
        to_start = answer.index(b"\r\nTo: ") + 6
        writer.write(template.ack % (name, name, answer[to_start : answer.index(b"\r\n", to_start)], name))
        writer.close()
        await writer.wait_closed()


async def measure_idle(plan: IdlePlan) -> IdleResult:
    """Carry out a plan. Raises OSError or TimeoutError when the server cannot be reached or does not answer."""
    context = build_client_context(plan.certificates)
    async with asyncio.timeout(_TOTAL_SECONDS):
        for protocol in await _open_connections(plan, context, plan.warmup_connections):
            protocol.transport.close()
        await _place_one_call(plan, context, 1)
        protocols = await _open_connections(plan, context, plan.warmup_connections)
        await _place_one_call(plan, context, 2)
        before = resident_bytes(plan.pid)
        protocols += await _open_connections(plan, context, plan.connections)
        await _place_one_call(plan, context, 3)
        after = resident_bytes(plan.pid)
        lost = sum(protocol.is_lost for protocol in protocols)
        for protocol in protocols:
            protocol.transport.close()
    return IdleResult(
        connections=plan.connections,
        before_bytes=before,
        after_bytes=after,
        bytes_per_connection=(after - before) // plan.connections,
        lost=lost,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the memory of idle mutual-TLS connections on 127.0.0.1")
    parser.add_argument("--pid", type=int, required=True, help="the server's process")
    parser.add_argument("--port", type=int, required=True, help="its TLS port")
    parser.add_argument("--certificates", type=Path, required=True, help="directory of lab certificates")
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--warmup-connections", type=int, default=200)
    plan = IdlePlan(**vars(parser.parse_args()))
    available = raise_file_limit() - plan.warmup_connections - _SPARE_FILES
    if available <= 0:
        sys.exit("too few open files are allowed here")
    plan = replace(plan, connections=min(plan.connections, available))
    try:
        result = uvloop.run(measure_idle(plan))
    except (OSError, TimeoutError) as error:
        sys.exit(f"the server on port {plan.port} did not hold the connections: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
