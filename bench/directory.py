"""What a large directory costs: seconds and memory to load it, and what it adds to one decision.

Writes a directory of 200 gateways, 50 dial plans and 100,000 users into a temporary folder and loads it in a fresh
process, as a router does at its start: read, validate, build, index. The same process then decides calls with it and
with a directory of 10 users, in turns. Prints one JSON object. Exit code 1 with `--check`: a bound was missed.
Memory is the highest that was ever resident, from /proc (Linux).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from callrouter.decision import CallType, Redirect
from callrouter.directory.lookup import DirectoryLookup
from callrouter.facts import CallerFacts, Diverted, Party, RequestFacts
from callrouter.pool.model import build_pool
from callrouter.redirect import decide
from callrouter.sip.uri import SipUri
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.document import build_directory
from callrouter.sources.file import load_directory_file
from callrouter.wire import Transport

MOST_SECONDS = 5.0
MOST_MEGABYTES = 250.0
MOST_RATIO = 1.5

_TOTAL_SECONDS = 120.0
_GATEWAYS = 200
_DIAL_PLANS = 50
_USERS = 100_000
_FEW_USERS = 10
_SERVERS = 8
_CALLS = 500
_ROUNDS = 25
_REPOSITORY = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class DirectoryResult:
    """Of one load in a fresh process, and of one decision on the large directory and on the small one."""

    users: int
    load_seconds: float
    peak_megabytes: float
    decide_microseconds: float
    decide_microseconds_with_few_users: float

    @property
    def ratio(self) -> float:
        """How much longer a decision takes with the many users."""
        return self.decide_microseconds / self.decide_microseconds_with_few_users


def write_directory(file: Path, users: int) -> None:
    """Write a directory with so many users, spread over the dial plans and databases."""
    file.write_text("\n".join(_list_entries(users)), encoding="utf-8")


def _list_entries(users: int) -> Iterator[str]:
    for index in range(_SERVERS):
        yield f'[[servers]]\nname = "mbx{index}"\nfqdn = "mbx{index}.example.com"\n'
        yield f'[[databases]]\nname = "db{index}"\nactive = "mbx{index}"\npassive = ["mbx{(index + 1) % _SERVERS}"]\n'
    for index in range(_DIAL_PLANS):
        yield f'[[dial_plans]]\nname = "plan-{index}"\n'
    for index in range(_GATEWAYS):
        address = f"10.0.{index // 250}.{index % 250 + 1}"
        yield f'[[gateways]]\nname = "gw-{index}"\naddress = "{address}"\num_dial_plan = "plan-{index % _DIAL_PLANS}"\n'
    for index in range(users):
        plan, extension = f"plan-{index % _DIAL_PLANS}", f"{index // _DIAL_PLANS:05}"
        yield (
            f'[[users]]\nname = "user-{index}"\num_dial_plan = "{plan}"\n'
            f'extensions = ["{extension}"]\ndatabase = "db{index % _SERVERS}"\n'
        )


def load_snapshot(file: Path) -> RoutingSnapshot:
    """Everything that a router does with a directory file before it can decide."""
    directory = build_directory(load_directory_file(file), port_offset=0)
    return RoutingSnapshot(DirectoryLookup(directory), build_pool(directory.servers))


def _list_calls(users: int) -> list[RequestFacts]:
    """Calls from the gateways of these users' dial plans that the users did not answer."""
    calls = []
    for number in range(_CALLS):
        user = number * (users // min(users, _CALLS)) % users
        gateway = user % _DIAL_PLANS
        caller = CallerFacts(ip_address(f"10.0.0.{gateway + 1}"), None, Transport.TCP, "192.0.2.1", 5060)
        diverted = Diverted(Party(f"{user // _DIAL_PLANS:05}", "10.0.0.1"), "no-answer")
        pilot = Party("99999", "router.example.com")
        uri = SipUri("sip", "99999", "router.example.com", None, ())
        calls.append(
            RequestFacts(
                caller,
                uri,
                "99999",
                f"call-{number}",
                called_party=pilot,
                calling_party=Party("4255550100", "10.0.0.1"),
                diversions=(diverted,),
            )
        )
    return calls


def _time_decisions(snapshot: RoutingSnapshot, calls: list[RequestFacts]) -> float:
    """Seconds of CPU time for one of these calls."""
    started_at = time.process_time()
    for facts in calls:
        decide(facts, snapshot)
    return (time.process_time() - started_at) / len(calls)


def _check_decisions(snapshot: RoutingSnapshot, calls: list[RequestFacts]) -> None:
    for facts in calls:
        decision = decide(facts, snapshot)
        if not isinstance(decision, Redirect) or decision.call_type is not CallType.CALL_ANSWERING:
            sys.exit(f"{facts.call_id} was decided wrong: {decision}")


def _read_peak_megabytes() -> float:
    """The most that was ever resident; other than getrusage's, not that of the process that started this one."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "VmHWM":
            return int(value.split()[0]) / 1024
    sys.exit("this system does not tell the memory of a process")


def measure_load(file: Path, few_file: Path) -> DirectoryResult:
    """Load and decide in this process, which should be a fresh one."""
    started_at = time.perf_counter()
    snapshot = load_snapshot(file)
    load_seconds = time.perf_counter() - started_at
    peak_megabytes = _read_peak_megabytes()
    few = load_snapshot(few_file)
    users = len(snapshot.lookup.directory.users)
    calls, few_calls = _list_calls(users), _list_calls(_FEW_USERS)
    _check_decisions(snapshot, calls)
    _check_decisions(few, few_calls)
    rounds = [(_time_decisions(snapshot, calls), _time_decisions(few, few_calls)) for _ in range(_ROUNDS)]
    return DirectoryResult(
        users=users,
        load_seconds=round(load_seconds, 3),
        peak_megabytes=round(peak_megabytes, 1),
        # The best round is the one that other processes disturbed least.
        decide_microseconds=round(min(seconds for seconds, _ in rounds) * 1e6, 2),
        decide_microseconds_with_few_users=round(min(seconds for _, seconds in rounds) * 1e6, 2),
    )


def measure_in_fresh_process(users: int) -> DirectoryResult:
    """Write the directories, and measure in a process that has done nothing else.

    Raises:
        subprocess.SubprocessError: it failed, or took too long.
    """
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / "directory.toml", Path(folder) / "few.toml"]
        write_directory(files[0], users)
        write_directory(files[1], _FEW_USERS)
        command = [sys.executable, "-m", "bench.directory", "--files", *map(str, files)]
        run = subprocess.run(command, cwd=_REPOSITORY, stdout=subprocess.PIPE, timeout=_TOTAL_SECONDS, check=True)
    found: dict[str, Any] = json.loads(run.stdout)
    return DirectoryResult(**found)


def find_misses(result: DirectoryResult) -> list[str]:
    """Every bound that was not kept, one line each."""
    measured = [
        ("loading took", result.load_seconds, MOST_SECONDS, "s"),
        ("the process had", result.peak_megabytes, MOST_MEGABYTES, "MB resident"),
        ("a decision took", result.ratio, MOST_RATIO, f"times that with {_FEW_USERS} users"),
    ]
    return [f"{what} {value:.2f} {unit}; allowed: {most:g}" for what, value, most, unit in measured if value >= most]


def main() -> None:
    parser = argparse.ArgumentParser(description="measure what a large directory costs")
    parser.add_argument("--users", type=int, default=_USERS, help=f"how many, at least {_FEW_USERS}")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a bound is missed")
    parser.add_argument("--files", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.files:
        print(json.dumps(asdict(measure_load(*options.files))))
        return
    if options.users < _FEW_USERS:
        parser.error(f"--users has to be at least {_FEW_USERS}")
    try:
        result = measure_in_fresh_process(options.users)
    except subprocess.SubprocessError as error:
        sys.exit(f"nothing was measured: {error}")
    print(json.dumps({**asdict(result), "ratio": round(result.ratio, 2)}))
    misses = find_misses(result) if options.check else []
    for miss in misses:
        print(miss, file=sys.stderr)
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    main()
