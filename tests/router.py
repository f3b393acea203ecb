"""A router as users run it, for tests: `callrouter serve` in a process of its own, on loopback, with lab certificates.

The process itself is started and ended by `bench.server.run_router`; here are its settings and what it logs. A router
is one value: ports, process id, certificates, log.
"""

import contextlib
import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from bench.server import run_router
from bench.tls import build_client_context

LOG_SECONDS = 10.0
HTTP_SECONDS = 5.0

LogLine: TypeAlias = dict[str, Any]
Group: TypeAlias = Mapping[str, str | bool | int | float]

_LISTS = """
[[directory.gateways]]
name = "loopback"
address = "127.0.0.0/8"

[[directory.gateways]]
name = "loopback6"
address = "::1"

[[directory.gateways]]
name = "client"
address = "client.callrouter.test"

[[directory.servers]]
name = "mbx1"
fqdn = "mbx1.example.test"
"""


class RouterLog:
    """The JSON lines that a router has printed so far. Filled by one thread, read by the tests."""

    def __init__(self) -> None:
        self._lines: list[LogLine] = []
        self._grown = threading.Condition()

    def add(self, raw_line: bytes) -> None:
        """Take one line; what is no JSON object is left out."""
        with contextlib.suppress(ValueError):
            line = json.loads(raw_line)
            if isinstance(line, dict):
                with self._grown:
                    self._lines.append(line)
                    self._grown.notify_all()

    def select(self, **wanted: object) -> list[LogLine]:
        """The lines so far that hold these values."""
        with self._grown:
            return self._select(wanted)

    def wait_for(self, count: int, **wanted: object) -> list[LogLine]:
        """The lines that hold these values, once there are `count` of them; AssertionError after `LOG_SECONDS`."""
        with self._grown:
            came = self._grown.wait_for(lambda: len(self._select(wanted)) >= count, LOG_SECONDS)
            assert came, f"{count} log lines with {wanted} did not come: {self._lines[-20:]}"
            return self._select(wanted)

    def _select(self, wanted: Mapping[str, object]) -> list[LogLine]:
        return [line for line in self._lines if wanted.items() <= line.items()]


@dataclass(frozen=True)
class Router:
    """A running router on the loopback interface."""

    pid: int
    tcp_port: int
    tls_port: int
    admin_port: int
    certificates: Path
    log: RouterLog
    address: str = "127.0.0.1"

    def build_context(self) -> ssl.SSLContext:
        """The side of mutual TLS of a gateway that the router knows."""
        return build_client_context(self.certificates)

    def read_metric(self, sample: str) -> float:
        """One sample of /metrics, by its name and, where it has them, labels as they are written there; else 0."""
        url = f"http://127.0.0.1:{self.admin_port}/metrics"
        with urllib.request.urlopen(url, timeout=HTTP_SECONDS) as response:
            for line in response.read().decode().splitlines():
                name, _, value = line.rpartition(" ")
                if name == sample:
                    return float(value)
        return 0.0


@contextlib.contextmanager
def start_router(directory: Path, certificates: Path, changes: Mapping[str, Group] | None = None) -> Iterator[Router]:
    """Run a router; `directory` takes its settings file. Leaving the block ends it, which has to go well.

    changes: settings group -> setting -> value, over those that every test needs. With `directory.file` the directory
    is that file, not the one that every test has.
    """
    settings = directory / "router.toml"
    groups = _settings(certificates, changes or {})
    lists = "" if "file" in groups.get("directory", {}) else _LISTS
    settings.write_text(_write_toml(groups) + lists, encoding="utf-8")
    log = RouterLog()
    with run_router(settings, on_line=log.add) as server:
        [listening] = log.wait_for(1, event="listening")
        yield Router(
            pid=server.pid,
            tcp_port=server.ports["TCP"],
            tls_port=server.ports["TLS"],
            admin_port=int(listening["admin"].rpartition(":")[2]),
            certificates=certificates,
            log=log,
            address=str(groups["router"]["bind_address"]),
        )


def _settings(certificates: Path, changes: Mapping[str, Group]) -> dict[str, dict[str, str | bool | int | float]]:
    groups: dict[str, dict[str, str | bool | int | float]] = {
        "router": {"bind_address": "127.0.0.1", "sip_tcp_listening_port": 0, "sip_tls_listening_port": 0},
        "tls": {
            "certificate_file": str(certificates / "router.pem"),
            "private_key_file": str(certificates / "router-key.pem"),
            "ca_file": str(certificates / "ca.pem"),
        },
        "admin": {"port": 0},
    }
    for name, group in changes.items():
        groups.setdefault(name, {}).update(group)
    return groups


def _write_toml(groups: Mapping[str, Group]) -> str:
    # A JSON string, number or boolean is a TOML one too.
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in group.items())
        for name, group in groups.items()
    )
