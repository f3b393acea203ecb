"""What an idle mutual-TLS connection costs the server in resident memory, and whether it still answers on all of them.

A warm-up opens and closes some connections, so that pools, caches and code are paid for, and then holds as many open
again: they take up what the first ones freed, which would otherwise be had for nothing. Then the resident memory of the
server's processes is read, N more connections are opened and left alone, and it is read again. One call on a connection
of its own, placed before each reading, makes sure that the server has dealt with everything before it. When they were
held for a while, a call is placed on some of them, spread over all. Where the system allows fewer open files, fewer are
opened. Prints one JSON object.
"""

import argparse
import asyncio
import json
import ssl
import sys
import time
from dataclasses import asdict, dataclass, replace

import uvloop

from bench.invite import CallTemplate, build_call_name, build_call_template, list_extensions
from bench.load import read_to
from bench.process import list_group, proportional_bytes, raise_file_limit
from bench.target import Target, add_target_options, pick_source, read_target
from bench.tls import build_client_context

_TOTAL_SECONDS = 400.0
_CALL_SECONDS = 10.0
_AT_ONCE = 32
_SPARE_FILES = 100
_EXTENSION = list_extensions(1)[0]


@dataclass(frozen=True, slots=True)
class IdlePlan:
    """How many connections to warm up with and to hold open, for how long, and on how many to call then."""

    target: Target
    connections: int = 1000
    warmup_connections: int = 200
    hold_seconds: float = 0.0
    calls: int = 100


@dataclass(frozen=True, slots=True)
class IdleResult:
    """What the server needed, in bytes; `bytes_per_connection` is the difference shared among the connections.

    unanswered: calls, of `calls` on held connections, that got no 302.
    """

    connections: int
    before_bytes: int
    after_bytes: int
    bytes_per_connection: int
    lost: int
    held_seconds: float
    calls: int
    unanswered: int


class _IdleProtocol(asyncio.Protocol):
    def __init__(self) -> None:
        self.is_lost = False
        self._answer: asyncio.Future[bytes] | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.WriteTransport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received and self._answer is not None and not self._answer.done():
            self._answer.set_result(self._received)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.is_lost = True

    async def call(self, plan: IdlePlan, number: int) -> bool:
        """Place a call; whether it was redirected in time."""
        template = self._build_template(plan)
        name = build_call_name(0xFFFF, number)
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(template.invite % (name, name, name, _EXTENSION))
        try:
            async with asyncio.timeout(_CALL_SECONDS):
                answer = await self._answer
        except TimeoutError:
            return False
        self.transport.write(template.ack % (name, name, read_to(answer), name))
        return answer.startswith(b"SIP/2.0 302 ")

    def _build_template(self, plan: IdlePlan) -> CallTemplate:
        local_port = self.transport.get_extra_info("sockname")[1]
        return build_call_template(tls=True, router_port=plan.target.port, local_port=local_port)


async def _open_connections(plan: IdlePlan, context: ssl.SSLContext, count: int) -> list[_IdleProtocol]:
    loop = asyncio.get_running_loop()
    gate = asyncio.Semaphore(_AT_ONCE)

    async def open_one(number: int) -> _IdleProtocol:
        async with gate:
            _, protocol = await loop.create_connection(
                _IdleProtocol,
                plan.target.address,
                plan.target.port,
                ssl=context,
                server_hostname="localhost",
                local_addr=(pick_source(number), 0),
            )
            return protocol

    return await asyncio.gather(*map(open_one, range(count)))


async def _place_one_call(plan: IdlePlan, context: ssl.SSLContext, number: int) -> None:
    """One INVITE and its ACK on a fresh connection. Raises ConnectionError when the answer is no 302."""
    [protocol] = await _open_connections(plan, context, 1)
    if not await protocol.call(plan, number):
        raise ConnectionError("the server did not redirect a call")
    protocol.transport.close()


async def measure_idle(plan: IdlePlan) -> IdleResult:
    """Carry out a plan. Raises OSError or TimeoutError when the server cannot be reached or does not answer."""
    if plan.target.certificates is None:
        raise ValueError("idle connections are those of mutual TLS")
    context = build_client_context(plan.target.certificates)
    pids = list_group(*plan.target.leaders)
    async with asyncio.timeout(_TOTAL_SECONDS):
        for protocol in await _open_connections(plan, context, plan.warmup_connections):
            protocol.transport.close()
        await _place_one_call(plan, context, 1)
        protocols = await _open_connections(plan, context, plan.warmup_connections)
        await _place_one_call(plan, context, 2)
        before = proportional_bytes(pids)
        protocols += await _open_connections(plan, context, plan.connections)
        opened_at = time.monotonic()
        await _place_one_call(plan, context, 3)
        after = proportional_bytes(pids)
        await asyncio.sleep(plan.hold_seconds)
        held_seconds = time.monotonic() - opened_at
        called = protocols[:: max(1, len(protocols) // plan.calls)] if plan.calls else []
        answered = await asyncio.gather(*(each.call(plan, number) for number, each in enumerate(called, 4)))
        lost = sum(protocol.is_lost for protocol in protocols)
        for protocol in protocols:
            protocol.transport.close()
    return IdleResult(
        connections=plan.connections,
        before_bytes=before,
        after_bytes=after,
        bytes_per_connection=(after - before) // plan.connections,
        lost=lost,
        held_seconds=round(held_seconds, 1),
        calls=len(called),
        unanswered=answered.count(False),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the memory of idle mutual-TLS connections")
    add_target_options(parser)
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--warmup-connections", type=int, default=200)
    parser.add_argument("--hold-seconds", type=float, default=0.0)
    parser.add_argument("--calls", type=int, default=100, help="on held connections, at the end")
    options = parser.parse_args()
    plan = IdlePlan(read_target(options), **vars(options))
    if plan.target.certificates is None or not plan.target.leaders:
        parser.error("--certificates and --server-pid are needed")
    available = raise_file_limit() - plan.warmup_connections - _SPARE_FILES
    if available <= 0:
        sys.exit("too few open files are allowed here")
    plan = replace(plan, connections=min(plan.connections, available))
    try:
        result = uvloop.run(measure_idle(plan))
    except (OSError, TimeoutError) as error:
        sys.exit(f"the server on port {plan.target.port} did not hold the connections: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
