"""Servers as subprocesses: start one, learn its ports, pin it, stop it; also used by tests/interop for the router.

How a router tells its ports is known to `read_router_ports` alone. A server that does not come up, or does not end well
at SIGTERM, is an error that shows what it printed; nothing that was started here outlives its `with` block.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

_START_SECONDS = 20.0
_STOP_SECONDS = 15.0
_REPOSITORY = Path(__file__).resolve().parent.parent

OnLine: TypeAlias = Callable[[bytes], None]

Ports: TypeAlias = Mapping[str, int]
"""TCP and TLS, as far as the server has them, to port numbers."""


class ServerError(Exception):
    """A server did not start, did not say its ports, or did not end well; the text holds what it printed."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on 127.0.0.1."""

    pid: int
    ports: Ports


@contextlib.contextmanager
def run_floor(*, certificates: Path | None = None, cpu: int | None = None) -> Iterator[RunningServer]:
    """Run `bench.floor` over TCP, or over mutual TLS where `certificates` are given."""
    transport = "TLS" if certificates else "TCP"
    arguments = ["-m", "bench.floor", *(["--certificates", str(certificates)] if certificates else [])]
    with _run(arguments, lambda event: {transport: event["port"]}, cpu) as server:
        yield server


@contextlib.contextmanager
def run_router(config: Path, *, cpu: int | None = None, on_line: OnLine | None = None) -> Iterator[RunningServer]:
    """Run `callrouter serve` with a settings file whose ports may be 0. Nothing of the environment sets it.

    on_line: called in a thread with every line that is printed.
    """
    with _run(["-m", "callrouter", "serve", "--config", str(config)], read_router_ports, cpu, on_line) as server:
        yield server


@contextlib.contextmanager
def run_lab(var: Path, address: str, changes: Mapping[str, str]) -> Iterator[RunningServer]:
    """Run `callrouter lab` on the documented ports of a loopback address, without lines per call; ports: HTTP.

    var: takes its certificates. changes: more settings.
    """
    with socket.socket() as probe:
        # The admin port's number is printed for people; a free one is easier to choose than to read.
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {
        "router.bind_address": address,
        "mailbox.bind_address": address,
        "admin.port": str(port),
        "log.calls": "false",
        **changes,
    }
    options = [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]

    def is_up(event: Mapping[str, Any]) -> Ports | None:
        return {"HTTP": port} if event.get("event") == "mailbox server up" else None

    with _run(["-m", "callrouter", "lab", *options, "--var", str(var)], is_up, None) as server:
        yield server


def read_router_ports(event: Mapping[str, Any]) -> Ports | None:
    """The ports in an event of the router's log, where it is the one that says that everything listens."""
    if event.get("event") != "listening":
        return None
    listeners = (listener.split(" ", 1) for listener in event["sip"])
    return {transport: int(address.rpartition(":")[2]) for transport, address in listeners}


class _Printout:
    """Takes what a server prints as it comes, so that it never has to wait, and looks for its ports in it."""

    def __init__(
        self, source: IO[bytes], read_ports: Callable[[Mapping[str, Any]], Ports | None], on_line: OnLine | None
    ) -> None:
        self._on_line = on_line
        self._source = source
        self._read_ports = read_ports
        self._lines: list[str] = []
        self._looked = threading.Event()
        self._ports: Ports | None = None
        self._thread = threading.Thread(target=self._follow)
        self._thread.start()

    def wait_for_ports(self) -> Ports | None:
        """The ports; None where the server ended, or the time did, before it told them."""
        self._looked.wait(_START_SECONDS)
        return self._ports

    def close(self) -> str:
        """All that was printed, once the server has ended."""
        self._thread.join()
        self._source.close()
        return "".join(self._lines)

    def _follow(self) -> None:
        for raw_line in self._source:
            if self._on_line is not None:
                self._on_line(raw_line)
            line = raw_line.decode("utf-8", "replace")
            self._lines.append(line)
            if self._ports is None:
                self._ports = self._find_ports(line)
                if self._ports is not None:
                    self._looked.set()
        self._looked.set()

    def _find_ports(self, line: str) -> Ports | None:
        try:
            event = json.loads(line)
        except ValueError:  # a traceback, say; it is shown when the server ends
            return None
        return self._read_ports(event) if isinstance(event, dict) else None


@contextlib.contextmanager
def _run(
    arguments: list[str],
    read_ports: Callable[[Mapping[str, Any]], Ports | None],
    cpu: int | None,
    on_line: OnLine | None = None,
) -> Iterator[RunningServer]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLROUTER_")}
    process = subprocess.Popen(
        [sys.executable, *arguments],
        cwd=_REPOSITORY,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        process_group=0,  # Ctrl-C is ours: the server ends by the SIGTERM below
    )
    if process.stdout is None:
        raise ServerError("a pipe was asked for and is not there")
    printout = _Printout(process.stdout, read_ports, on_line)
    trouble = ""
    failure: BaseException | None = None
    try:
        if cpu is not None:
            os.sched_setaffinity(process.pid, {cpu})
        ports = printout.wait_for_ports()
        if ports is None:
            trouble = "did not say where it listens"
        else:
            yield RunningServer(process.pid, ports)
    except BaseException as error:
        failure = error
        raise
    finally:
        trouble = _stop(process) or trouble
        printed = printout.close()
        # Where the block itself failed, that is what counts; how the server ended is only noted.
        if trouble and failure is not None:
            failure.add_note(f"{' '.join(arguments)} {trouble}\n{printed}")
    if trouble:
        raise ServerError(f"{' '.join(arguments)} {trouble}\n{printed}")


def _stop(process: subprocess.Popen[bytes]) -> str:
    """End a server with SIGTERM; what was wrong with how it ended, or ""."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        return "did not end at SIGTERM"
    return f"ended with exit code {process.returncode}" if process.returncode else ""
