"""Servers as subprocesses: start one, learn its ports, pin it, stop it; also used by tests/interop for the router.

How a router tells its ports is known to `read_router_ports` alone. A server that does not come up, or does not end well
at SIGTERM, is an error that shows what it printed; nothing that was started here outlives its `with` block. A server's
processes are those of its process group.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, TypeAlias

_START_SECONDS = 20.0
_STOP_SECONDS = 15.0
_POLL_SECONDS = 0.05
_REPOSITORY = Path(__file__).resolve().parent.parent
DEFAULT_FORM = _REPOSITORY / "build" / "default"
"""What `make bench` has pip make of the sources: interpreted but for scanner and writer."""

Form: TypeAlias = Literal["given", "default", "pure"]
OnLine: TypeAlias = Callable[[bytes], None]

Ports: TypeAlias = Mapping[str, int]
"""TCP and TLS, as far as the server has them, to port numbers."""

ReadEvent: TypeAlias = Callable[[Mapping[str, Any]], Ports | None]
ReadLine: TypeAlias = Callable[[str], Ports | None]
"""The ports, from what a server prints when it listens; None from anything else."""


class ServerError(Exception):
    """A server did not start, did not say its ports, or did not end well; the text holds what it printed."""


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A server that listens on a loopback address.

    pids: the first process of each of its process groups; only a server of several independent processes has several.
    """

    pids: tuple[int, ...]
    ports: Ports
    address: str = "127.0.0.1"

    @property
    def pid(self) -> int:
        """The first process."""
        return self.pids[0]


@contextlib.contextmanager
def run_floor(
    *, certificates: Path | None = None, style: str = "split", cpu: int | None = None
) -> Iterator[RunningServer]:
    """Run `bench.floor` over TCP, or over mutual TLS where `certificates` are given."""
    transport = "TLS" if certificates else "TCP"
    arguments = ["--style", style, *(["--certificates", str(certificates)] if certificates else [])]
    command = [sys.executable, "-m", "bench.floor", *arguments]
    with run_command(command, _in_json(lambda event: {transport: event["port"]}), cpu=cpu) as server:
        yield server


@contextlib.contextmanager
def run_router(
    config: Path,
    *,
    cpu: int | None = None,
    on_line: OnLine | None = None,
    log_file: Path | None = None,
    form: Form = "given",
) -> Iterator[RunningServer]:
    """Run `callrouter serve` with a settings file whose ports may be 0. Nothing of the environment sets it.

    on_line: called in a thread with every line that is printed. log_file: where the settings send the log.
    form: that of this process, the one under `DEFAULT_FORM`, or the sources as they are, without anything in C.
    """
    command = [sys.executable, "-m", "callrouter", "serve", "--config", str(config)]
    python_path = {"given": os.environ.get("PYTHONPATH", ""), "default": str(DEFAULT_FORM), "pure": ""}[form]
    with run_command(
        command, _in_json(read_router_ports), cpu=cpu, on_line=on_line, log_file=log_file, python_path=python_path
    ) as server:
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

    command = [sys.executable, "-m", "callrouter", "lab", *options, "--var", str(var)]
    with run_command(command, _in_json(is_up)) as server:
        yield server


def read_router_ports(event: Mapping[str, Any]) -> Ports | None:
    """The ports in an event of the router's log, where it is the one that says that everything listens."""
    if event.get("event") != "listening":
        return None
    listeners = (listener.split(" ", 1) for listener in event["sip"])
    return {transport: int(address.rpartition(":")[2]) for transport, address in listeners}


def _in_json(read_event: ReadEvent) -> ReadLine:
    def read_line(line: str) -> Ports | None:
        try:
            event = json.loads(line)
        except ValueError:  # a traceback, say; it is shown when the server ends
            return None
        return read_event(event) if isinstance(event, dict) else None

    return read_line


class _Printout:
    """Takes what a server prints as it comes, so that it never has to wait, and looks for its ports in it."""

    def __init__(self, source: IO[bytes], read_ports: ReadLine, on_line: OnLine | None) -> None:
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
                self._ports = self._read_ports(line)
                if self._ports is not None:
                    self._looked.set()
        self._looked.set()


def _wait_for_ports_in_file(file: Path, read_ports: ReadLine, process: subprocess.Popen[bytes]) -> Ports | None:
    """The same for a server that prints to a file, which is not followed any further: it may grow fast."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if file.exists():
            found = (read_ports(line) for line in file.read_text(encoding="utf-8").splitlines())
            ports = next((each for each in found if each is not None), None)
            if ports is not None:
                return ports
        time.sleep(_POLL_SECONDS)
    return None


@contextlib.contextmanager
def pinned_to(cpu: int | None) -> Iterator[None]:
    """Processes that are started in this block run on this CPU, with all that they start; None pins nothing."""
    if cpu is None:
        yield
        return
    own = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {cpu})
    try:
        yield
    finally:
        os.sched_setaffinity(0, own)


@contextlib.contextmanager
def run_command(
    command: list[str],
    read_ports: ReadLine,
    *,
    cpu: int | None = None,
    on_line: OnLine | None = None,
    log_file: Path | None = None,
    python_path: str | None = None,
) -> Iterator[RunningServer]:
    """Run any server that prints a line when it listens, until the block is left.

    python_path: its PYTHONPATH; None is that of this process.
    """
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CALLROUTER_")}
    if python_path is not None:
        environment["PYTHONPATH"] = python_path
    with pinned_to(cpu):
        process = subprocess.Popen(
            command,
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
        if log_file is None:
            ports = printout.wait_for_ports()
        else:
            ports = _wait_for_ports_in_file(log_file, read_ports, process)
        if ports is None:
            trouble = "did not say where it listens"
        else:
            yield RunningServer((process.pid,), ports)
    except BaseException as error:
        failure = error
        raise
    finally:
        trouble = _stop(process) or trouble
        printed = printout.close()
        # Where the block itself failed, that is what counts; how the server ended is only noted.
        if trouble and failure is not None:
            failure.add_note(f"{' '.join(command)} {trouble}\n{printed}")
    if trouble:
        raise ServerError(f"{' '.join(command)} {trouble}\n{printed}")


def _stop(process: subprocess.Popen[bytes]) -> str:
    """End a server with SIGTERM; what was wrong with how it ended, or ""."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        _kill_group(process.pid)
        process.wait()
        return "did not end at SIGTERM"
    if process.returncode:
        _kill_group(process.pid)
        return f"ended with exit code {process.returncode}"
    return "left processes behind" if _kill_group(process.pid) else ""


def _kill_group(pid: int) -> bool:
    """Kill what is left of a process group; whether there was anything."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True
