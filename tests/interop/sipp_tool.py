"""SIPp in a directory of its own: its scenarios judge every answer, its statistics say how many calls were good."""

import asyncio
import contextlib
import csv
from dataclasses import dataclass
from pathlib import Path

from tests.free_port import find_free_port

SCENARIOS = Path(__file__).parent / "sipp"
_AT_ONCE = 100
_MAX_SOCKETS = 500
"""SIPp refuses to start where its default, 50,000, is more than the process may open."""
_SECONDS = 30


@dataclass(frozen=True)
class SippResult:
    exit_code: int
    successful: int
    failed: int
    errors: str


@dataclass(frozen=True)
class Load:
    """How many calls, how fast, and over what: mode "t1" is one connection for all, "tn" one for each."""

    calls: int
    per_second: int
    mode: str


@dataclass(frozen=True)
class Sipp:
    """SIPp on a loopback address."""

    program: str
    directory: Path
    address: str = "127.0.0.1"

    async def place_calls(self, scenario: Path, target: str, load: Load) -> SippResult:
        """Place calls to `target`, an address and a port. errors: what SIPp complained of, with its warnings."""
        statistics, errors = self.directory / "statistics.csv", self.directory / "errors.log"
        process = await asyncio.create_subprocess_exec(
            self.program, target, "-i", self.address, "-p", str(find_free_port(self.address)), "-nostdin",
            "-sf", str(scenario), "-t", load.mode, "-s", "2001",
            "-max_socket", str(_MAX_SOCKETS), "-m", str(load.calls), "-r", str(load.per_second), "-l", str(_AT_ONCE),
            "-timeout", str(_SECONDS), "-timeout_error",
            "-trace_stat", "-stf", str(statistics), "-trace_err", "-error_file", str(errors),
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS + 5):
                screen, _ = await process.communicate()
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        assert statistics.exists(), f"SIPp did not start: {screen.decode('utf-8', 'replace')}"
        with statistics.open(encoding="utf-8", newline="") as lines:
            *_, last = csv.DictReader(lines, delimiter=";")
        return SippResult(
            exit_code=process.returncode or 0,
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            errors=errors.read_text(encoding="utf-8", errors="replace")[:2000] if errors.exists() else "",
        )
