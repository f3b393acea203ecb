"""`make bench`: the router beside the floor, in interleaved rounds on the same two CPUs, over TCP and mutual TLS.

The server runs on one CPU and the generator on another; each round is floor first, router next. Everything is started
here, in a temporary directory on loopback ports, and stopped here, also after an error, Ctrl-C or SIGTERM; the whole
run has a deadline. Exit code 0: all well; 1: a demand was missed or an answer was wrong; 2: a server did not run.
"""

import argparse
import contextlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from bench.idle import IdleResult
from bench.load import LoadResult
from bench.process import pick_cpus, raise_file_limit
from bench.report import Comparison, Gate, find_failures, format_table
from bench.server import RunningServer, ServerError, run_floor, run_router
from callrouter import session
from callrouter.certificates.authority import write_lab_certificates

_SPARE_SECONDS = 30.0
_IDLE_SECONDS = 150.0

_CONFIG = """\
[router]
bind_address = "127.0.0.1"
sip_tcp_listening_port = 0
sip_tls_listening_port = 0

[tls]
certificate_file = "{certificates}/router.pem"
private_key_file = "{certificates}/router-key.pem"
ca_file = "{certificates}/ca.pem"

[[directory.gateways]]
name = "loopback"
address = "127.0.0.0/8"

[[directory.gateways]]
name = "client"
address = "client.callrouter.test"

[[directory.servers]]
name = "mbx1"
fqdn = "mbx1.example.test"

[admin]
port = 0

[log]
calls = false
"""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long to measure what."""

    rounds: int
    seconds: float
    warmup_seconds: float
    transports: tuple[str, ...]
    connections: int
    in_flight: int
    idle_connections: int


class Bench:
    """One run: a directory with certificates and settings, and the CPUs."""

    def __init__(self, directory: Path, schedule: Schedule) -> None:
        self._schedule = schedule
        self._cpus = pick_cpus()
        self._certificates = directory / "certs"
        self._certificates.mkdir()
        write_lab_certificates(self._certificates, hosts=["localhost"], now=datetime.now(UTC))
        self._config = directory / "router.toml"
        self._config.write_text(_CONFIG.format(certificates=self._certificates), encoding="utf-8")

    @property
    def _server_cpu(self) -> int | None:
        return self._cpus[0] if self._cpus else None

    def compare(self, transport: str) -> Comparison:
        """Run the rounds of one transport."""
        certificates = self._certificates if transport == "TLS" else None
        floor_rounds, router_rounds = [], []
        with contextlib.ExitStack() as stack:
            floor = stack.enter_context(run_floor(certificates=certificates, cpu=self._server_cpu))
            router = stack.enter_context(run_router(self._config, cpu=self._server_cpu))
            for number in range(self._schedule.rounds):
                floor_rounds.append(self._measure_load(floor, transport))
                router_rounds.append(self._measure_load(router, transport))
                print(
                    f"{transport} round {number + 1}: floor {floor_rounds[-1].calls_per_second:,.0f}/s, "
                    f"router {router_rounds[-1].calls_per_second:,.0f}/s",
                    file=sys.stderr,
                )
        return Comparison(transport, floor_rounds, router_rounds)

    def measure_idle(self) -> dict[str, IdleResult]:
        """Measure both servers, each fresh, so that the load before has left nothing in their pools."""
        results = {}
        with run_floor(certificates=self._certificates, cpu=self._server_cpu) as floor:
            results["floor"] = self._measure_idle(floor)
        with run_router(self._config, cpu=self._server_cpu) as router:
            results["router"] = self._measure_idle(router)
        return results

    def _measure_load(self, server: RunningServer, transport: str) -> LoadResult:
        schedule = self._schedule
        arguments = ["--port", server.ports[transport], "--server-pid", server.pid]
        arguments += ["--connections", schedule.connections, "--in-flight", schedule.in_flight]
        arguments += ["--seconds", schedule.seconds, "--warmup-seconds", schedule.warmup_seconds]
        if transport == "TLS":
            arguments += ["--certificates", self._certificates]
        seconds = schedule.seconds + schedule.warmup_seconds + _SPARE_SECONDS
        return LoadResult(**self._run_tool("bench.load", arguments, seconds))

    def _measure_idle(self, server: RunningServer) -> IdleResult:
        arguments = ["--pid", server.pid, "--port", server.ports["TLS"], "--certificates", self._certificates]
        arguments += ["--connections", self._schedule.idle_connections]
        return IdleResult(**self._run_tool("bench.idle", arguments, _IDLE_SECONDS))

    def _run_tool(self, module: str, arguments: list[object], seconds: float) -> dict[str, Any]:
        command = [sys.executable, "-m", module, *map(str, arguments)]
        process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, process_group=0)
        with process:
            try:
                if self._cpus:
                    os.sched_setaffinity(process.pid, {self._cpus[1]})
                output, _ = process.communicate(timeout=seconds)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise ServerError(f"{' '.join(command)} ended with exit code {process.returncode}")
        result: dict[str, Any] = json.loads(output)
        return result


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench", description="measure the router beside the bare uvloop floor")
    parser.add_argument("--quick", action="store_true", help="two rounds of one second, for CI")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--in-flight", type=int, default=16, help="calls at once on each connection")
    parser.add_argument("--transport", choices=["TCP", "TLS"], action="append", help="default: both")
    parser.add_argument("--idle-connections", type=int, default=1000, help="0 leaves the memory out")
    parser.add_argument("--json", type=Path, help="write every round here")
    parser.add_argument("--floor-ratio", type=float, help="pass where router/floor is at least this")
    parser.add_argument("--min-rate", type=float, help="pass where the router makes this many redirects a second")
    parser.add_argument("--max-idle-bytes", type=int, help="fail where an idle TLS connection needs more")
    return parser.parse_args()


def _plan(arguments: argparse.Namespace) -> Schedule:
    return Schedule(
        rounds=arguments.rounds or (2 if arguments.quick else 5),
        seconds=arguments.seconds or (1.0 if arguments.quick else 3.0),
        warmup_seconds=0.5 if arguments.quick else 1.0,
        transports=tuple(arguments.transport or ("TCP", "TLS")),
        connections=arguments.connections,
        in_flight=arguments.in_flight,
        idle_connections=arguments.idle_connections,
    )


def _dump(schedule: Schedule, comparisons: list[Comparison], idle: Mapping[str, IdleResult]) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "cpus": pick_cpus(),
        "schedule": asdict(schedule),
        "transports": {
            comparison.transport: {
                "floor": [asdict(result) for result in comparison.floor],
                "router": [asdict(result) for result in comparison.router],
                "ratio": asdict(comparison.ratio),
                "cpu_ratio": asdict(comparison.cpu_ratio),
            }
            for comparison in comparisons
        },
        "idle": {name: asdict(result) for name, result in idle.items()},
    }


def _tell_form() -> str:
    """Whether the router's pure layers are compiled; it finds them where this process does."""
    return "interpreted" if str(session.__file__).endswith(".py") else "compiled"


def _end_on_sigterm(signal_number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal_number)


def main() -> int:
    arguments = _parse_arguments()
    schedule = _plan(arguments)
    signal.signal(signal.SIGTERM, _end_on_sigterm)
    raise_file_limit()
    try:
        with tempfile.TemporaryDirectory(prefix="callrouter-bench-") as directory:
            bench = Bench(Path(directory), schedule)
            comparisons = [bench.compare(transport) for transport in schedule.transports]
            idle = bench.measure_idle() if schedule.idle_connections else {}
    except (ServerError, subprocess.TimeoutExpired) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("bench: interrupted", file=sys.stderr)
        return 128 + signal.SIGINT
    print(f"router: {_tell_form()}; Python {platform.python_version()}")
    print(format_table(comparisons, idle))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(_dump(schedule, comparisons, idle), indent=2), encoding="utf-8")
    gate = Gate(arguments.min_rate, arguments.floor_ratio, arguments.max_idle_bytes)
    misses = find_failures(comparisons, idle.values()) + gate.find_misses(comparisons, idle.get("router"))
    for line in misses:
        print(f"bench: missed: {line}", file=sys.stderr)
    return 1 if misses else 0


if __name__ == "__main__":
    sys.exit(main())
