"""What a run of the bench works with: certificates and settings in a temporary folder, CPUs, servers, tools.

Servers are told apart by a `ServerSpec`. They listen on loopback and live as long as the block that started them; tools
are processes of their own with a deadline, which print one JSON object each.
"""

import contextlib
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from bench.kamailio import run_kamailio
from bench.process import pick_cpus
from bench.server import Form, RunningServer, ServerError, pinned_to, run_floor, run_router
from bench.site import write_site
from bench.target import Target, list_target_options
from callrouter.certificates.authority import write_lab_certificates

Kind: TypeAlias = Literal["router", "router by default", "router in Python", "kamailio", "floor", "scan floor"]
Transport: TypeAlias = Literal["TCP", "TLS"]

_FORMS: dict[str, Form] = {"router": "given", "router by default": "default", "router in Python": "pure"}
_SPARE_SECONDS = 60.0

_SETTINGS = """\
[router]
bind_address = "127.0.0.1"
sip_tcp_listening_port = {tcp_port}
sip_tls_listening_port = {tls_port}
reuse_port = {reuse_port}

[tls]
certificate_file = "{certificates}/router.pem"
private_key_file = "{certificates}/router-key.pem"
ca_file = "{certificates}/ca.pem"

[directory]
file = "{directory}"

[admin]
port = 0

[log]
calls = {calls}
"""


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """A server to measure.

    processes: that serve calls; Kamailio has others besides. users: of a router's directory. call_log: a line for
    every call to a file. is_pinned: on the CPU for servers; else it shares all of them with the generator.
    """

    kind: Kind
    transport: Transport = "TCP"
    processes: int = 1
    users: int = 1000
    call_log: bool = False
    is_pinned: bool = True

    @property
    def is_peer(self) -> bool:
        """Whether it is another project's: how it fails is not what is measured."""
        return self.kind == "kamailio"


class Rig:
    """One run's folder and CPUs."""

    def __init__(self, folder: Path) -> None:
        self.cpus = pick_cpus()
        self._folder = folder
        self._numbers = itertools.count(1)
        self.certificates = folder / "certs"
        self.certificates.mkdir()
        write_lab_certificates(self.certificates, hosts=["localhost"], now=datetime.now(UTC))

    @contextlib.contextmanager
    def start(self, spec: ServerSpec) -> Iterator[RunningServer]:
        """Run a server until the block is left. Raises ServerError where it does not run."""
        cpu = self.cpus[0] if self.cpus and spec.is_pinned else None
        certificates = self.certificates if spec.transport == "TLS" else None
        if spec.is_peer:
            folder = self._make_folder()
            # The folder's number, because each needs an address of its own.
            with run_kamailio(
                folder, number=int(folder.name), certificates=certificates, workers=spec.processes, cpu=cpu
            ) as server:
                yield server
        elif spec.kind in {"floor", "scan floor"}:
            style = "split" if spec.kind == "floor" else "scan"
            with run_floor(certificates=certificates, style=style, cpu=cpu) as server:
                yield server
        else:
            with contextlib.ExitStack() as stack:
                yield self._start_routers(spec, cpu, stack)

    def aim(self, server: RunningServer, transport: Transport) -> Target:
        """The server as the tools see it."""
        certificates = self.certificates if transport == "TLS" else None
        return Target(server.ports[transport], server.address, certificates, server.pids)

    def run_tool(self, module: str, target: Target, options: dict[str, Any], *, share_cpus: bool = False) -> Any:
        """Run a tool on the generator's CPU; what it printed. The options are its own, by name.

        Raises:
            ServerError: it failed. subprocess.TimeoutExpired: it took too long.
        """
        words: list[object] = [*list_target_options(target)]
        for name, value in options.items():
            words += [f"--{name.replace('_', '-')}", value]
        command = [sys.executable, "-m", module, *map(str, words)]
        deadline = sum(options.get(name, 0) for name in ("seconds", "warmup_seconds", "hold_seconds"))
        deadline += _SPARE_SECONDS + options.get("connections", 0) / 50
        with pinned_to(self.cpus[1] if self.cpus and not share_cpus else None):
            process = subprocess.Popen(command, cwd=Path(__file__).parents[1], stdout=subprocess.PIPE, process_group=0)
        with process:
            try:
                output, _ = process.communicate(timeout=deadline)
            except BaseException:
                process.kill()
                raise
        if process.returncode != 0:
            raise ServerError(f"{' '.join(command)} ended with exit code {process.returncode}")
        return json.loads(output)

    def _make_folder(self) -> Path:
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        return folder

    def _start_routers(self, spec: ServerSpec, cpu: int | None, stack: contextlib.ExitStack) -> RunningServer:
        """All processes of a router; the first one finds the ports that the others share with it."""
        first = stack.enter_context(self._start_router(spec, cpu, {"TCP": 0, "TLS": 0}))
        others = [
            stack.enter_context(self._start_router(spec, cpu, dict(first.ports))) for _ in range(spec.processes - 1)
        ]
        return replace(first, pids=(first.pid, *(other.pid for other in others)))

    @contextlib.contextmanager
    def _start_router(self, spec: ServerSpec, cpu: int | None, ports: dict[str, int]) -> Iterator[RunningServer]:
        folder = self._make_folder()
        directory, config = folder / "directory.toml", folder / "router.toml"
        write_site(directory, spec.transport, spec.users)
        text = _SETTINGS.format(
            tcp_port=ports["TCP"],
            tls_port=ports["TLS"],
            reuse_port=json.dumps(spec.processes > 1),
            certificates=self.certificates,
            directory=directory,
            calls=json.dumps(spec.call_log),
        )
        log_file = folder / "calls.jsonl" if spec.call_log else None
        if log_file is not None:
            text += f'file = "{log_file}"\nformat = "json"\n'
        config.write_text(text, encoding="utf-8")
        with run_router(config, cpu=cpu, log_file=log_file, form=_FORMS[spec.kind]) as server:
            yield server
        if log_file is not None:
            log_file.unlink()


def describe_cpus(rig: Rig) -> str:
    """Where servers and generators run."""
    if rig.cpus is None:
        return f"one CPU for all, of {os.cpu_count()}"
    return f"servers on CPU {rig.cpus[0]}, generators on CPU {rig.cpus[1]}, unless a row says that they share both"
