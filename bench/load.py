"""The load generator: a closed loop of INVITE, wait for the final answer, ACK, next call, on N connections of M calls.

It is its own process, so that its work is not the server's, and says how busy it was: a CPU share near 1.0 means that
the generator was the limit and the rate is not the server's. Any final answer but 302 is an error, counted by status;
so are answers that belong to no call, octets that are no answer, lost connections and calls left unanswered. Answers
are expected without a body, as a redirect has none. Prints one JSON object.
"""

import argparse
import asyncio
import gc
import itertools
import json
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import uvloop

from bench.histogram import LatencyHistogram
from bench.invite import (
    CALL_MARK,
    CALL_NAME_LENGTH,
    CallTemplate,
    build_call_name,
    build_call_template,
    list_extensions,
)
from bench.outcome import Outcome, summarise
from bench.process import raise_file_limit, settle_allocator
from bench.target import Meter, Target, add_target_options, read_target
from bench.tls import build_client_context

_CONNECT_SECONDS = 30.0
_DRAIN_SECONDS = 3.0
_INTRODUCED_AT_ONCE = 50
_INTRODUCTION_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What to do to whom: `connections` times `in_flight` calls at once, for `seconds` after `warmup_seconds`.

    wandering: so many calls at once over all connections instead, each next call on the next connection, with the ACK
    of that connection's last call: so that a call is one write, over however many connections. 0 is none.
    users: how many the calls are diverted from, in turns.
    """

    target: Target
    connections: int = 8
    in_flight: int = 16
    wandering: int = 0
    users: int = 1000
    seconds: float = 3.0
    warmup_seconds: float = 1.0


class LoadRun:
    """What the connections of one run share: the histogram, the errors, and whether new calls are still placed."""

    def __init__(self, users: int) -> None:
        self.extensions = list_extensions(users)
        self.turns: Iterator[CallingProtocol] = iter(())
        self.histogram = LatencyHistogram()
        self.errors: Counter[str] = Counter()
        self.to_introduce = 0
        """Connections whose first call, which stands alone, is not answered yet."""
        self.introduced = asyncio.Event()
        self.stopping = False
        self.open_connections = 0
        self.drained = asyncio.Event()

    def connection_introduced(self) -> None:
        """One connection has had its first call."""
        self.to_introduce -= 1
        if self.to_introduce == 0:
            self.introduced.set()

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
        self._extensions = run.extensions
        self._wanders = plan.wandering > 0
        self._owed: list[bytes] = []
        """ACKs that go out with the next call."""
        self._sent_at: dict[bytes, float] = {}
        self._rest = b""
        self._is_drained = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.WriteTransport = transport  # type: ignore[assignment]
        self._template: CallTemplate = build_call_template(
            tls=self._plan.target.certificates is not None,
            router_port=self._plan.target.port,
            local_port=transport.get_extra_info("sockname")[1],
        )
        self._run.open_connections += 1

    def place_calls(self, count: int) -> None:
        """Start the loop with so many calls."""
        now = time.perf_counter()
        owed, self._owed = self._owed, []
        self._transport.write(b"".join(owed + [self._place_call(now) for _ in range(count)]))

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
            ack = self._template.ack % (name, name, read_to(answer), name)
            if self._wanders and not self._run.to_introduce and not self._run.stopping:
                self._owed.append(ack)
                next(self._run.turns).place_calls(1)
                continue
            out.append(ack)
            if self._run.to_introduce:
                self._run.connection_introduced()
            elif not self._run.stopping:
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

    def pay(self) -> None:
        """Send the ACKs that no call will go with any more."""
        if self._owed:
            self._transport.write(b"".join(self._owed))
            self._owed = []

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
        extension = self._extensions[(self._placed + self._number) % len(self._extensions)]
        return self._template.invite % (name, name, name, extension)

    def _count_unexpected(self, answer: bytes) -> bool:
        """Whether what is no 302 is still the final answer of a call."""
        if not answer.startswith(b"SIP/2.0 "):
            self._run.errors["not an answer"] += 1
            return False
        if answer.startswith(b"SIP/2.0 1"):
            return False
        self._run.errors[f"status {answer[8:11].decode('latin-1')}"] += 1
        return True


def read_to(answer: bytes) -> bytes:
    """The value of an answer's To, which the ACK repeats."""
    start = answer.index(b"\r\nTo: ") + 6
    end = answer.find(b"\r\n", start)
    return answer[start:] if end < 0 else answer[start:end]


async def connect(plan: LoadPlan, run: LoadRun) -> list[CallingProtocol]:
    """Open the connections of a plan, one after the other. Raises OSError or TimeoutError where the server is not."""
    target = plan.target
    context: ssl.SSLContext | None = build_client_context(target.certificates) if target.certificates else None
    async with asyncio.timeout(_CONNECT_SECONDS):
        return [await _connect_one(plan, run, number, context) for number in range(plan.connections)]


async def _connect_one(plan: LoadPlan, run: LoadRun, number: int, context: ssl.SSLContext | None) -> CallingProtocol:
    caller = CallingProtocol(run, plan, number)
    await asyncio.get_running_loop().create_connection(
        lambda: caller,
        plan.target.address,
        plan.target.port,
        ssl=context,
        server_hostname="localhost" if context else None,
    )
    return caller


async def run_load(plan: LoadPlan) -> Outcome:
    """Carry out a plan. Latencies run from writing the INVITE to reading its final answer.

    Raises:
        OSError, TimeoutError: the server cannot be reached.
    """
    run = LoadRun(plan.users)
    callers = await connect(plan, run)
    # Nothing here makes reference cycles; a collection would only show up as a latency.
    gc.freeze()
    gc.disable()
    if len(callers) > _INTRODUCED_AT_ONCE:
        await _introduce(run, callers)
    if plan.wandering:
        run.turns = itertools.cycle(callers)
        for _ in range(plan.wandering):
            next(run.turns).place_calls(1)
    else:
        for caller in callers:
            caller.place_calls(plan.in_flight)
    await _wait(run, plan.warmup_seconds)
    run.histogram = LatencyHistogram()
    meter = Meter(plan.target)
    await _wait(run, plan.seconds)
    shares = meter.read()
    histogram, run.histogram = run.histogram, LatencyHistogram()
    await _drain(run, callers)
    return summarise(plan.target, (plan.connections, plan.in_flight), shares, histogram, run.errors)


async def _introduce(run: LoadRun, callers: list[CallingProtocol]) -> None:
    """Place one call on each connection, on some at a time, and wait for them.

    Thousands of connections that all begin in one moment are another load than the one to measure; a server that hands
    its connections on to other processes loses some of them.
    """
    run.to_introduce = len(callers)
    for number, caller in enumerate(callers, 1):
        caller.place_calls(1)
        if number % _INTRODUCED_AT_ONCE == 0:
            await asyncio.sleep(_INTRODUCTION_SECONDS)
    async with asyncio.timeout(_CONNECT_SECONDS):
        await run.introduced.wait()


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
        caller.pay()
        caller.note_drained()
    await _wait(run, _DRAIN_SECONDS)
    for caller in callers:
        caller.close()


def main() -> None:
    settle_allocator()
    parser = argparse.ArgumentParser(description="place calls at a redirect server on 127.0.0.1")
    add_target_options(parser)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=16, help="calls at once on each connection")
    parser.add_argument("--wandering", type=int, default=0, help="calls at once over all connections, in turns")
    parser.add_argument("--users", type=int, default=1000, help="whom the calls are diverted from")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warmup-seconds", type=float, default=1.0)
    options = parser.parse_args()
    plan = LoadPlan(read_target(options), **vars(options))
    raise_file_limit()
    try:
        result = uvloop.run(run_load(plan))
    except (OSError, TimeoutError) as error:
        sys.exit(f"no server on port {plan.target.port}: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
