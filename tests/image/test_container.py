"""Containers of the image: what a rig sees that starts one, calls it, asks it, sets it wrong, and stops it."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.image.engine import Container, Engine, listen_at

COMMAND = (sys.executable, "-m", "callrouter")
USER = 10001
READY_SECONDS = 2.0
TRIES = 3
"""This machine is shared: the best of so many is what the image can do."""


def call(*words: str) -> subprocess.CompletedProcess[str]:
    """Place calls from this machine."""
    environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
    return subprocess.run(
        [*COMMAND, "call", *words], capture_output=True, text=True, timeout=60, check=False, env=environment
    )


def ask(host: str, path: str, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"http://{host}:8080{path}", headers=headers)


def test_container_is_ready_in_time(engine: Engine, host: str, tmp_path: Path, tell: Callable[[str], None]) -> None:
    taken = []
    for number in range(TRIES):
        with engine.start(tmp_path / f"output{number}", listen_at(host)) as container:
            started_at = time.monotonic()
            container.wait_for('"event":"mailbox server up"')
            assert ask(host, "/readyz").json()["ready"]
            taken.append(time.monotonic() - started_at)
            container.terminate()
            assert container.wait() == 0
    tell("ready after " + ", ".join(f"{seconds:.2f} s" for seconds in taken))
    assert min(taken) < READY_SECONDS


def test_container_says_where_everything_is_and_its_token_once(lab: Container, host: str) -> None:
    for line in (
        rf"router +SIP/TCP +{host} port 5060",
        rf"router +SIP/TLS +{host} port 5061",
        rf"um-service +SIP/TLS +{host} port 5063",
        rf"worker +SIP/TCP +{host} port 5065",
        r"CA +/var/lib/callrouter/certs/ca\.pem",
    ):
        assert re.search(line, lab.printed), line
    [token] = re.findall(
        r"^API token, printed once and kept in /var/lib/callrouter/admin-token: (\S+)$", lab.printed, re.MULTILINE
    )
    assert lab.printed.count(token) == 1
    assert ask(host, "/api/v1/calls").status_code == 401
    assert ask(host, "/api/v1/calls", token).status_code == 200
    assert ask(host, "/readyz").status_code == 200
    assert lab.execute("callrouter", "settings", "get").returncode == 0


def test_calls_go_through_all_three_hops_over_tcp_and_mutual_tls(lab: Container, host: str, tmp_path: Path) -> None:
    over_tcp = call(f"sip:2001@{host}:5060", "--hold", "0.1")
    assert over_tcp.returncode == 0, over_tcp.stdout
    assert over_tcp.stdout.count("302 Moved Temporarily") == 2
    # What `docker cp` would fetch.
    for name in ("ca.pem", "client.pem", "client-key.pem"):
        text = lab.execute("cat", f"/var/lib/callrouter/certs/{name}").stdout
        (tmp_path / name).write_text(text, "ascii")
    identity = ("--ca", "ca.pem", "--certificate", "client.pem", "--key", "client-key.pem")
    words = [str(tmp_path / word) if word.endswith(".pem") else word for word in identity]
    over_tls = call(f"sip:2001@{host}:5061;transport=tls", "--hold", "0.1", *words)
    assert over_tls.returncode == 0, over_tls.stdout
    assert over_tls.stdout.count("302 Moved Temporarily") == 2
    # And as `docker exec`, with the certificates that the lab has made.
    inside = lab.execute("callrouter", "call", f"sip:2001@{host}:5061;transport=tls", "--hold", "0.1")
    assert inside.returncode == 0, inside.stdout


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("CALLROUTER_ROUTER__SIP_TCP_LISTENING_PRT", "5060", "CALLROUTER_ROUTER__SIP_TCP_LISTENING_PORT"),
        ("CALLROUTER_LOG__LEVEL", "loud", "log.level"),
        ("CALLROUTER_MAILBOX__ADVERTISED_HOST", "0.0.0.0", "mailbox.advertised_host"),
        ("CALLROUTER_ADMIN__TOKEN_FILE", "/dev/null", "/dev/null: is empty (admin.token_file)"),
        ("CALLROUTER_CONFIG", "/etc/callrouter.toml", "/etc/callrouter.toml"),
    ],
)
def test_wrong_setting_ends_the_container_with_2_and_names_the_key(
    engine: Engine, host: str, tmp_path: Path, variable: str, value: str, told: str
) -> None:
    with engine.start(tmp_path / "output", {**listen_at(host), variable: value}) as container:
        assert container.wait() == 2
        assert told in container.printed
        assert "Traceback" not in container.printed


def test_certificates_that_cannot_be_read_are_named_with_the_reason(engine: Engine, host: str, tmp_path: Path) -> None:
    made = subprocess.run([*COMMAND, "certs", tmp_path / "certs"], capture_output=True, check=False)
    assert made.returncode == 0
    tmp_path.chmod(0o755)
    files = {"CERTIFICATE": "router.pem", "PRIVATE_KEY": "router-key.pem", "CA": "missing.pem"}
    own = {f"CALLROUTER_TLS__{name}_FILE": f"/certs/{file}" for name, file in files.items()}
    volume = ("--volume", f"{tmp_path / 'certs'}:/certs:ro")
    with engine.start(tmp_path / "output", {**listen_at(host), **own}, options=volume) as container:
        assert container.wait() == 2
        assert "private key file /certs/router-key.pem: cannot be read: permission denied" in container.printed
        assert "CA file /certs/missing.pem: does not exist" in container.printed


@pytest.mark.parametrize(("owner", "user"), [(USER, None), (23456, "23456:23456")], ids=["its own user", "another"])
def test_volume_that_is_mounted_keeps_what_was_made(
    engine: Engine, host: str, tmp_path: Path, owner: int, user: str | None
) -> None:
    tmp_path.chmod(0o755)
    volume = tmp_path / "kept"
    volume.mkdir()
    os.chown(volume, owner, owner)
    options = ["--volume", f"{volume}:/var/lib/callrouter", *(["--user", user] if user else [])]
    authorities = []
    for number in range(2):
        output = tmp_path / f"output{number}"
        with engine.start(output, listen_at(host), options=options) as container:
            container.wait_for("Ctrl-C stops it")
            authorities.append((volume / "certs" / "ca.pem").read_bytes())
            assert ("API token, printed once" in container.printed) is (number == 0)
            container.terminate()
            assert container.wait() == 0
    assert authorities[0] == authorities[1]


def test_volume_that_cannot_be_written_is_named(engine: Engine, host: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "kept").mkdir()
    volume = ("--volume", f"{tmp_path / 'kept'}:/var/lib/callrouter")
    with engine.start(tmp_path / "output", listen_at(host), options=volume) as container:
        assert container.wait() == 2
        assert "callrouter: /var/lib/callrouter/certs: Permission denied" in container.printed


def test_router_alone_starts_with_settings_of_its_own(engine: Engine, host: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "router.toml"
    file.write_text(
        '[router]\num_startup_mode = "TCP"\n[[directory.gateways]]\nname = "here"\naddress = "127.0.0.0/8"\n'
        '[[directory.servers]]\nname = "MBX1"\nfqdn = "mbx1.example.test"\n',
        "utf-8",
    )
    volume = ("--volume", f"{file}:/etc/callrouter/router.toml:ro")
    environment = {**listen_at(host), "CALLROUTER_CONFIG": "/etc/callrouter/router.toml"}
    with engine.start(tmp_path / "output", environment, "serve", options=volume) as container:
        container.wait_for('"event":"listening"')
        container.wait_until_healthy()
        assert "API token, printed once" in container.printed
        container.terminate()
        assert container.wait() == 0
