"""Counts the instructions that a program carries out between two marks that it sets, by valgrind's callgrind.

A mark is a call of a C function that nothing else calls; callgrind writes out and forgets what it has counted whenever
it comes by (`--dump-before`). So neither start nor end of the interpreter is in the count, and the profile that is
left holds nothing but what was between the marks. Counts do not depend on what else the machine does.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_MARK = "getsid"
_TOTAL_SECONDS = 300.0
_REPOSITORY = Path(__file__).resolve().parent.parent
# What was called before the first mark and had not returned: callgrind_annotate would show each with the whole count.
_OPEN_CALL = re.compile(r"^calls=0 .*\n.*\n", re.MULTILINE)
_SUMMARY = re.compile(r"^summary: (\d+)$", re.MULTILINE)


class CallgrindError(Exception):
    """There is no count; the text says why, and holds what the program printed."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What a program did between its marks, and what it printed."""

    instructions: int
    output: str


def mark() -> None:
    """Begin, or end, what is counted; a program does each once."""
    os.getsid(0)


def read_version() -> str:
    """The version of valgrind, as "3.19.0".

    Raises:
        CallgrindError: it is not installed.
    """
    try:
        done = subprocess.run(["valgrind", "--version"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise CallgrindError("valgrind is not installed (Debian: apt-get install valgrind)") from error
    return done.stdout.strip().removeprefix("valgrind-")


def build_environment(import_path: Path | None = None) -> dict[str, str]:
    """The same for every run: nothing of the caller's but where programs are found, and no random hashes.

    import_path: where modules are looked for first.
    """
    environment = {"PATH": os.environ.get("PATH", os.defpath), "PYTHONHASHSEED": "0", "PYTHONNOUSERSITE": "1"}
    if import_path is not None:
        environment["PYTHONPATH"] = str(import_path)
    return environment


def count_instructions(
    module: str, arguments: Sequence[str], environment: Mapping[str, str], profile: Path | None = None
) -> Counted:
    """Run a module of this repository under callgrind. profile: gets what `callgrind_annotate` reads.

    Raises:
        CallgrindError: the program failed, or did not set two marks.
    """
    with tempfile.TemporaryDirectory(prefix="callrouter-callgrind-") as folder:
        file = Path(folder) / "out"
        options = [f"--callgrind-out-file={file}", f"--log-file={folder}/log", f"--dump-before={_MARK}"]
        command = ["valgrind", "--tool=callgrind", *options, sys.executable, "-m", module, *arguments]
        try:
            done = subprocess.run(
                command,
                cwd=_REPOSITORY,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=False,
                timeout=_TOTAL_SECONDS,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise CallgrindError(f"{module} could not be run under valgrind: {error}") from error
        if done.returncode != 0:
            raise CallgrindError(f"{module} ended with exit code {done.returncode}\n{done.stdout}")
        # One for each mark, with what came before it; the last, without a number, has what came after.
        dumps = sorted(Path(folder).glob("out.*"))
        between = Path(f"{file}.2")
        if dumps != [Path(f"{file}.1"), between]:
            raise CallgrindError(f"{module} set {len(dumps)} marks\n{done.stdout}")
        text = between.read_text(encoding="utf-8", errors="replace")
        found = _SUMMARY.search(text)
        if found is None:
            raise CallgrindError("callgrind wrote no summary")
        if profile is not None:
            profile.parent.mkdir(parents=True, exist_ok=True)
            profile.write_text(_OPEN_CALL.sub("", text), encoding="utf-8")
    return Counted(int(found[1]), done.stdout)
