"""What a call costs an emulated Mailbox server that holds many, and whether all of them end well.

A lab in one process; a caller in this one places calls along all three hops until so many go on at once, holds them,
and hangs up. The lab's resident memory is read after a warm-up that pays for pools and code, and when all are held.
Prints one JSON object; `--check` applies the bounds and ends with 1 where one is missed.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
import urllib.request
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import uvloop

from bench.process import raise_file_limit, resident_bytes
from bench.server import run_lab
from callrouter.caller.batch import BatchPlan, place_calls
from callrouter.caller.result import CallResult
from callrouter.caller.spec import CallerConfig, CallSpec, CallTimeouts

_WARMUP_CALLS = 200
_PER_SECOND = 200
_SPARE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_HTTP_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class CallsPlan:
    """How many calls at once, for how long all of them, and over connections of their own or shared ones."""

    calls: int = 2000
    hold_seconds: float = 60.0
    connection_per_call: bool = False


@dataclass(frozen=True, slots=True)
class CallsResult:
    """bytes_per_call: the growth of the lab's resident memory shared among the calls. held: the most at once."""

    calls: int
    held: int
    held_seconds: float
    """How long that many were held, to half a second."""
    before_bytes: int
    held_bytes: int
    bytes_per_call: int
    outcomes: dict[str, int]
    left: int
    """Calls that the lab still had when all had hung up."""


async def _place(address: str, count: int, hold_seconds: float, plan: CallsPlan) -> Counter[str]:
    outcomes: Counter[str] = Counter()

    def take(result: CallResult) -> None:
        outcomes[result.reason] += 1

    timeouts = CallTimeouts(setup_seconds=30.0)
    spec = CallSpec(f"sip:2001@{address}:5060;transport=tcp", hold_seconds=hold_seconds, timeouts=timeouts)
    batch = BatchPlan(count, per_second=_PER_SECOND, at_once=count, shares_lines=not plan.connection_per_call)
    await place_calls(batch, spec, CallerConfig(), take)
    return outcomes


def _count_calls(admin: str) -> int:
    with urllib.request.urlopen(f"{admin}/api/v1/workers", timeout=_HTTP_SECONDS) as response:  # noqa: S310 - ours
        [worker] = json.load(response)["workers"]
        return int(worker["calls"])


async def _watch(admin: str, pid: int, samples: list[tuple[int, int]]) -> None:
    """Calls that go on and resident bytes, every half second until cancelled."""
    while True:
        samples.append((await asyncio.to_thread(_count_calls, admin), resident_bytes(pid)))
        await asyncio.sleep(_POLL_SECONDS)


async def measure_calls(plan: CallsPlan, pid: int, address: str, admin: str) -> CallsResult:
    """Carry out a plan on a running lab."""
    await _place(address, min(_WARMUP_CALLS, plan.calls), 0.5, plan)
    before = resident_bytes(pid)
    samples: list[tuple[int, int]] = []
    watching = asyncio.create_task(_watch(admin, pid, samples))
    hold_seconds = plan.calls / _PER_SECOND + plan.hold_seconds + _SPARE_SECONDS
    outcomes = await _place(address, plan.calls, hold_seconds, plan)
    watching.cancel()
    held = max(calls for calls, _ in samples)
    at_most = [octets for calls, octets in samples if calls == held]
    return CallsResult(
        calls=plan.calls,
        held=held,
        held_seconds=(len(at_most) - 1) * _POLL_SECONDS,
        before_bytes=before,
        held_bytes=max(at_most),
        bytes_per_call=(max(at_most) - before) // held,
        outcomes=dict(outcomes),
        left=await asyncio.to_thread(_count_calls, admin),
    )


def _find_misses(plan: CallsPlan, result: CallsResult, max_bytes: int) -> list[str]:
    misses = []
    if result.held != plan.calls or result.held_seconds < plan.hold_seconds:
        misses.append(f"{result.held} calls were held for {result.held_seconds} s")
    if result.outcomes != {"answered": plan.calls} or result.left:
        misses.append(f"calls ended as {result.outcomes}, {result.left} were left")
    if result.bytes_per_call > max_bytes:
        misses.append(f"a call takes {result.bytes_per_call} bytes, at most {max_bytes} were wanted")
    return misses


def main() -> None:
    parser = argparse.ArgumentParser(description="measure the memory of calls that an emulated Mailbox server holds")
    parser.add_argument("--calls", type=int, default=CallsPlan().calls)
    parser.add_argument("--hold-seconds", type=float, default=CallsPlan().hold_seconds)
    parser.add_argument("--connection-per-call", action="store_true")
    parser.add_argument("--check", action="store_true", help="end with 1 where a bound is missed")
    parser.add_argument("--max-bytes", type=int, default=20_000, help="resident bytes of a call, for --check")
    arguments = parser.parse_args()
    plan = CallsPlan(arguments.calls, arguments.hold_seconds, arguments.connection_per_call)
    raise_file_limit()
    # The ports are fixed: a loopback address of this process's own.
    address = f"127.{96 + os.getpid() % 32}.{os.getpid() // 32 % 256}.1"
    with (
        tempfile.TemporaryDirectory() as folder,
        run_lab(Path(folder), address, {"mailbox.max_calls_allowed": str(plan.calls)}) as lab,
    ):
        admin = f"http://127.0.0.1:{lab.ports['HTTP']}"
        result = uvloop.run(measure_calls(plan, lab.pid, address, admin))
    print(json.dumps(asdict(result)))
    misses = _find_misses(plan, result, arguments.max_bytes) if arguments.check else []
    if misses:
        sys.exit("\n".join(misses))


if __name__ == "__main__":
    main()
