"""`callrouter` commands as users type them, in a directory and an environment of the test's choice.

`tests.router` holds that a router comes up and ends well; here are the commands that may do neither, or that are
looked at while they run. A command that a test leaves behind is killed.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 15.0
"""How long a test waits for what must come; never reached where all is well."""

COMMAND = (sys.executable, "-m", "callrouter")


def build_environment(changes: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without settings of the router, and with these changes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CALLROUTER_")}
    return {**clean, "NO_COLOR": "1", "COLUMNS": "200", **(changes or {})}


def run_command(
    *arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command that ends by itself."""
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=build_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


class RunningCommand:
    """A command that goes on until it is told to stop. Standard error and output come as one text."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        self._process = process
        self._output = process.stdout
        self.printed = ""
        self.pid = process.pid

    async def read_until(self, text: str) -> str:
        """Read lines until one holds the text; returns that line."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while raw_line := await self._output.readline():
                line = raw_line.decode()
                self.printed += line
                if text in line:
                    return line
        raise AssertionError(f"{text!r} was not printed:\n{self.printed}")

    async def read_event(self, event: str) -> dict[str, Any]:
        """Read log lines until the one with this event."""
        line: dict[str, Any] = json.loads(await self.read_until(f'"event":"{event}"'))
        return line

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    async def wait(self) -> int:
        """Read the rest and return the exit code."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            self.printed += (await self._output.read()).decode()
            return await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, and it has to end well."""
        self.terminate()
        assert await self.wait() == 0, self.printed


@contextlib.asynccontextmanager
async def start_command(
    *arguments: str | Path, cwd: Path, environment: Mapping[str, str] | None = None, program: tuple[str, ...] = COMMAND
) -> AsyncIterator[RunningCommand]:
    """Start a command that goes on."""
    process = await asyncio.create_subprocess_exec(
        *program,
        *map(str, arguments),
        cwd=cwd,
        env=build_environment(environment),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield RunningCommand(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def read_ports(listening: Mapping[str, Any]) -> dict[str, int]:
    """Ports by transport, and HTTP, from the log line `listening`."""
    ports = {name: int(where.rpartition(":")[2]) for name, where in (each.split(" ") for each in listening["sip"])}
    if listening["admin"] != "off":
        ports["HTTP"] = int(listening["admin"].rpartition(":")[2])
    return ports
