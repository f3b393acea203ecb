"""The worker is recycled under load: no call in progress ends by it, and no new call is sent to the old port."""

import asyncio
import json
import urllib.request
from typing import Any

import pytest

from tests.interop.sipp_tool import SCENARIOS, Load, Sipp
from tests.interop.three_hops.lab import Lab
from tests.router import HTTP_SECONDS

pytestmark = [pytest.mark.interop, pytest.mark.timed]

_CALLS = 600
_PER_SECOND = 100


def recycle(lab: Lab) -> dict[str, Any]:
    """What the lab's only server says after it."""
    request = urllib.request.Request(  # noqa: S310 - the lab's own port
        f"{lab.admin_url}/api/v1/servers/lab-mailbox/recycle", method="POST"
    )
    with urllib.request.urlopen(request, timeout=HTTP_SECONDS) as response:  # noqa: S310 - as above
        status: dict[str, Any] = json.load(response)
        return status


async def test_worker_recycled_under_load_loses_no_call_and_gets_no_new_one_on_the_old_port(
    sipp: Sipp, lab: Lab
) -> None:
    load = Load(calls=_CALLS, per_second=_PER_SECOND, mode="tn")
    calls = asyncio.create_task(sipp.place_calls(SCENARIOS / "three_hops.xml", f"{lab.address}:5060", load))
    for round_, port in ((1, 5067), (2, 5065), (3, 5067)):
        await asyncio.to_thread(lab.log.wait_for, round_ * _CALLS // 5, event="call", role="worker")
        status = await asyncio.to_thread(recycle, lab)
        assert (status["worker"], status["ports"]["TCP"]) == (round_ + 1, port)
    result = await calls

    assert (result.exit_code, result.successful, result.failed) == (0, _CALLS, 0), result.errors
    await asyncio.to_thread(lab.wait_for_calls, _CALLS)
    assert {line["cause"] for line in lab.log.select(event="call ended", role="worker")} == {"remote-bye"}
    # The log is one sequence: from where a worker has started, the UM service names its port and no other.
    port = 5065
    counts = {5065: 0, 5067: 0}
    for line in lab.log.select():
        if line["event"] == "worker started":
            port = line["ports"]["TCP"]
        elif line["event"] == "call" and line.get("role") == "um-service":
            assert line["contact"].endswith(f"@{lab.address}:{port};transport=Tcp")
            counts[port] += 1
    assert min(counts.values()) >= _CALLS // 5
    assert sum(counts.values()) == _CALLS
