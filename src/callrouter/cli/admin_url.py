"""Where the admin port of a running router is, by the settings that it was started with; for commands that ask it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callrouter.cli.options import load_or_exit
from callrouter.settings.lab import lab_toml

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Who listens at all addresses is asked at this host's own."""


@dataclass(frozen=True, slots=True)
class AdminPort:
    """A base URL without a final slash, and the token that is asked for there, or ""."""

    url: str
    token: str


def find_admin_port(config: Path | None, overrides: Sequence[str] | None) -> AdminPort:
    """Read the settings as the lab does, or end the command: what a router needs beside need not be there to ask it."""
    admin = load_or_exit(config, overrides, embedded=lab_toml()).admin
    address = _LOOPBACK.get(admin.bind_address, admin.bind_address)
    host = f"[{address}]" if ":" in address else address
    return AdminPort(f"http://{host}:{admin.port}", admin.token)
