"""Kamailio as the server to compare with: a redirect without state (`kamailio.cfg.in`), on a loopback address.

It runs in the foreground, on the documented ports of an address of its own, with the allocator that suits it best
(`-x tlsf`; with its default one it makes half).
"""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bench.server import Ports, RunningServer, ServerError, run_command

_HERE = Path(__file__).parent
_UP = "the redirect server is up"
_PORTS = {"TCP": 5060, "TLS": 5061}
_MEMORY = ("-m", "2048", "-M", "16")
"""Megabytes, shared and of each process; the shared ones hold what TLS needs for 10,000 connections."""

NEEDED = "Kamailio is missing (Debian: apt-get install kamailio kamailio-tls-modules)"


def find_kamailio() -> str | None:
    """The program, where it is installed."""
    return shutil.which("kamailio") or shutil.which("kamailio", path="/usr/sbin:/usr/local/sbin")


def read_version() -> str:
    """The version of the one that is installed, or "" where none is."""
    program = find_kamailio()
    if program is None:
        return ""
    printed = subprocess.run([program, "-v"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"kamailio (\S+)", printed)
    return found[1] if found else "unknown"


@contextlib.contextmanager
def run_kamailio(
    directory: Path, *, number: int, certificates: Path | None, workers: int = 1, cpu: int | None = None
) -> Iterator[RunningServer]:
    """Run it with so many processes that serve TCP, and mutual TLS where `certificates` are given.

    directory: an empty one, which takes its configuration. number: below 255, one that no other of this process has.

    Raises:
        ServerError: it is not installed, or did not run.
    """
    program = find_kamailio()
    if program is None:
        raise ServerError(NEEDED)
    # A network for each process that measures; the tests have others.
    address = f"127.{160 + os.getpid() % 32}.{os.getpid() // 32 % 256}.{number}"
    config, tls_config = directory / "kamailio.cfg", directory / "kamailio-tls.cfg"
    _fill("kamailio-tls.cfg.in", tls_config, CERTIFICATES=str(certificates))
    _fill("kamailio.cfg.in", config, ADDRESS=address, WORKERS=str(workers), TLS_CONFIG=str(tls_config))

    def read_ports(line: str) -> Ports | None:
        return _PORTS if _UP in line else None

    command = [program, "-DD", "-E", "-x", "tlsf", *_MEMORY, "-f", str(config)]
    command += ["-Y", str(directory), "-P", str(directory / "kamailio.pid"), "-w", str(directory)]
    command += ["-A", "WITH_TLS"] if certificates else []
    with run_command(command, read_ports, cpu=cpu) as server:
        yield replace(server, address=address)


def _fill(template: str, file: Path, **values: str) -> None:
    text = (_HERE / template).read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    file.write_text(text, encoding="utf-8")
