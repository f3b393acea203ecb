"""`callrouter lab` as users run it, in a process and a directory of its own: router, UM service and worker.

It has a network of loopback addresses of its own, so that the documented ports are free: .1 is the lab's, the others
are for the tools that call it. It ends by SIGTERM and has to end well.
"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from tests.e2e.command import build_environment
from tests.router import LogLine, RouterLog

_START_SECONDS = 30.0
_STOP_SECONDS = 15.0
_STARTED = b"Ctrl-C stops it"

Hop: TypeAlias = tuple[str, int]
"""Who answered an INVITE, and the status."""

THREE_HOPS: tuple[Hop, ...] = (("router", 302), ("um-service", 302), ("worker", 200))


def pick_network() -> str:
    """The first three octets of a loopback network: another one for each process that runs tests."""
    pid = os.getpid()
    return f"127.{64 + pid // 256 % 128}.{pid % 256}"


@dataclass(frozen=True)
class Lab:
    """A running lab, on the documented ports of `address`."""

    network: str
    directory: Path
    log: RouterLog
    printout: "_Printout"

    @property
    def admin_url(self) -> str:
        """Where the API is, as it was printed at the start."""
        [url] = re.findall(r"(http://127\.0\.0\.1:\d+)/docs", self.printout.text())
        return str(url)

    @property
    def address(self) -> str:
        return f"{self.network}.1"

    @property
    def certificates(self) -> Path:
        return self.directory / "var" / "certs"

    def wait_for_hops(self, call_id: str) -> list[Hop]:
        """Who answered the INVITEs of a call that is over, in their order; its end has to be the caller's BYE."""
        self.log.wait_for(1, event="call ended", role="worker", call_id=call_id, cause="remote-bye")
        return [_read_hop(line) for line in self.log.select(event="call", call_id=call_id)]

    def count_hops(self) -> Counter[Hop]:
        """How many INVITEs each hop has answered so far, and how."""
        return Counter(_read_hop(line) for line in self.log.select(event="call"))

    def count_hung_up(self) -> int:
        """How many calls have ended by the caller's BYE so far."""
        return len(self.log.select(event="call ended", role="worker", cause="remote-bye"))

    def wait_for_calls(self, count: int) -> None:
        """Wait until this many calls have ended by the caller's BYE since the start."""
        self.log.wait_for(count, event="call ended", role="worker", cause="remote-bye")


@contextlib.contextmanager
def start_lab(directory: Path) -> Iterator[Lab]:
    """Run a lab until the block is left. AssertionError where it does not start, or does not end well."""
    network, log = pick_network(), RouterLog()
    settings = [f"{group}.bind_address={network}.1" for group in ("router", "mailbox")]
    arguments = [argument for setting in (*settings, "admin.port=0") for argument in ("--set", setting)]
    with subprocess.Popen(
        [sys.executable, "-m", "callrouter", "lab", *arguments, "--var", str(directory / "var")],
        cwd=directory,
        env=build_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,  # Ctrl-C is the tests': the lab ends by the SIGTERM below
    ) as process:
        assert process.stdout is not None
        printout = _Printout(process.stdout, log)
        lab = Lab(network, directory, log, printout)
        try:
            printout.wait_until_started()
            # So that what is logged from here on is about calls.
            for transport in ("TCP", "TLS"):
                lab.log.wait_for(1, event="mailbox server up", transport=transport)
            yield lab
        finally:
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            finally:
                process.kill()
                printed = printout.close()
    assert process.returncode == 0, printed


class _Printout:
    """Takes what the lab prints as it comes, so that it never has to wait."""

    def __init__(self, source: IO[bytes], log: RouterLog) -> None:
        self._source = source
        self._log = log
        self._lines: list[bytes] = []
        self._looked = threading.Event()
        self._has_started = False
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def wait_until_started(self) -> None:
        """Wait until it has said that it listens."""
        self._looked.wait(_START_SECONDS)
        assert self._has_started, f"the lab did not start:\n{self.text()}"

    def close(self) -> str:
        """All that was printed, once the lab has ended."""
        self._thread.join()
        return self.text()

    def text(self) -> str:
        """All that was printed so far."""
        return b"".join(self._lines).decode("utf-8", "replace")

    def _follow(self) -> None:
        for raw_line in self._source:
            self._lines.append(raw_line)
            self._log.add(raw_line)
            if _STARTED in raw_line:
                self._has_started = True
                self._looked.set()
        self._looked.set()


def _read_hop(line: LogLine) -> Hop:
    # The router's own lines name no role.
    return line.get("role", "router"), line["status"]
