"""Instructions for one redirect, an INVITE and its ACK, in both forms of the router; compared with those stored.

The calls are made once, by the sources, and written to a file; each form replays them under callgrind in a process of
its own (`replay.py`). Beside them runs the yardstick. Exit code 1 with `--check`: a redirect has become too dear. Exit
code 2: nothing could be counted.
"""

import argparse
import marshal
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from bench.budget import BudgetError, Figures, compare, dump_figures, load_figures
from bench.callgrind import CallgrindError, Counted, build_environment, count_instructions, read_version
from bench.hot_path import ReplayError, record_calls
from bench.replay import WARMUP_CALLS

STORED = Path(__file__).with_name("instructions.json")
FORMS = ("interpreted", "compiled")
COMPILED = Path(__file__).resolve().parent.parent / "build" / "compiled"

_CALLS = 600
_YARDSTICKS = 600
_WARM_SECONDS = 60.0


def describe_environment() -> dict[str, str]:
    """What a count depends on besides the code."""
    return {
        "python": " ".join(sys.version.split()),
        "libc": " ".join(platform.libc_ver()),
        "machine": platform.machine(),
        "vectors": _find_vectors(),
        "valgrind": read_version(),
        "compiler": _read_compiler(),
        "mypy": version("mypy"),
    }


def _find_vectors() -> str:
    """The widest vectors that the CPU has and valgrind knows: by them libc chooses among its routines."""
    try:
        words = set(Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").split())
    except OSError:
        return "unknown"
    return next((name for name in ("avx2", "avx", "sse4_2", "asimd") if name in words), "none")


def _read_compiler() -> str:
    """The C compiler that `make compiled` finds."""
    try:
        done = subprocess.run(["cc", "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "none"
    return done.stdout.partition("\n")[0]


def count_redirects(forms: Sequence[str], calls: int, profiles: Path | None) -> Figures:
    """Count in as many processes at once as there are CPUs; a count does not mind company.

    Raises:
        CallgrindError: something could not be counted, or was not what it should be.
        ReplayError: the calls are not answered as they should be.
    """
    environment = describe_environment()
    with (
        tempfile.TemporaryDirectory(prefix="callrouter-bench-") as folder,
        ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads,
    ):
        file = Path(folder) / "calls"
        file.write_bytes(marshal.dumps(record_calls(1 + WARMUP_CALLS + calls)))
        counting = {form: threads.submit(_count_form, form, file, calls, profiles) for form in forms}
        yardstick = threads.submit(
            count_instructions, "bench.yardstick", [str(_YARDSTICKS)], build_environment(), _name(profiles, "yardstick")
        )
        per_redirect = {form: counted.result().instructions / calls for form, counted in counting.items()}
        return Figures(environment, yardstick.result().instructions / _YARDSTICKS, per_redirect)


def _count_form(form: str, file: Path, calls: int, profiles: Path | None) -> Counted:
    environment = build_environment(COMPILED if form == "compiled" else None)
    arguments = [str(file), str(calls)]
    # Once without valgrind, so that the byte code is written, and to see that it works before that takes long.
    done = subprocess.run(
        [sys.executable, "-m", "bench.replay", *arguments],
        cwd=Path(__file__).resolve().parent.parent,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_WARM_SECONDS,
    )
    if done.returncode != 0:
        raise CallgrindError(f"{form}: the calls cannot be replayed\n{done.stdout}")
    if done.stdout.strip() != form:
        raise CallgrindError(f"{form} was asked for, {done.stdout.strip()} was found; `make compiled` makes that form")
    return count_instructions("bench.replay", arguments, environment, _name(profiles, form))


def _name(profiles: Path | None, what: str) -> Path | None:
    return None if profiles is None else profiles / f"callgrind.out.{what}"


def _print_figures(figures: Figures) -> None:
    for form, figure in figures.per_redirect.items():
        print(f"{form:12}{figure:12,.0f} instructions a redirect{figure / figures.yardstick:8.2f} yardsticks")
    print(f"{'yardstick':12}{figures.yardstick:12,.0f} instructions")


def check(figures: Figures, file: Path) -> int:
    """Compare with what is stored and say so; the exit code.

    Raises:
        BudgetError: what is stored cannot be read.
    """
    try:
        stored = load_figures(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise BudgetError(f"there are no stored figures: {error}") from error
    comparison = compare(figures, stored)
    for line in comparison.notes:
        print(f"instructions: {line}")
    for line in comparison.misses:
        print(f"instructions: missed: {line}", file=sys.stderr)
    return 1 if comparison.misses else 0


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="instructions", description="count the instructions of a redirect")
    parser.add_argument("--form", choices=FORMS, action="append", help="default: both")
    parser.add_argument("--calls", type=int, default=_CALLS, help="how many are counted")
    parser.add_argument("--profiles", type=Path, help="directory that gets what callgrind_annotate reads")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="end with 1 where a redirect costs 10 %% more than stored")
    what.add_argument("--update", action="store_true", help="store the figures, in bench/instructions.json")
    arguments = parser.parse_args()
    if arguments.update and arguments.form:
        parser.error("--update stores both forms, which must be of the same day")
    return arguments


def main() -> int:
    arguments = _parse_arguments()
    try:
        figures = count_redirects(arguments.form or FORMS, arguments.calls, arguments.profiles)
        _print_figures(figures)
        if arguments.update:
            STORED.write_text(dump_figures(figures), encoding="utf-8")
        return check(figures, STORED) if arguments.check else 0
    except (BudgetError, CallgrindError, ReplayError, subprocess.TimeoutExpired) as error:
        print(f"instructions: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
