"""A Mailbox server that dies, hangs or comes back under 200 calls a second: who still gets calls, and from when on.

Two emulated Mailbox servers in processes of their own, a router that watches them, SIPp as the gateway. The router's
log tells in one sequence where each call was sent and when it noticed what: that order is the measure.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.certificates.authority import write_lab_certificates
from tests.e2e.command import RunningCommand, start_command
from tests.interop.sipp_tool import SCENARIOS, Load, Sipp, SippResult
from tests.router import Group, LogLine, Router, start_router

pytestmark = [pytest.mark.interop, pytest.mark.timed, pytest.mark.timeout(60)]

RATE = 200
DOWN_AFTER = 2
PROBE_SECONDS = 0.4
TIMEOUT_SECONDS = 0.3


@dataclass(frozen=True)
class Pool:
    """A router, and the addresses of two Mailbox servers that it knows."""

    router: Router
    directory: Path
    addresses: dict[str, str]

    async def start_server(self, stack: AsyncExitStack, name: str) -> RunningCommand:
        command = start_command(
            *("mailbox", "--set", f"mailbox.bind_address={self.addresses[name]}", "--set", "admin.enabled=false"),
            *("--set", f'mailbox.servers=[{{name="{name}"}}]'),
            cwd=self.directory,
        )
        running = await stack.enter_async_context(command)
        await running.read_until("Ctrl-C stops it")
        return running

    async def wait_for(self, count: int, **wanted: object) -> list[LogLine]:
        return await asyncio.to_thread(self.router.log.wait_for, count, **wanted)

    def sequence(self, since: datetime | None = None) -> list[str]:
        """What the log tells, in its order: `mbx1` for a call that was sent there, `+mbx1` for up, `-mbx1` for down.

        since: leave out what was before.
        """
        told = []
        servers = {address: name for name, address in self.addresses.items()}
        for line in self.router.log.select():
            if since is not None and datetime.fromisoformat(str(line["timestamp"])) < since:
                continue
            if line["event"] == "call":
                told.append(servers[str(line["contact"]).partition("@")[2].partition(":")[0]])
            elif line.get("transport") != "TCP":
                continue
            elif line["event"] == "mailbox server up":
                told.append(f"+{line['server']}")
            elif line["event"] == "mailbox server down":
                told.append(f"-{line['server']}")
        return told


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    # Loopback addresses of this process's own, for the ports of the Mailbox role are fixed.
    own = f"127.{64 + os.getpid() % 64}.{os.getpid() // 64 % 256}"
    addresses = {"mbx1": f"{own}.1", "mbx2": f"{own}.2"}
    certificates = tmp_path / "var" / "certs"  # where the servers look for theirs
    write_lab_certificates(certificates, hosts=["localhost"], now=datetime.now(UTC))
    entries = [f'[[servers]]\nname = "{name}"\naddress = "{address}"\n' for name, address in addresses.items()]
    file = tmp_path / "directory.toml"
    file.write_text("\n".join(['[[gateways]]\nname = "sipp"\naddress = "127.0.0.0/8"\n', *entries]), "utf-8")
    changes: dict[str, Group] = {
        "directory": {"file": str(file)},
        "pool": {
            "probing": "on",
            "probe_interval_seconds": PROBE_SECONDS,
            "probe_timeout_seconds": TIMEOUT_SECONDS,
            "down_after": DOWN_AFTER,
            "up_after": 2,
        },
    }
    with start_router(tmp_path, certificates, changes) as router:
        yield Pool(router, tmp_path, addresses)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


@pytest.fixture
def sipp(find_tool: Callable[[str], str], tmp_path: Path) -> Sipp:
    return Sipp(find_tool("sipp"), tmp_path)


async def start_under_load(
    pool: Pool, stack: AsyncExitStack, sipp: Sipp, calls: int
) -> tuple[RunningCommand, asyncio.Task[SippResult]]:
    """Both servers, and so many calls on their way; the first of the servers, and the load."""
    first = await pool.start_server(stack, "mbx1")
    await pool.start_server(stack, "mbx2")
    # Both were found down before: they were not there yet.
    await pool.wait_for(2, event="mailbox server up", transport="TCP")
    load = asyncio.create_task(
        sipp.place_calls(SCENARIOS / "redirect.xml", f"127.0.0.1:{pool.router.tcp_port}", Load(calls, RATE, "t1"))
    )
    await pool.wait_for(300, event="call")
    return first, load


async def test_server_that_is_killed_under_load_gets_no_call_once_its_connection_is_refused(
    pool: Pool, stack: AsyncExitStack, sipp: Sipp
) -> None:
    doomed, load = await start_under_load(pool, stack, sipp, 1200)

    os.kill(doomed.pid, signal.SIGKILL)
    await doomed.wait()  # a process ends after its connections are closed, and they after the signal
    killed_at = datetime.now(UTC)
    _, down = await pool.wait_for(2, event="mailbox server down", server="mbx1", transport="TCP")
    await pool.wait_for(len(pool.sequence()) + RATE, event="call")
    await pool.start_server(stack, "mbx1")
    await pool.wait_for(2, event="mailbox server up", server="mbx1", transport="TCP")
    result = await load

    sequence = pool.sequence()
    gone = sequence.index("-mbx1", sequence.index("+mbx1"))
    back = sequence.index("+mbx1", gone)
    killed = len(sequence) - len(pool.sequence(killed_at))
    strays = sequence[killed:gone].count("mbx1")
    logging.getLogger(__name__).info("calls after the kill: %d", strays)
    assert (result.successful, result.failed) == (1200, 0)
    assert (down["server"], down["detail"], down["event_id"]) == ("mbx1", "connection refused", 1400)
    # The closed connection tells at once; a tenth of a second is for a busy machine.
    assert strays <= RATE // 10
    assert "mbx1" not in sequence[gone:back]
    assert sequence[gone:back].count("mbx2") >= RATE
    assert "mbx1" in sequence[back:]


async def test_server_that_hangs_under_load_gets_no_call_after_the_down_threshold_until_the_up_threshold(
    pool: Pool, stack: AsyncExitStack, sipp: Sipp
) -> None:
    hanging, load = await start_under_load(pool, stack, sipp, 1600)

    stopped_at = datetime.now(UTC)
    os.kill(hanging.pid, signal.SIGSTOP)
    try:
        await pool.wait_for(2, event="mailbox server down", server="mbx1", transport="TCP")
        await pool.wait_for(len(pool.sequence()) + RATE, event="call")
    finally:
        os.kill(hanging.pid, signal.SIGCONT)
    await pool.wait_for(2, event="mailbox server up", server="mbx1", transport="TCP")
    result = await load

    sequence = pool.sequence(stopped_at)
    gone = sequence.index("-mbx1")
    back = sequence.index("+mbx1", gone)
    strays = sequence[:gone].count("mbx1")
    logging.getLogger(__name__).info("calls after the stop: %d", strays)
    assert (result.successful, result.failed) == (1600, 0)
    # Two probes in a row have to fail: an interval to the first, an interval to the second, and its time.
    longest_seconds = 1.1 * PROBE_SECONDS * DOWN_AFTER + TIMEOUT_SECONDS
    assert strays <= 1.3 * longest_seconds * RATE
    assert "mbx1" not in sequence[gone:back]
    assert "mbx1" in sequence[back:]
