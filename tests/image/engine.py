"""The image and containers of it, run by buildah as a container engine would run them, but in this machine's network.

`buildah run` takes user, environment, folder and volume from the image; entry point, command and health check are read
from it here. A container is one process, which is signalled by its own id.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_SECONDS = 30.0
BETWEEN_SECONDS = 0.02


def listen_at(host: str) -> dict[str, str]:
    """The settings of a container that shares this machine's network: everything at an address of its own."""
    return {
        "CALLROUTER_ROUTER__BIND_ADDRESS": host,
        "CALLROUTER_MAILBOX__BIND_ADDRESS": host,
        "CALLROUTER_ADMIN__BIND_ADDRESS": host,
    }


@dataclass(frozen=True, slots=True)
class Start:
    """What everything that runs in one container has in common.

    options: of `buildah run`. prefix: what the command line is put behind, such as `ip netns exec`.
    """

    name: str
    environment: Mapping[str, str]
    options: Sequence[str] = ()
    prefix: Sequence[str] = ()


class Printing:
    """A container's process, and what it has printed."""

    def __init__(self, process: subprocess.Popen[bytes], output: Path) -> None:
        self._process = process
        self._output = output

    @property
    def printed(self) -> str:
        return self._output.read_text("utf-8", "replace")

    def wait_for(self, text: str) -> None:
        """Wait until it has printed this."""
        until = time.monotonic() + PATIENCE_SECONDS
        while text not in self.printed:
            assert time.monotonic() < until, self.printed
            assert self._process.poll() is None, self.printed
            time.sleep(BETWEEN_SECONDS)

    def wait(self) -> int:
        """The exit code."""
        return self._process.wait(PATIENCE_SECONDS)


class Container(Printing):
    """One container while it runs, and what it has printed."""

    def __init__(self, engine: "Engine", start: Start, process: subprocess.Popen[bytes], output: Path) -> None:
        super().__init__(process, output)
        self._engine = engine
        self._start = start

    @property
    def events(self) -> list[dict[str, Any]]:
        """What it has logged; the last line may still be on its way."""
        return [json.loads(line) for line in self.printed.splitlines() if line[:1] == "{" and line[-1:] == "}"]

    def execute(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run another command in it with the same environment, as `docker exec` does."""
        return subprocess.run(
            self._engine.line_to_run(self._start, words),
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def wait_until_healthy(self) -> None:
        """Ask its own health command until it says yes."""
        command = self._engine.config["Healthcheck"]["Test"]
        assert command[0] == "CMD"
        until = time.monotonic() + PATIENCE_SECONDS
        while True:
            answer = self.execute(*command[1:])
            if answer.returncode == 0:
                return
            assert time.monotonic() < until, f"{answer.stdout}\n{self.printed}"
            assert self._process.poll() is None, self.printed

    def terminate(self) -> None:
        """Send the image's own signal to the process that an engine would send it to."""
        os.kill(self._find_process(), signal.Signals[self._engine.config["StopSignal"]])

    def end(self) -> None:
        """End it, whatever it does."""
        if self._process.poll() is None:
            for pid in (self._find_process(), self._process.pid):
                os.kill(pid, signal.SIGKILL)
            self._process.wait(PATIENCE_SECONDS)

    def _find_process(self) -> int:
        """buildah starts helpers that start helpers: the last of the line is what was asked for."""
        pid = self._process.pid
        while children := _list_children(pid):
            pid = children[0]
        return pid


def _list_children(pid: int) -> list[int]:
    """Those that any thread of a process has started."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text("ascii").split()]


class Engine:
    """buildah, with a storage of its own."""

    def __init__(self, storage: Path, image: str, base: str) -> None:
        self._line = ["buildah", "--root", str(storage / "storage"), "--runroot", str(storage / "run")]
        self.image = image
        self.base = base
        inspected = json.loads(self.call("inspect", "--type", "image", image))
        self.config: dict[str, Any] = inspected["Docker"]["config"]
        self.size = self._read_size(image) - self._read_size(base)

    def call(self, *words: str) -> str:
        """Run buildah; what it prints."""
        ended = subprocess.run([*self._line, *words], capture_output=True, text=True, timeout=120, check=False)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    def line_to_run(self, start: Start, words: Sequence[str]) -> list[str]:
        """The command line that runs something in a container."""
        variables = [word for pair in start.environment.items() for word in ("--env", "=".join(pair))]
        buildah = [*self._line, "run", "--isolation", "chroot", *variables, *start.options]
        return [*start.prefix, *buildah, start.name, "--", *words]

    @contextmanager
    def start(
        self,
        output: Path,
        environment: Mapping[str, str],
        *arguments: str,
        options: Sequence[str] = (),
        prefix: Sequence[str] = (),
    ) -> Iterator[Container]:
        """As `docker run IMAGE ARGUMENTS`."""
        start = Start(self.call("from", self.image), environment, options, prefix)
        line = self.line_to_run(start, [*self.config["Entrypoint"], *(arguments or self.config["Cmd"])])
        with output.open("wb") as stream:
            process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=stream, stderr=subprocess.STDOUT)
        container = Container(self, start, process, output)
        try:
            yield container
        finally:
            container.end()
            self.call("rm", start.name)

    def remove_all(self) -> None:
        self.call("rm", "--all")

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """The files of the image."""
        name = self.call("from", self.image)
        try:
            yield Path(self.call("mount", name))
        finally:
            self.call("umount", name)
            self.call("rm", name)

    def _read_size(self, image: str) -> int:
        """Bytes of all its files."""
        name = self.call("from", image)
        try:
            root = self.call("mount", name)
            sized = subprocess.run(["du", "-sx", "--block-size=1", root], capture_output=True, text=True, check=True)
            return int(sized.stdout.split()[0])
        finally:
            self.call("umount", name)
            self.call("rm", name)
