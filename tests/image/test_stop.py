"""SIGTERM while calls go on: every call that was redirected is answered and ended, in the time that engines wait."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.image.engine import BETWEEN_SECONDS, PATIENCE_SECONDS, Container

UNDER_WAY = 30
"""So many calls are over when the stop comes."""
KILLED_AFTER_SECONDS = 10.0
COMMAND = (sys.executable, "-m", "callrouter", "call")


@contextmanager
def calling(line: Sequence[str], lab: Container, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Calls that go on, some of which are over."""
    with subprocess.Popen(line, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as load:
        try:
            until = time.monotonic() + PATIENCE_SECONDS
            while sum(each["event"] == "call ended" for each in lab.events) < UNDER_WAY:
                assert time.monotonic() < until, lab.printed
                time.sleep(BETWEEN_SECONDS)
            yield load
        finally:
            load.kill()


def stop(lab: Container) -> str:
    """Stop it; what became of the calls, in a sentence, if it is well."""
    lab.terminate()
    stopped_at = time.monotonic()
    assert lab.wait() == 0, lab.printed
    seconds = time.monotonic() - stopped_at
    assert seconds < KILLED_AFTER_SECONDS
    calls = [each for each in lab.events if each["event"] == "call"]
    redirected = {each["call_id"] for each in calls if "role" not in each and each["status"] == 302}
    answered = {each["call_id"] for each in calls if each.get("role") == "worker" and each["status"] == 200}
    ended = {each["call_id"] for each in lab.events if each["event"] == "call ended"}
    assert len(redirected) >= UNDER_WAY
    assert redirected == answered == ended
    return f"{len(redirected)} calls redirected, all of them answered and ended; stopped after {seconds:.2f} s"


@pytest.mark.parametrize("options", [(), ("--connection-per-call",)], ids=["shared", "one-each"])
def test_stop_while_calls_come_loses_none_that_was_redirected(
    lab: Container, host: str, tmp_path: Path, options: tuple[str, ...], tell: Callable[[str], None]
) -> None:
    line = [*COMMAND, f"sip:2001@{host}:5060", "--count", "240", "--rate", "60", "--hold", "0.2", *options]
    with calling(line, lab, tmp_path):
        tell(stop(lab))


@pytest.mark.interop
def test_stop_while_sipp_calls_loses_no_call_that_was_redirected(
    lab: Container, host: str, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    sipp = shutil.which("sipp")
    if sipp is None:
        pytest.skip("SIPp is not installed")
    scenario = tmp_path / "three_hops.xml"
    scenario.write_text(lab.execute("cat", "/var/lib/callrouter/three_hops.sipp.xml").stdout, "utf-8")
    place = ("-i", "127.0.0.1", f"{host}:5060")
    line = [
        sipp,
        "-sf",
        str(scenario),
        "-t",
        "tn",
        "-max_socket",
        "1000",
        "-r",
        "40",
        "-m",
        "400",
        "-s",
        "2001",
        *place,
    ]
    with calling(line, lab, tmp_path):
        tell(stop(lab))
