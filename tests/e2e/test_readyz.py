"""`callrouter readyz`: is it ready, and `--wait` until it is."""

import asyncio
import json
import socket
import time
from pathlib import Path

from tests.e2e.command import read_ports, run_command, start_command


def reserve_port() -> tuple[socket.socket, int]:
    """A port that is held and not listened on: who connects is refused."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]


async def test_readyz_of_a_running_router_prints_its_state_and_exits_with_0(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        url = f"http://127.0.0.1:{ports['HTTP']}"
        ended = await asyncio.to_thread(run_command, "readyz", "--url", url, cwd=home)
        assert ended.returncode == 0
        page = json.loads(ended.stdout)
        assert page["ready"] is True
        assert {(each["transport"], each["port"]) for each in page["listeners"]} == {
            ("TCP", ports["TCP"]),
            ("TLS", ports["TLS"]),
        }
        assert page["directory"]["gateways"] == 3
        await router.stop()


async def test_readyz_wait_that_begins_before_the_router_ends_with_0_once_it_is_ready(home: Path) -> None:
    held, port = reserve_port()
    with held:
        async with start_command("readyz", "--wait", "-s", f"admin.port={port}", cwd=home) as waiting:
            arguments = ("--set", f"admin.port={port}", "--set", "admin.bind_address=127.0.0.1")
            # SO_REUSEADDR lets the router bind the port that is held here and not listened on.
            async with start_command("serve", "-c", "router.toml", *arguments, cwd=home) as router:
                await router.read_event("listening")
                assert await waiting.wait() == 0
                assert '"ready": true' in waiting.printed
                await router.stop()


def test_readyz_wait_without_a_router_ends_with_1_when_the_time_is_over(tmp_path: Path) -> None:
    held, port = reserve_port()
    with held:
        begun_at = time.monotonic()
        ended = run_command("readyz", "--wait", "--timeout", "0.5", "-s", f"admin.port={port}", cwd=tmp_path)
        assert time.monotonic() - begun_at >= 0.5
    assert ended.returncode == 1
    assert f"127.0.0.1:{port}" in ended.stdout
    assert "refused" in ended.stdout.lower()


async def test_readyz_of_a_router_that_refuses_every_call_says_why_and_exits_with_1(home: Path) -> None:
    inactive = ("--set", "router.component_state=Inactive")
    async with start_command("serve", "-c", "router.toml", *inactive, cwd=home) as router:
        port = read_ports(await router.read_event("listening"))["HTTP"]
        ended = await asyncio.to_thread(run_command, "readyz", "--url", f"http://127.0.0.1:{port}", cwd=home)
        assert ended.returncode == 1
        page = json.loads(ended.stdout)
        assert page["ready"] is False
        assert any("component_state" in problem for problem in page["problems"])
        await router.stop()


def test_readyz_of_an_address_that_is_none_exits_with_1(tmp_path: Path) -> None:
    ended = run_command("readyz", "--url", "nonsense", cwd=tmp_path)
    assert ended.returncode == 1
    assert "Traceback" not in ended.stderr
