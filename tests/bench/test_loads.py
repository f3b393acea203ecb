"""The loads against a real server: all calls are answered, and an open loop sees a stall that it could overlook."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.churn import ChurnPlan, run_churn
from bench.openloop import OpenPlan, run_open_loop
from bench.server import RunningServer, run_floor
from bench.target import Target
from callrouter.certificates.authority import write_lab_certificates

STALL_SECONDS = 0.4


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_lab_certificates(folder, hosts=["localhost"], now=datetime.now(UTC))
    return folder


@pytest.fixture
def floor() -> Iterator[RunningServer]:
    with run_floor() as server:
        yield server


def aim(server: RunningServer) -> Target:
    return Target(server.ports["TCP"], server.address, leaders=server.pids)


@pytest.mark.parametrize("style", ["split", "scan"])
def test_churn_places_one_call_on_each_connection_over_mutual_tls(style: str, certificates: Path) -> None:
    with run_floor(certificates=certificates, style=style) as server:
        target = Target(server.ports["TLS"], server.address, certificates, server.pids)
        outcome = run_churn(ChurnPlan(target, at_once=4, seconds=0.3, warmup_seconds=0.1))
    assert outcome.errors == {}
    assert outcome.calls > 0
    assert outcome.server_us_per_call


def test_churn_reports_a_server_that_is_none(floor: RunningServer) -> None:
    port = floor.ports["TCP"]
    with pytest.raises(OSError, match="refused"):
        run_churn(ChurnPlan(Target(port, "127.0.0.77"), seconds=0.1, warmup_seconds=0.0))


@pytest.mark.timed
def test_open_loop_counts_a_stall_for_every_call_that_was_due_meanwhile(floor: RunningServer) -> None:
    def stall() -> None:
        time.sleep(0.4)
        os.kill(floor.pid, signal.SIGSTOP)
        time.sleep(STALL_SECONDS)
        os.kill(floor.pid, signal.SIGCONT)

    stalling = threading.Thread(target=stall)
    stalling.start()
    outcome = run_open_loop(OpenPlan(aim(floor), rate=1000, seconds=1.0, warmup_seconds=0.2))
    stalling.join()
    assert outcome.errors == {}
    assert outcome.calls == pytest.approx(1000, rel=0.2)
    # A closed loop would have had one late call on each connection; here four calls of ten were due in the stall.
    assert outcome.p90_us > STALL_SECONDS / 4 * 1e6
    assert outcome.max_us > STALL_SECONDS * 0.9 * 1e6
