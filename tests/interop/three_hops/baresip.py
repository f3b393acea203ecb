"""baresip as a phone without screen or sound: commands go in by its standard input, its trace of SIP comes out.

What it shows is read as it comes. A phone that a test leaves behind is killed.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.interop.three_hops.template import write_filled

_PATIENCE_SECONDS = 20.0
_CHUNK_BYTES = 65536
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A thread says this in the middle of what others print.
_FROM_ASIDE = re.compile(r"aubridge: thread start: [^\n]*\n")
_TRACED = re.compile(r"^(TCP|TLS|UDP) \S+:(\d+) -> \S+:(\d+)\n(?:SIP/2\.0 )?(\S+)", re.MULTILINE)
_CALL_ID = re.compile(r"^Call-ID: (\S+)$", re.MULTILINE)

Step: TypeAlias = tuple[str, str, int]
"""Transport, method or status, and the far end's port."""


@dataclass(frozen=True)
class Account:
    """Where the phone is and what it shows. transport: "tcp" or "tls"."""

    address: str
    transport: str
    identity: Path
    ca_file: Path


class Phone:
    """A running baresip."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._keyboard = process.stdin
        self._screen = process.stdout
        self._shown = b""

    @property
    def shown(self) -> str:
        """All that it has shown, without colours."""
        text = _COLOUR.sub("", self._shown.decode("utf-8", "replace")).replace("\r", "")
        return _FROM_ASIDE.sub("", text)

    @property
    def call_ids(self) -> set[str]:
        """Of the messages in its trace."""
        return set(_CALL_ID.findall(self.shown))

    def list_steps(self, ports: tuple[int, ...]) -> list[Step]:
        """What was sent and received so far, in order. ports: those that a far end may have."""
        steps = []
        for transport, source, target, what in _TRACED.findall(self.shown):
            [port] = {int(source), int(target)} & set(ports)
            steps.append((transport, what, port))
        return steps

    def type_line(self, line: str) -> None:
        self._keyboard.write(f"{line}\n".encode())

    async def read_until(self, pattern: str) -> None:
        """Read until what it has shown matches. AssertionError where that does not come."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not re.search(pattern, self.shown, re.DOTALL):
                    data = await self._screen.read(_CHUNK_BYTES)
                    if not data:
                        break
                    self._shown += data
        assert re.search(pattern, self.shown, re.DOTALL), f"{pattern} did not come:\n{self.shown}"

    async def quit(self) -> int:
        """Quit, and give the exit code."""
        self.type_line("/quit")
        async with asyncio.timeout(_PATIENCE_SECONDS):
            self._shown += await self._screen.read()
            return await self._process.wait()


def write_identity(certificates: Path, file: Path) -> None:
    """The client certificate of a lab and its key in one file, as baresip wants them."""
    file.write_bytes(b"".join((certificates / name).read_bytes() for name in ("client.pem", "client-key.pem")))


@contextlib.asynccontextmanager
async def start_phone(program: str, directory: Path, account: Account) -> AsyncIterator[Phone]:
    """Run baresip; `directory` takes its configuration."""
    write_filled(
        "baresip/config.in",
        directory / "config",
        PHONE=account.address,
        IDENTITY=account.identity,
        CA=account.ca_file,
        MODULES=_find_modules(program),
    )
    write_filled("baresip/accounts.in", directory / "accounts", PHONE=account.address, TRANSPORT=account.transport)
    process = await asyncio.create_subprocess_exec(
        program, "-f", str(directory), "-s",
        cwd=directory,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield Phone(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _find_modules(program: str) -> Path:
    """Where the modules of a baresip are: beside the directory of the program."""
    return Path(program).resolve().parent.parent / "lib" / "baresip" / "modules"
