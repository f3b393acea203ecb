"""Which sockets a process has: what /proc says, which is what the process itself cannot hide (Linux)."""

from dataclasses import dataclass
from pathlib import Path

_LISTEN = "0A"


@dataclass(frozen=True)
class SocketRow:
    """One row of /proc/net: the local port, the port at the other end (0 where there is none), and the state."""

    local_port: int
    remote_port: int
    is_listening: bool


def read_sockets(pid: int, table: str) -> list[SocketRow]:
    """The sockets that a process owns in one of the tables tcp, tcp6, udp, udp6."""
    owned = {link.readlink().name for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    rows = []
    for line in Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]:
        # proc_net(5): slot, local address, remote address, state, queues, timers, retransmits, uid, timeout, inode
        fields = line.split()
        if f"socket:[{fields[9]}]" in owned:
            rows.append(SocketRow(_port(fields[1]), _port(fields[2]), fields[3] == _LISTEN))
    return rows


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
