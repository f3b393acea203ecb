"""A router as users run it: `callrouter serve` in a process of its own, on loopback ports, with lab certificates.

How it tells its ports is known to `bench.server.read_router_ports` alone. It ends by SIGTERM and has to end well.
"""

import os
import shutil
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bench.server import run_router
from bench.tls import build_client_context
from callrouter.certificates.authority import write_lab_certificates

_SETTINGS = """\
[router]
bind_address = "127.0.0.1"
sip_tcp_listening_port = 0
sip_tls_listening_port = 0

[tls]
certificate_file = "{certificates}/router.pem"
private_key_file = "{certificates}/router-key.pem"
ca_file = "{certificates}/ca.pem"

[[directory.gateways]]
name = "loopback"
address = "127.0.0.0/8"

[[directory.gateways]]
name = "client"
address = "client.callrouter.test"

[[directory.servers]]
name = "mbx1"
fqdn = "mbx1.example.test"

[admin]
port = 0

[log]
calls = false
"""


@dataclass(frozen=True)
class Router:
    """A running router on 127.0.0.1, and what a gateway that it knows needs to reach it."""

    tcp_port: int
    tls_port: int
    certificates: Path

    def build_context(self) -> ssl.SSLContext:
        """The gateway's side of mutual TLS."""
        return build_client_context(self.certificates)


@pytest.fixture(scope="session")
def router(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    directory = tmp_path_factory.mktemp("router")
    certificates = directory / "certs"
    write_lab_certificates(certificates, hosts=["localhost"], now=datetime.now(UTC))
    settings = directory / "router.toml"
    settings.write_text(_SETTINGS.format(certificates=certificates), encoding="utf-8")
    # Leaving the block sends SIGTERM and raises ServerError unless the exit code is 0.
    with run_router(settings) as server:
        yield Router(server.ports["TCP"], server.ports["TLS"], certificates)


@pytest.fixture(scope="session")
def find_tool() -> Callable[[str], str]:
    """Where a foreign program is; without it the test fails in CI, where it has to be, and is skipped elsewhere."""

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            if os.environ.get("CI"):
                pytest.fail(f"{name} is not installed")
            pytest.skip(f"{name} is not installed")
        return path

    return find
