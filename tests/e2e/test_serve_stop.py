"""How a router ends: what is in flight is finished, nobody can hold it up for ever, and the exit code is 0."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.e2e.command import read_ports, start_command
from tests.hardening.rig import assert_redirect, build_ack, build_invite, connect, status_of

pytestmark = pytest.mark.timed


async def test_stop_while_a_call_is_held_back_sends_its_302_first(home: Path) -> None:
    held = ("--set", "redirect.delay_seconds=1", "--set", "limits.drain_seconds=8")
    async with start_command("serve", "-c", "router.toml", *held, cwd=home) as router:
        port = read_ports(await router.read_event("listening"))["TCP"]
        async with connect(port) as caller:
            assert status_of(await caller.exchange(build_invite("held"))) == 100
            stopped_at = time.monotonic()
            router.terminate()
            answer = await caller.read_answer()
            assert_redirect(answer)
            await caller.send(build_ack("held", answer))
            assert await caller.read_to_end() == b""
        assert await router.wait() == 0
        assert time.monotonic() - stopped_at < 5


async def test_stop_with_a_peer_that_never_acknowledges_ends_at_the_drain_limit(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", "--set", "limits.drain_seconds=0.8", cwd=home) as router:
        port = read_ports(await router.read_event("listening"))["TCP"]
        async with connect(port) as caller:
            assert_redirect(await caller.exchange(build_invite("never-acknowledged")))
            stopped_at = time.monotonic()
            await router.stop()
            assert 0.8 <= time.monotonic() - stopped_at < 3
    assert '"connections_cut_off":1' in router.printed


async def test_second_signal_ends_the_drain_at_once(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", "--set", "limits.drain_seconds=60", cwd=home) as router:
        port = read_ports(await router.read_event("listening"))["TCP"]
        async with connect(port) as caller:
            assert_redirect(await caller.exchange(build_invite("in-the-way")))
            router.terminate()
            await router.read_event("stopping")
            stopped_at = time.monotonic()
            await router.stop()
            assert time.monotonic() - stopped_at < 3
            assert await caller.read_to_end() == b""


async def test_signals_in_a_row_end_a_router_without_calls_well(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        await router.read_event("listening")
        router.terminate()
        await router.read_event("stopped")
        # The process is about to end; being asked once more must not turn that into a failure.
        await router.stop()


async def test_stop_closes_its_ports_at_once_and_readiness_says_so(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", "--set", "limits.drain_seconds=5", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        async with connect(ports["TCP"]) as caller:
            answer = await caller.exchange(build_invite("holds"))
            router.terminate()
            await router.read_event("stopping")
            async with connect(ports["HTTP"]) as probe:
                await probe.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                page = await probe.read_to_end()
            assert page.startswith(b"HTTP/1.1 503 ")
            try:
                async with asyncio.timeout(5), connect(ports["TCP"]):
                    raise AssertionError("a stopping router took a connection")
            except ConnectionRefusedError:
                await caller.send(build_ack("holds", answer))
        assert await router.wait() == 0
