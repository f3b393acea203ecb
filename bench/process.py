"""What the system knows of a process: its CPU time and its memory, read from /proc (Linux), and where it may run."""

import contextlib
import os
import resource
from collections.abc import Iterable
from pathlib import Path

_LARGE_BLOCK = 8 * 2**20


def settle_allocator() -> None:
    """Let blocks of some hundred kilobytes come from the heap.

    uvloop asks for 256 kB at each read from a TLS connection. glibc maps and unmaps such a block each time, until one
    that is as large was freed once: half the speed, by chance. The router has freed one before it listens.
    """
    bytes(_LARGE_BLOCK)


def own_cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, to the clock's tick (10 ms).

    Raises FileNotFoundError when the process is gone.
    """
    # The second field, the command's name in parentheses, may hold spaces (proc_pid_stat(5)).
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def list_group(*leaders: int) -> list[int]:
    """All processes of these process groups."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended meanwhile
                # State, parent and group follow the name.
                fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
                if int(fields[2]) in leaders:
                    found.append(int(folder.name))
    return found


def proportional_bytes(pids: Iterable[int]) -> int:
    """Resident memory of some processes; what they share is counted once, and what others share in part.

    Raises FileNotFoundError when one is gone.
    """
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name == "Pss":
                total += int(value.split()[0]) * 1024
    return total


def resident_bytes(pid: int) -> int:
    """Resident memory of a process. Raises FileNotFoundError when it is gone."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "VmRSS":
            return int(value.split()[0]) * 1024
    raise FileNotFoundError(f"process {pid} has no resident memory any more")


def raise_file_limit() -> int:
    """Allow this process and its children as many open files as the system lets it; gives that number."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def pick_cpus() -> tuple[int, int] | None:
    """A CPU for the server and one for the generator; None where there is only one to have."""
    cpus = sorted(os.sched_getaffinity(0))
    return (cpus[0], cpus[1]) if len(cpus) > 1 else None
