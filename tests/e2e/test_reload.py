"""Reload: SIGHUP or a changed file takes up settings and directory; what is broken changes nothing and is shown."""

import asyncio
import json
import os
import signal
import urllib.request
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bench.process import resident_bytes
from tests.e2e.command import RunningCommand, start_command
from tests.hardening.rig import Caller, build_ack, build_invite, connect, status_of

DIRECTORY = """\
[[gateways]]
name = "loopback"
address = "{gateway}"

[[servers]]
name = "mbx1"
fqdn = "{server}"
"""


def write_directory(home: Path, *, server: str = "mbx1.example.test", gateway: str = "127.0.0.0/8") -> None:
    """Replace the directory file at once, as an editor does."""
    fresh = home / "directory.toml.new"
    fresh.write_text(DIRECTORY.format(server=server, gateway=gateway), "utf-8")
    fresh.replace(home / "directory.toml")


@pytest.fixture
async def router(home: Path) -> AsyncIterator[RunningCommand]:
    settings = home / "router.toml"
    front = settings.read_text("utf-8").partition("[[directory.gateways]]")[0]
    # No line per call: nobody reads them while SIPp runs, and a full pipe would hold the router up.
    rest = '[directory]\nfile = "directory.toml"\n[admin]\nport = 0\n[log]\ncalls = false\n'
    settings.write_text(front + rest, "utf-8")
    write_directory(home)
    async with start_command("serve", "--config", "router.toml", cwd=home) as running:
        yield running


async def ports_of(router: RunningCommand) -> tuple[int, int]:
    """TCP port and admin port."""
    listening = await router.read_event("listening")
    tcp = next(each for each in listening["sip"] if each.startswith("TCP"))
    return int(tcp.rpartition(":")[2]), int(listening["admin"].rpartition(":")[2])


async def call(caller: Caller, name: str) -> bytes:
    answer = await caller.exchange(build_invite(name))
    await caller.send(build_ack(name, answer))
    return answer


def read_readiness(port: int) -> dict[str, object]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as response:
        body: dict[str, object] = json.load(response)
        return body


async def test_reload_of_a_changed_directory_file_happens_by_itself(router: RunningCommand, home: Path) -> None:
    port, _ = await ports_of(router)
    async with connect(port) as caller:
        assert b"@mbx1.example.test:5062" in await call(caller, "before")
        write_directory(home, server="mbx9.example.test")
        await router.read_event("reloaded")
        assert b"@mbx9.example.test:5062" in await call(caller, "after")


async def test_reload_on_sighup_takes_up_settings_too(router: RunningCommand, home: Path) -> None:
    port, _ = await ports_of(router)
    async with connect(port) as caller:
        assert status_of(await call(caller, "before")) == 302
        text = (home / "router.toml").read_text("utf-8")
        (home / "router.toml").write_text(
            text.replace("[router]", '[router]\ncomponent_state = "Draining"', 1), "utf-8"
        )
        os.kill(router.pid, signal.SIGHUP)
        await router.read_event("reloaded")
        assert status_of(await call(caller, "after")) == 503


async def test_reload_of_a_broken_file_keeps_the_last_good_state_and_shows_it(
    router: RunningCommand, home: Path
) -> None:
    port, admin_port = await ports_of(router)
    async with connect(port) as caller:
        (home / "directory.toml").write_text('[[gateways]]\nname = "x"\naddress = "*.test"\n', "utf-8")
        line = await router.read_event("not reloaded")
        assert "directory.toml" in str(line["problems"])
        assert "gateways[0].address" in str(line["problems"])
        assert status_of(await call(caller, "kept")) == 302
        state = await asyncio.to_thread(read_readiness, admin_port)
        assert state["ready"] is True
        assert "directory.toml" in str(state["problems"])
        write_directory(home)
        await router.read_event("reloaded")
        assert (await asyncio.to_thread(read_readiness, admin_port))["problems"] == []


async def test_a_hundred_reloads_under_load_lose_no_call_and_no_memory(router: RunningCommand, home: Path) -> None:
    port, _ = await ports_of(router)
    finished = asyncio.Event()
    answers: set[bytes] = set()
    calls = 0

    async def place_calls(caller: Caller) -> None:
        nonlocal calls
        while not finished.is_set():
            answer = await call(caller, f"load{calls}-{id(caller)}")
            assert status_of(answer) == 302
            answers.add(answer.partition(b"@mbx")[2][:1])
            calls += 1

    async with connect(port) as one, connect(port) as other, asyncio.TaskGroup() as group:
        group.create_task(place_calls(one))
        group.create_task(place_calls(other))
        before = 0
        for number in range(100):
            write_directory(home, server=f"mbx{number % 2}.example.test")
            os.kill(router.pid, signal.SIGHUP)
            await router.read_event("reloaded")
            if number == 20:
                before = resident_bytes(router.pid)
        assert resident_bytes(router.pid) - before < 4_000_000
        finished.set()
    assert calls > 100
    assert answers == {b"0", b"1"}


@pytest.mark.interop
async def test_reloads_under_load_of_sipp_lose_no_call(
    router: RunningCommand, home: Path, find_tool: Callable[[str], str]
) -> None:
    port, _ = await ports_of(router)
    scenario = Path(__file__).parents[1] / "interop" / "sipp" / "redirect.xml"
    sipp = await asyncio.create_subprocess_exec(
        find_tool("sipp"), f"127.0.0.1:{port}", "-i", "127.0.0.1", "-p", "0", "-nostdin", "-sf", str(scenario),
        "-t", "t1", "-s", "2001", "-max_socket", "100", "-m", "1500", "-r", "500", "-timeout", "30", "-timeout_error",
        cwd=home, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    for number in range(100):
        write_directory(home, server=f"mbx{number % 2}.example.test")
        os.kill(router.pid, signal.SIGHUP)
        await router.read_event("reloaded")
    screen, _ = await asyncio.wait_for(sipp.communicate(), 30)
    assert sipp.returncode == 0, screen.decode("utf-8", "replace")[-2000:]
