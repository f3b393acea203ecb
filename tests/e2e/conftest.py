"""Settings and certificates for the commands."""

import os
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.certificates.authority import write_lab_certificates

SETTINGS = """\
[router]
bind_address = "127.0.0.1"
sip_tcp_listening_port = 0
sip_tls_listening_port = 0

[tls]
certificate_file = "certs/router.pem"
private_key_file = "certs/router-key.pem"
ca_file = "certs/ca.pem"

[[directory.gateways]]
name = "loopback"
address = "127.0.0.0/8"

[[directory.gateways]]
name = "loopback6"
address = "::1"

[[directory.gateways]]
name = "client"
address = "client.callrouter.test"

[[directory.servers]]
name = "mbx1"
fqdn = "mbx1.example.test"

[admin]
port = 0
"""


@pytest.fixture(scope="session")
def pristine_certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's certificates for localhost; not to be changed."""
    directory = tmp_path_factory.mktemp("e2e") / "certs"
    write_lab_certificates(directory, hosts=["localhost"], now=datetime.now(UTC))
    return directory


@pytest.fixture
def home(tmp_path: Path, pristine_certificates: Path) -> Path:
    """A directory with `router.toml` and `certs`, both the test's own."""
    shutil.copytree(pristine_certificates, tmp_path / "certs")
    (tmp_path / "router.toml").write_text(SETTINGS, "utf-8")
    return tmp_path


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
