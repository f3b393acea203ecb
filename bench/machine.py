"""On what the figures were made: machine, versions, form of the router. What names the machine itself is left out."""

import os
import platform
import re
import ssl
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.kamailio import read_version
from callrouter import session


@dataclass(frozen=True, slots=True)
class Machine:
    """What a reader needs to judge a figure."""

    processor: str
    cpus: int
    system: str
    python: str
    uvloop: str
    openssl: str
    kamailio: str
    router: str
    """Its form and its commit; a scenario that was measured earlier has its own."""


def describe_machine() -> Machine:
    """This one."""
    return Machine(
        processor=_read_processor(),
        cpus=os.cpu_count() or 1,
        system=f"{platform.system()} {'.'.join(re.findall(r'[0-9]+', platform.release())[:2])} ({platform.machine()})",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        uvloop=version("uvloop"),
        openssl=ssl.OPENSSL_VERSION,
        kamailio=read_version() or "none",
        router=describe_router(),
    )


def is_compiled() -> bool:
    """Whether the router's pure layers are; it finds them where this process does."""
    return not str(session.__file__).endswith(".py")


def describe_router() -> str:
    """Its form and its commit."""
    return f"{'compiled' if is_compiled() else 'interpreted'}, {_read_commit()}"


def _read_processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _read_commit() -> str:
    """The last one that changed the router itself, and whether it was changed since."""
    commit = _ask_git("log", "-1", "--format=%h", "--", "src")
    return (
        f"{commit}{', changed' if _ask_git('status', '--porcelain', '--', 'src') else ''}"
        if commit
        else "no repository"
    )


def _ask_git(*words: str) -> str:
    command = ["git", "-C", str(Path(__file__).parents[1]), *words]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
