"""A prober, and what it found; afterwards nothing is left of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from time import monotonic

from callrouter.directory.model import MailboxServer
from callrouter.pool.health import HealthPolicy, PoolHealth, ProbeResult, Probing
from callrouter.probing.config import ProbeConfig
from callrouter.probing.prober import Prober
from callrouter.wire import Transport
from tests.transport.rig import PATIENCE_SECONDS, EventLog

NEVER_SECONDS = 3600.0
"""An interval after which no second probe comes in time: what comes came for another reason."""

SLACK_SECONDS = 0.01
"""The loops' clocks count milliseconds, and each wait may be one short."""

EAGER = ProbeConfig(interval_seconds=0.05, timeout_seconds=2.0, jitter=0.0)
PATIENT = replace(EAGER, interval_seconds=NEVER_SECONDS)


def watching(*servers: MailboxServer, transports: tuple[Transport, ...] = tuple(Transport)) -> PoolHealth:
    return PoolHealth(HealthPolicy(Probing.ON, transports=transports)).retain(servers, 0.0)


def tcp_server(port: int, name: str = "MBX1", *, fqdn: str = "", address: str = "") -> MailboxServer:
    return MailboxServer(name, fqdn, address, tcp_port=port, tls_port=0)


def tls_server(port: int, name: str = "MBX1", *, fqdn: str = "", address: str = "") -> MailboxServer:
    return MailboxServer(name, fqdn, address, tcp_port=0, tls_port=port)


class Findings:
    """A `RecordProbe` that can be awaited."""

    def __init__(self) -> None:
        self.all: list[tuple[str, Transport, ProbeResult, float]] = []
        self._changed = asyncio.Event()

    def __call__(self, server: str, transport: Transport, result: ProbeResult, now: float) -> None:
        self.all.append((server, transport, result, now))
        self._changed.set()

    @property
    def results(self) -> list[ProbeResult]:
        return [result for _, _, result, _ in self.all]

    @property
    def instants(self) -> list[float]:
        return [now for _, _, _, now in self.all]

    async def wait_for(self, count: int) -> list[ProbeResult]:
        """The first `count` results."""
        await self.wait_until(lambda: len(self.all) >= count)
        return self.results[:count]

    async def wait_until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not holds():
                self._changed.clear()
                await self._changed.wait()


class Bench:
    """A prober and what it tells."""

    def __init__(self, config: ProbeConfig, draw: Callable[[], float]) -> None:
        self.findings = Findings()
        self.events = EventLog()
        self.prober = Prober(config, self.findings, self.events, draw=draw)
        self.begun_at = monotonic()

    def seconds_until(self, number: int) -> float:
        """From before the first probe to the result of this number, which is 1 for the first.

        What a bound from below is for: a busy machine makes it longer and never shorter, unlike the time between two.
        """
        return self.findings.instants[number - 1] - self.begun_at


@contextlib.asynccontextmanager
async def probing(
    health: PoolHealth, config: ProbeConfig = EAGER, draw: Callable[[], float] = lambda: 0.0
) -> AsyncIterator[Bench]:
    tasks = asyncio.all_tasks()
    bench = Bench(config, draw)
    bench.prober.follow(health)
    try:
        yield bench
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await bench.prober.stop()
    assert asyncio.all_tasks() <= tasks
