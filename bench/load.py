"""The load generator: a closed loop of INVITE, wait for the final answer, ACK, next call, on N connections of M calls.

It is its own process, so that its work is not the server's, and says how busy it was: a CPU share near 1.0 means that
the generator was the limit and the rate is not the server's. Any final answer but 302 is an error, counted by status;
so are answers that belong to no call, octets that are no answer, lost connections and calls left unanswered. Answers
are expected without a body, as a redirect has none. Prints one JSON object.
"""

import argparse
import asyncio
import gc
import json
import ssl
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.histogram import LatencyHistogram
from bench.invite import CALL_MARK, CALL_NAME_LENGTH, CallTemplate, build_call_name, build_call_template
from bench.process import cpu_seconds, own_cpu_seconds
from bench.tls import build_client_context

_CONNECT_SECONDS = 10.0
_DRAIN_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to do to whom: `connections` times `in_flight` calls at once, for `seconds` after `warmup_seconds`.

    certificates: the directory of lab certificates for mutual TLS; None is plain TCP.
    server_pid: whose CPU share to report beside our own; None leaves it out.
    """

    port: int
    connections: int = 8
    in_flight: int = 16
    seconds: float = 3.0
    warmup_seconds: float = 1.0
    certificates: Path | None = None
    server_pid: int | None = None


@dataclass(frozen=True, slots=True)
class LoadResult:
    """What came of it. Latencies run from writing the INVITE to reading its final answer, in microseconds."""

    transport: str
    connections: int
    in_flight: int
    seconds: float
    calls: int
    calls_per_second: float
    errors: dict[str, int]
    p50_us: int
    p90_us: int
    p99_us: int
    max_us: int
    generator_cpu_share: float
    server_cpu_share: float | None


class LoadRun:
    """What the connections of one run share: the histogram, the errors, and whether new calls are still placed."""

    def __init__(self) -> None:
        self.histogram = LatencyHistogram()
        self.errors: Counter[str] = Counter()
        self.stopping = False
        self.open_connections = 0
        self.drained = asyncio.Event()

    def connection_drained(self) -> None:
        """One connection has no call open any more."""
        self.open_connections -= 1
        if self.open_connections == 0:
            self.drained.set()


class CallingProtocol(asyncio.Protocol):
    """One connection that keeps `in_flight` calls open."""

    def __init__(self, run: LoadRun, plan: LoadPlan, number: int) -> None:
        self._run = run
        self._plan = plan
        self._number = number
        self._placed = 0
        self._sent_at: dict[bytes, float] = {}
        self._rest = b""
        self._is_drained = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._template: CallTemplate = build_call_template(
            tls=self._plan.certificates is not None,
            router_port=self._plan.port,
            local_port=transport.get_extra_info("sockname")[1],
        )
        self._run.open_connections += 1

    def place_calls(self) -> None:
        """Start the loop with the first `in_flight` calls."""
        now = time.perf_counter()
        self._transport.write(b"".join([self._place_call(now) for _ in range(self._plan.in_flight)]))

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        *answers, self._rest = (self._rest + data).split(b"\r\n\r\n")
        out: list[bytes] = []
        for answer in answers:
            if not answer.startswith(b"SIP/2.0 302 ") and not self._count_unexpected(answer):
                continue
            at = answer.find(CALL_MARK)
            name = answer[at : at + CALL_NAME_LENGTH]
            sent_at = self._sent_at.pop(name, None)
            if sent_at is None:
                self._run.errors["answer to no call"] += 1
                continue
            self._run.histogram.add(int((now - sent_at) * 1e6))
            out.append(self._template.ack % (name, name, _read_to(answer), name))
            if not self._run.stopping:
                out.append(self._place_call(now))
        if out:
            self._transport.write(b"".join(out))
        if self._run.stopping:
            self.note_drained()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._is_drained:
            self._run.errors["connection lost"] += 1
            self._run.errors["call unanswered"] += len(self._sent_at)
            self._sent_at.clear()
            self.note_drained()

    def note_drained(self) -> None:
        """Tell the run, once, when no call is open here."""
        if not self._sent_at and not self._is_drained:
            self._is_drained = True
            self._run.connection_drained()

    def close(self) -> None:
        """End the connection; calls that are still open were never answered."""
        if self._sent_at:
            self._run.errors["call unanswered"] += len(self._sent_at)
        self._is_drained = True
        self._transport.close()

    def _place_call(self, now: float) -> bytes:
        self._placed += 1
        name = build_call_name(self._number, self._placed)
        self._sent_at[name] = now
        return self._template.invite % (name, name, name)

    def _count_unexpected(self, answer: bytes) -> bool:
        """Whether what is no 302 is still the final answer of a call."""
        if not answer.startswith(b"SIP/2.0 "):
            self._run.errors["not an answer"] += 1
            return False
        if answer.startswith(b"SIP/2.0 1"):
            return False
        self._run.errors[f"status {answer[8:11].decode('latin-1')}"] += 1
        return True


def _read_to(answer: bytes) -> bytes:
    start = answer.index(b"\r\nTo: ") + 6
    end = answer.find(b"\r\n", start)
    return answer[start:] if end < 0 else answer[start:end]


async def connect(plan: LoadPlan, run: LoadRun) -> list[CallingProtocol]:
    """Open the connections of a plan, one after the other. Raises OSError or TimeoutError where the server is not."""
    loop = asyncio.get_running_loop()
    context: ssl.SSLContext | None = build_client_context(plan.certificates) if plan.certificates else None
    callers = []
    async with asyncio.timeout(_CONNECT_SECONDS):
        for number in range(plan.connections):
            caller = CallingProtocol(run, plan, number)
            await loop.create_connection(
                lambda caller=caller: caller,
                "127.0.0.1",
                plan.port,
                ssl=context,
                server_hostname="localhost" if context else None,
            )
            callers.append(caller)
    return callers


async def run_load(plan: LoadPlan) -> LoadResult:
    """Carry out a plan. Raises OSError or TimeoutError where the server cannot be reached."""
    run = LoadRun()
    callers = await connect(plan, run)
    # Nothing here makes reference cycles; a collection would only show up as a latency.
    gc.freeze()
    gc.disable()
    for caller in callers:
        caller.place_calls()
    await _wait(run, plan.warmup_seconds)
    run.histogram = LatencyHistogram()
    started_at, own_cpu = time.perf_counter(), own_cpu_seconds()
    server_cpu = cpu_seconds(plan.server_pid) if plan.server_pid else 0.0
    await _wait(run, plan.seconds)
    seconds = time.perf_counter() - started_at
    own_share = (own_cpu_seconds() - own_cpu) / seconds
    server_share = (cpu_seconds(plan.server_pid) - server_cpu) / seconds if plan.server_pid else None
    histogram, run.histogram = run.histogram, LatencyHistogram()
    await _drain(run, callers)
    return LoadResult(
        transport="TLS" if plan.certificates else "TCP",
        connections=plan.connections,
        in_flight=plan.in_flight,
        seconds=round(seconds, 3),
        calls=histogram.total,
        calls_per_second=round(histogram.total / seconds, 1),
        errors={name: count for name, count in sorted(run.errors.items()) if count},
        p50_us=histogram.percentile_us(50),
        p90_us=histogram.percentile_us(90),
        p99_us=histogram.percentile_us(99),
        max_us=histogram.max_us,
        generator_cpu_share=round(own_share, 3),
        server_cpu_share=None if server_share is None else round(server_share, 3),
    )


async def _wait(run: LoadRun, seconds: float) -> None:
    """Let the connections work; ends early when none is left."""
    try:
        async with asyncio.timeout(seconds):
            await run.drained.wait()
    except TimeoutError:
        return


async def _drain(run: LoadRun, callers: list[CallingProtocol]) -> None:
    run.stopping = True
    for caller in callers:
        caller.note_drained()
    await _wait(run, _DRAIN_SECONDS)
    for caller in callers:
        caller.close()


def main() -> None:
    parser = argparse.ArgumentParser(description="place calls at a redirect server on 127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=16, help="calls at once on each connection")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warmup-seconds", type=float, default=1.0)
    parser.add_argument("--certificates", type=Path, help="directory of lab certificates: mutual TLS instead of TCP")
    parser.add_argument("--server-pid", type=int, help="report this process's CPU share too")
    plan = LoadPlan(**vars(parser.parse_args()))
    try:
        result = uvloop.run(run_load(plan))
    except (OSError, TimeoutError) as error:
        sys.exit(f"no server on port {plan.port}: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
