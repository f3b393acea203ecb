"""Where the admin port of a running router is, by the settings that it was started with; for commands that ask it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from callrouter.cli.admin_token import UnusableToken, read_token
from callrouter.cli.options import fail, load_or_exit
from callrouter.settings.lab import lab_toml

_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
"""Who listens at all addresses is asked at this host's own."""


@dataclass(frozen=True, slots=True)
class AdminPort:
    """A base URL without a final slash, and the token that is asked for there, or "", or the file that holds it."""

    url: str
    token: str
    token_file: Path | None = None

    def find_token(self) -> str:
        """The token, from its file where there is one; ends the command where that cannot be read."""
        if self.token or self.token_file is None:
            return self.token
        try:
            return read_token(self.token_file)
        except UnusableToken as error:
            fail([str(error)])


def find_admin_port(config: Path | None, overrides: Sequence[str] | None) -> AdminPort:
    """Read the settings as the lab does, or end the command: what a router needs beside need not be there to ask it."""
    admin = load_or_exit(config, overrides, embedded=lab_toml()).admin
    address = _LOOPBACK.get(admin.bind_address, admin.bind_address)
    host = f"[{address}]" if ":" in address else address
    return AdminPort(f"http://{host}:{admin.port}", admin.token, admin.token_file)
