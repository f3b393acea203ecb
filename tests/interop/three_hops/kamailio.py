"""Kamailio as an SBC in front of a lab: in the foreground, in a process group and a directory of its own.

It ends by SIGTERM, has to end well, and leaves none of its processes behind.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from tests.interop.three_hops.lab import Lab
from tests.interop.three_hops.template import write_filled

_PATIENCE_SECONDS = 20.0
_MEMORY = ("-m", "64", "-M", "8")
"""Megabytes: shared, and of each process."""
_UP = b"the SBC is up"


@dataclass(frozen=True)
class Sending:
    """Where an SBC sends calls.

    defines: for the preprocessor of its configuration. mailbox_hosts: a regular expression of the hosts to which it
    follows a redirect; "" is that of the lab.
    """

    defines: tuple[str, ...] = ()
    mailbox_hosts: str = ""


class Sbc:
    """A running Kamailio."""

    def __init__(self, process: asyncio.subprocess.Process, address: str) -> None:
        assert process.stdout is not None
        self.address = address
        self._process = process
        self._output = process.stdout
        self._printed = b""
        self._up = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @property
    def printed(self) -> str:
        return self._printed.decode("utf-8", "replace")

    async def wait_until_up(self) -> None:
        """Wait until it listens, or has ended."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._up.wait()
        assert _UP in self._printed, self.printed

    async def stop(self) -> None:
        """SIGTERM to the first process, which ends the others."""
        self._process.terminate()
        async with asyncio.timeout(_PATIENCE_SECONDS):
            await self._reading
            assert await self._process.wait() == 0, self.printed
        assert not self.kill(), f"it left processes behind:\n{self.printed}"

    def kill(self) -> bool:
        """Kill what is left of it; whether there was anything."""
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    async def _read(self) -> None:
        async for line in self._output:
            self._printed += line
            if _UP in line:
                self._up.set()
        self._up.set()


@contextlib.asynccontextmanager
async def start_sbc(program: str, directory: Path, lab: Lab, sending: Sending) -> AsyncIterator[Sbc]:
    """Run Kamailio in front of a lab; `directory` takes its configuration."""
    address = f"{lab.network}.2"
    config, tls_config = directory / "kamailio.cfg", directory / "tls.cfg"
    write_filled("kamailio/tls.cfg.in", tls_config, CERTIFICATES=lab.certificates)
    write_filled(
        "kamailio/kamailio.cfg.in",
        config,
        SBC=address,
        ROUTER=lab.address,
        MAILBOX=sending.mailbox_hosts or lab.address.replace(".", "[.]"),
        TLS_CONFIG=tls_config,
    )
    places = ("-f", str(config), "-Y", str(directory), "-P", str(directory / "kamailio.pid"))
    process = await asyncio.create_subprocess_exec(
        program, "-DD", "-E", *places, *_MEMORY, *(word for define in sending.defines for word in ("-A", define)),
        cwd=directory,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        process_group=0,
    )  # fmt: skip
    sbc = Sbc(process, address)
    try:
        await sbc.wait_until_up()
        yield sbc
        await sbc.stop()
    finally:
        sbc.kill()
        await process.wait()
