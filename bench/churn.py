"""A load of short connections: connect, with mutual TLS or without, one INVITE, its answer, its ACK, and close.

So many callers do that over and over, in one thread on bare sockets: a loop with transports would spend more on a
connection than the server does. Every handshake over TLS is a whole one, no session is resumed. Latencies run from
before the connect to the final answer. Anything but a 302 is an error, listed by name. Prints one JSON object.
"""

import argparse
import contextlib
import gc
import json
import select
import socket
import ssl
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass

from bench.histogram import LatencyHistogram
from bench.invite import build_call_name, build_call_template, list_extensions
from bench.load import read_to
from bench.outcome import Outcome, summarise
from bench.process import raise_file_limit, settle_allocator
from bench.target import Meter, Target, add_target_options, pick_source, read_target
from bench.tls import build_client_context

_CALL_SECONDS = 10.0
_POLL_SECONDS = 0.1
_BIND_ADDRESS_NO_PORT = 24  # IP_BIND_ADDRESS_NO_PORT, which the socket module does not name before Python 3.12
_NOT_YET = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


@dataclass(frozen=True, slots=True)
class ChurnPlan:
    """How many connections at a time, for how long."""

    target: Target
    at_once: int = 16
    users: int = 1000
    seconds: float = 3.0
    warmup_seconds: float = 0.5


class _Visit:
    """One connection with its one call."""

    def __init__(self, target: Target, context: ssl.SSLContext | None, number: int, extension: bytes) -> None:
        self.started_at = time.perf_counter()
        plain = _connect(target, pick_source(number))
        self._template = build_call_template(
            tls=context is not None, router_port=target.port, local_port=plain.getsockname()[1]
        )
        self._name = build_call_name(0, number)
        self._extension = extension
        self._received = b""
        self._is_greeting = context is not None
        self._socket = plain
        if context is not None:
            self._socket = context.wrap_socket(plain, server_hostname="localhost", do_handshake_on_connect=False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def advance(self) -> bytes | None:
        """Do what can be done without a wait; the answer, when it has come. Raises OSError where it fails."""
        with contextlib.suppress(*_NOT_YET):
            if self._is_greeting and isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
                self._is_greeting = False
                self.place()
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("connection lost")
            self._received += data
        return self._received if b"\r\n\r\n" in self._received else None

    def place(self) -> None:
        """Send the INVITE; over TLS that is for after the handshake."""
        if not self._is_greeting:
            self._socket.sendall(self._template.invite % (self._name, self._name, self._name, self._extension))

    def end(self, answer: bytes) -> None:
        """Send the ACK and close."""
        self._socket.sendall(self._template.ack % (self._name, self._name, read_to(answer), self._name))
        if isinstance(self._socket, ssl.SSLSocket):
            with contextlib.suppress(OSError):
                self._socket.unwrap()  # says goodbye; the server's is not waited for
        self.close()

    def close(self) -> None:
        self._socket.close()


def _connect(target: Target, source: str) -> socket.socket:
    """A connection from this address; the kernel answers on loopback, so that nobody waits for the server."""
    plain = socket.socket()
    try:
        plain.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.bind((source, 0))
        plain.connect((target.address, target.port))
    except OSError:
        plain.close()
        raise
    plain.setblocking(False)
    return plain


class _Churn:
    def __init__(self, plan: ChurnPlan) -> None:
        self._plan = plan
        self._context = build_client_context(plan.target.certificates) if plan.target.certificates else None
        self._extensions = list_extensions(plan.users)
        self._poll = select.epoll()
        self._visits: dict[int, _Visit] = {}
        self._number = 0
        self.histogram = LatencyHistogram()
        self.errors: Counter[str] = Counter()

    def run_until(self, deadline: float) -> None:
        """Keep all callers calling."""
        while time.perf_counter() < deadline:
            while len(self._visits) < self._plan.at_once:
                self._start()
            self._serve()

    def finish(self) -> None:
        """Wait for the answers that are still to come."""
        deadline = time.perf_counter() + _CALL_SECONDS
        while self._visits and time.perf_counter() < deadline:
            self._serve()
        if self._visits:
            self.errors["call unanswered"] += len(self._visits)
        for visit in self._visits.values():
            visit.close()
        self._poll.close()

    def _start(self) -> None:
        self._number += 1
        extension = self._extensions[self._number % len(self._extensions)]
        visit = _Visit(self._plan.target, self._context, self._number, extension)
        number = visit.fileno()
        self._visits[number] = visit
        self._poll.register(number, select.EPOLLIN)
        visit.place()
        if self._context is not None:
            self._advance(number)  # the first words of a handshake are ours

    def _serve(self) -> None:
        for number, _ in self._poll.poll(_POLL_SECONDS):
            self._advance(number)

    def _advance(self, number: int) -> None:
        visit = self._visits[number]
        try:
            answer = visit.advance()
            if answer is None:
                return
            if not answer.startswith(b"SIP/2.0 302 "):
                self.errors[f"answer {answer[:12].decode('latin-1')!r}"] += 1
            self.histogram.add(int((time.perf_counter() - visit.started_at) * 1e6))
            visit.end(answer)
        except OSError as error:
            self.errors[type(error).__name__] += 1
            visit.close()
        del self._visits[number]  # closing it has taken it out of the poll


def run_churn(plan: ChurnPlan) -> Outcome:
    """Carry out a plan. Raises OSError where the server cannot be reached."""
    churn = _Churn(plan)
    churn.run_until(time.perf_counter() + plan.warmup_seconds)
    churn.histogram = LatencyHistogram()
    meter = Meter(plan.target)
    churn.run_until(time.perf_counter() + plan.seconds)
    shares = meter.read()
    histogram, churn.histogram = churn.histogram, LatencyHistogram()
    churn.finish()
    return summarise(plan.target, (plan.at_once, 1), shares, histogram, churn.errors)


def main() -> None:
    settle_allocator()
    parser = argparse.ArgumentParser(description="place every call on a connection of its own")
    add_target_options(parser)
    parser.add_argument("--at-once", type=int, default=16, help="connections at a time")
    parser.add_argument("--users", type=int, default=1000, help="whom the calls are diverted from")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--warmup-seconds", type=float, default=0.5)
    options = parser.parse_args()
    plan = ChurnPlan(read_target(options), **vars(options))
    raise_file_limit()
    gc.freeze()
    try:
        result = run_churn(plan)
    except OSError as error:
        sys.exit(f"no server on port {plan.target.port}: {error!r}")
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
