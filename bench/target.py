"""Which server a tool of the bench works on, and what its command line and its processor time have to do with that.

Every tool takes the same options for it. The processor time of a server is that of all its processes.
"""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from bench.process import cpu_seconds, list_group, own_cpu_seconds

_SOURCES = 200


@dataclass(frozen=True, slots=True)
class Target:
    """A server on a loopback address.

    certificates: the directory of lab certificates for mutual TLS; None is plain TCP.
    leaders: the first process of each of the server's process groups; none leaves its processor time out.
    """

    port: int
    address: str = "127.0.0.1"
    certificates: Path | None = None
    leaders: tuple[int, ...] = ()

    @property
    def transport(self) -> str:
        """TCP or TLS."""
        return "TLS" if self.certificates else "TCP"


def add_target_options(parser: argparse.ArgumentParser) -> None:
    """The options that `read_target` reads."""
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--address", default="127.0.0.1", help="of loopback")
    parser.add_argument("--certificates", type=Path, help="directory of lab certificates: mutual TLS instead of TCP")
    parser.add_argument("--server-pid", type=int, action="append", default=[], help="first process of its group")


def read_target(options: argparse.Namespace) -> Target:
    """What the options say; they are taken out of them, so that what is left is the tool's own."""
    values = vars(options)
    return Target(
        port=values.pop("port"),
        address=values.pop("address"),
        certificates=values.pop("certificates"),
        leaders=tuple(values.pop("server_pid")),
    )


def list_target_options(target: Target) -> list[object]:
    """The command line that gives this target."""
    options: list[object] = ["--port", target.port, "--address", target.address]
    options += ["--certificates", target.certificates] if target.certificates else []
    for pid in target.leaders:
        options += ["--server-pid", pid]
    return options


def pick_source(number: int) -> str:
    """A loopback address to call from: in turns, because one has no more than 28,000 ports."""
    return f"127.0.2.{1 + number % _SOURCES}"


@dataclass(frozen=True, slots=True)
class Shares:
    """What a stretch of time took: seconds, and CPUs in use by the generator and the server (1.0 is one of them)."""

    seconds: float
    generator: float
    server: float | None


class Meter:
    """Measures from when it is made until `read`."""

    def __init__(self, target: Target) -> None:
        self._pids = list_group(*target.leaders) if target.leaders else []
        self._server = self._server_seconds()
        self._own = own_cpu_seconds()
        self._started_at = time.perf_counter()

    def read(self) -> Shares:
        """Since the start."""
        seconds = time.perf_counter() - self._started_at
        server = (self._server_seconds() - self._server) / seconds if self._pids else None
        return Shares(seconds, (own_cpu_seconds() - self._own) / seconds, server)

    def _server_seconds(self) -> float:
        return sum(map(cpu_seconds, self._pids))
