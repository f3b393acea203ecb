"""How a lab ends: a call that the router has redirected still goes its way, and nobody can hold the end up for ever."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.command import RunningCommand, start_command
from tests.e2e.test_lab import ADDRESS, OWN_PLACE
from tests.hardening.rig import build_ack, build_invite, connect, status_of

pytestmark = pytest.mark.timed

DRAIN_SECONDS = 6.0


@asynccontextmanager
async def start_lab(directory: Path, *, drain_seconds: float = DRAIN_SECONDS) -> AsyncIterator[RunningCommand]:
    # Nobody reads what it says of each call.
    limit = ("--set", f"limits.drain_seconds={drain_seconds}", "--set", "log.calls=false")
    async with start_command("lab", *OWN_PLACE, *limit, cwd=directory) as lab:
        await lab.read_until("Ctrl-C stops it")
        yield lab


async def test_call_that_was_redirected_before_the_stop_is_answered_after_it(tmp_path: Path) -> None:
    async with start_lab(tmp_path) as lab, connect(5060, host=ADDRESS) as caller:
        first = await caller.exchange(build_invite("on-its-way"))
        assert status_of(first) == 302
        lab.terminate()
        await lab.read_event("stopping")
        # The router waits for this; what it has sent the caller to takes calls meanwhile.
        await caller.send(build_ack("on-its-way", first))
        async with connect(5062, host=ADDRESS) as second_hop:
            second = await second_hop.exchange(build_invite("on-its-way"))
            assert status_of(second) == 302
            await second_hop.send(build_ack("on-its-way", second))
        async with connect(5065, host=ADDRESS) as third_hop:
            assert status_of(await third_hop.exchange(build_invite("on-its-way"))) == 100
            assert b"SIP/2.0 200 " in await third_hop.read_to_end()
        assert await lab.wait() == 0


async def test_caller_that_is_never_silent_is_refused_at_the_first_hop_once_half_of_the_time_is_over(
    tmp_path: Path,
) -> None:
    async with start_lab(tmp_path, drain_seconds=3.0) as lab, connect(5060, host=ADDRESS) as caller:
        # Never acknowledged, so that the router waits for it.
        assert status_of(await caller.exchange(build_invite("in-the-way"))) == 302
        lab.terminate()
        stopped_at = time.monotonic()
        late, answer = 0, b"SIP/2.0 302 "
        while status_of(answer) == 302:
            late += 1
            answer = await caller.exchange(build_invite(f"late-{late}"))
            await caller.send(build_ack(f"late-{late}", answer))
        assert status_of(answer) == 503
        assert b'"draining: ' in answer
        assert 1.4 < time.monotonic() - stopped_at < 2.8
        assert await lab.wait() == 0
        assert time.monotonic() - stopped_at < 4.5


async def test_second_signal_ends_the_drain_of_a_lab_at_once(tmp_path: Path) -> None:
    async with start_lab(tmp_path, drain_seconds=60.0) as lab, connect(5060, host=ADDRESS) as caller:
        assert status_of(await caller.exchange(build_invite("in-the-way"))) == 302
        lab.terminate()
        await lab.read_event("stopping")
        stopped_at = time.monotonic()
        await lab.stop()
        assert time.monotonic() - stopped_at < 3
