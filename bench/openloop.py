"""An open loop: calls arrive when a Poisson process says so, whether the server is ready or not.

Latencies run from the moment at which a call was due, not from when it was sent: a server that stalls makes every call
late that was due meanwhile, and a generator that waits for it would not see that (coordinated omission). One thread
polls bare sockets without ever sleeping, so that it sends in time; how late it was nonetheless is reported, and counts
among the latencies. Prints one JSON object.
"""

import argparse
import gc
import json
import random
import select
import socket
import ssl
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass

from bench.histogram import LatencyHistogram
from bench.invite import CALL_MARK, CALL_NAME_LENGTH, build_call_name, build_call_template, list_extensions
from bench.load import read_to
from bench.outcome import Outcome, summarise
from bench.process import settle_allocator
from bench.target import Meter, Target, add_target_options, read_target
from bench.tls import build_client_context

_DRAIN_SECONDS = 5.0
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """How many calls a second, over how many connections, for how long."""

    target: Target
    rate: float
    connections: int = 8
    users: int = 1000
    seconds: float = 3.0
    warmup_seconds: float = 0.5
    seed: int = 1


class _Line:
    """One connection: what is to be sent, and what came in part."""

    def __init__(self, target: Target, context: ssl.SSLContext | None) -> None:
        self.socket = socket.create_connection((target.address, target.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.socket.setblocking(False)
        self.template = build_call_template(
            tls=context is not None, router_port=target.port, local_port=self.socket.getsockname()[1]
        )
        self.out: list[bytes] = []
        self._unsent = b""
        self._rest = b""

    def flush(self) -> None:
        """Send what there is, as far as it goes."""
        self._unsent = self._unsent + b"".join(self.out) if self._unsent else b"".join(self.out)
        self.out.clear()
        try:
            self._unsent = self._unsent[self.socket.send(self._unsent) :]
        except _NOT_YET:
            return

    @property
    def has_work(self) -> bool:
        """Whether anything waits to be sent."""
        return bool(self.out or self._unsent)

    def receive(self) -> list[bytes]:
        """The answers that are whole. Raises ConnectionError where the connection is lost."""
        data = self._rest
        try:
            while True:
                more = self.socket.recv(65536)
                if not more:
                    raise ConnectionError("connection lost")
                data += more
                if not isinstance(self.socket, ssl.SSLSocket):
                    break
        except _NOT_YET:
            pass
        *answers, self._rest = data.split(b"\r\n\r\n")
        return answers


class _OpenLoop:
    def __init__(self, plan: OpenPlan) -> None:
        target = plan.target
        context = build_client_context(target.certificates) if target.certificates else None
        self._plan = plan
        self._lines = [_Line(target, context) for _ in range(plan.connections)]
        self._by_number = {line.socket.fileno(): line for line in self._lines}
        self._poll = select.epoll()
        for number in self._by_number:
            self._poll.register(number, select.EPOLLIN)
        self._extensions = list_extensions(plan.users)
        self._random = random.Random(plan.seed)  # noqa: S311 - arrivals, not secrets
        self._placed = 0
        self._due_at: dict[bytes, float] = {}
        self._next_due = time.perf_counter()
        self.counts_from = 0.0
        self.histogram = LatencyHistogram()
        self.lateness = LatencyHistogram()
        self.errors: Counter[str] = Counter()

    def run_until(self, deadline: float) -> None:
        """Place what is due and take what comes."""
        while self._next_due < deadline:
            self._place_due(deadline)
            self._take_answers()

    def drain(self) -> None:
        """Wait for what was placed."""
        deadline = time.perf_counter() + _DRAIN_SECONDS
        while self._due_at and time.perf_counter() < deadline:
            self._take_answers()
        if self._due_at:
            self.errors["call unanswered"] += len(self._due_at)
        for line in self._lines:
            line.flush()
            line.socket.close()
        self._poll.close()

    def _place_due(self, deadline: float) -> None:
        now = time.perf_counter()
        until = min(now, deadline)
        while self._next_due < until:
            self._placed += 1
            line = self._lines[self._placed % len(self._lines)]
            name = build_call_name(0, self._placed)
            extension = self._extensions[self._placed % len(self._extensions)]
            line.out.append(line.template.invite % (name, name, name, extension))
            self._due_at[name] = self._next_due
            if self._next_due >= self.counts_from:
                self.lateness.add(int((now - self._next_due) * 1e6))
            self._next_due += self._random.expovariate(self._plan.rate)

    def _take_answers(self) -> None:
        for line in self._lines:
            if line.has_work:
                line.flush()
        for number, _ in self._poll.poll(0):
            line = self._by_number[number]
            answers = line.receive()
            now = time.perf_counter()
            for answer in answers:
                self._take(line, answer, now)

    def _take(self, line: _Line, answer: bytes, now: float) -> None:
        if not answer.startswith(b"SIP/2.0 302 "):
            if answer.startswith(b"SIP/2.0 1"):
                return
            self.errors[f"answer {answer[:12].decode('latin-1')!r}"] += 1
        at = answer.find(CALL_MARK)
        name = answer[at : at + CALL_NAME_LENGTH]
        due_at = self._due_at.pop(name, None)
        if due_at is None:
            self.errors["answer to no call"] += 1
            return
        if due_at >= self.counts_from:
            self.histogram.add(int((now - due_at) * 1e6))
        line.out.append(line.template.ack % (name, name, read_to(answer), name))


def run_open_loop(plan: OpenPlan) -> Outcome:
    """Carry out a plan. Raises OSError where the server cannot be reached or goes away."""
    loop = _OpenLoop(plan)
    loop.counts_from = time.perf_counter() + plan.warmup_seconds
    loop.run_until(loop.counts_from)
    meter = Meter(plan.target)
    loop.run_until(loop.counts_from + plan.seconds)
    shares = meter.read()
    loop.drain()
    offered = (plan.rate, loop.lateness.percentile_us(99))
    return summarise(plan.target, (plan.connections, 0), shares, loop.histogram, loop.errors, offered)


def main() -> None:
    settle_allocator()
    parser = argparse.ArgumentParser(description="place calls at a given rate, on time")
    add_target_options(parser)
    parser.add_argument("--rate", type=float, required=True, help="calls a second")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--users", type=int, default=1000, help="whom the calls are diverted from")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warmup-seconds", type=float, default=0.5)
    options = parser.parse_args()
    plan = OpenPlan(read_target(options), **vars(options))
    gc.freeze()
    gc.disable()  # nothing here makes reference cycles; a collection would only show up as a latency
    try:
        result = run_open_loop(plan)
    except OSError as error:
        sys.exit(f"no server on port {plan.target.port}: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
