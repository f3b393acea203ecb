"""The compose files, started as `docker compose up` would: each service in its network, with its volume and command."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.image.engine import BETWEEN_SECONDS, PATIENCE_SECONDS, Engine
from tests.image.isolation import USER, IsolatedContainer, Network, Setup, open_network, start_isolated

FOLDER = Path(__file__).parents[2] / "docker"
OURS = "callrouter"
SIPP_CALLS = 12


def read_services(name: str) -> dict[str, Any]:
    """Its services, each after those that it depends on."""
    services: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text("utf-8"))["services"]
    ordered: dict[str, Any] = {}
    while len(ordered) < len(services):
        ordered.update(
            (each, service)
            for each, service in services.items()
            if ordered.keys() >= service.get("depends_on", {}).keys()
        )
    return ordered


def set_up(service: Mapping[str, Any], volume: Path) -> Setup:
    """What a service says, with its named volume in a folder of this machine."""
    places = [each.split(":") for each in service["volumes"]]
    files = {(FOLDER / source).resolve(): target for source, target, *_ in places if source.startswith(".")}
    return Setup(service.get("environment", {}), service.get("command", ()), volume, files)


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """A named volume: it has the owner that the image gives the folder."""
    for folder in (tmp_path.parent, tmp_path):
        folder.chmod(0o755)
    made = tmp_path / "volume"
    made.mkdir()
    os.chown(made, USER, USER)
    return made


def wait_until_healthy(network: Network, name: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            if httpx.get(f"http://{network.addresses[name]}:8080/readyz").is_success:
                return
        except httpx.ConnectError:
            time.sleep(BETWEEN_SECONDS)
        assert time.monotonic() < until, f"{name} is not healthy"


@contextmanager
def start_services(
    engine: Engine, folder: Path, network: Network, volume: Path
) -> Iterator[dict[str, IsolatedContainer]]:
    """Every service of compose.yaml that has our image."""
    with ExitStack() as stack:
        running: dict[str, IsolatedContainer] = {}
        for name in network.addresses:
            service = read_services("compose.yaml")[name]
            if service["image"] != OURS:
                continue
            container = stack.enter_context(start_isolated(engine, folder, network, name, set_up(service, volume)))
            if service["healthcheck"].get("disable"):
                assert container.wait() == 0, container.printed
            else:
                wait_until_healthy(network, name)
                running[name] = container
        yield running


def test_compose_file_runs_a_router_and_two_servers_that_sipp_calls(
    engine: Engine, volume: Path, tmp_path: Path
) -> None:
    services = read_services("compose.yaml")
    with open_network(*services) as network, start_services(engine, tmp_path, network, volume) as running:
        assert set(running) == {"mbx1", "mbx2", "router"}
        for name in running:
            assert httpx.get(f"http://{network.addresses[name]}:8080/readyz").json()["problems"] == []
        over_tls = Setup(arguments=("call", "sip:2001@router:5061;transport=tls", "--hold", "0.1"), volume=volume)
        with start_isolated(engine, tmp_path, network, "certificates", over_tls) as caller:
            assert caller.wait() == 0, caller.printed
            assert "and 2 redirects" in caller.printed
        call_by_sipp(network, services["sipp"], tmp_path)
        tokens = {name for name, each in running.items() if "API token, printed once" in each.printed}
        assert len(tokens) == 1  # one for all of them, in the volume
        for name in ("router", "mbx1", "mbx2"):
            assert running[name].stop() == 0
        assert {name for name in ("mbx1", "mbx2") if '"reason":"answered"' in running[name].printed} == {"mbx1", "mbx2"}


def call_by_sipp(network: Network, service: Mapping[str, Any], folder: Path) -> None:
    """Run the service's own command line, with an end, by this machine's SIPp."""
    sipp = shutil.which("sipp")
    if sipp is None:
        pytest.skip("SIPp is not installed")
    [(source, target, _)] = [each.split(":") for each in service["volumes"]]
    words = [str(FOLDER / source) if word == target else word for word in service["command"]]
    hosts = folder / "hosts"
    hosts.write_text(network.hosts("sipp"), "ascii")
    # `ip netns exec` is in a mount namespace of its own, in which names mean what they mean in that network.
    named = ["sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"', str(hosts)]
    line = [*network.enter("sipp"), *named, sipp, *words, "-m", str(SIPP_CALLS)]
    ended = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:]


def test_compose_file_for_ci_runs_a_lab_and_what_tests_it(engine: Engine, volume: Path, tmp_path: Path) -> None:
    services = read_services("compose.ci.yaml")
    token = services["callrouter"]["environment"]["CALLROUTER_ADMIN__TOKEN"]
    with open_network(*services) as network:
        lab = start_isolated(engine, tmp_path, network, "callrouter", set_up(services["callrouter"], volume))
        with lab as container:
            wait_until_healthy(network, "callrouter")
            base = f"http://{network.addresses['callrouter']}:8080"
            assert httpx.get(f"{base}/readyz").json()["problems"] == []
            headers = {"Authorization": f"Bearer {token}"}
            assert httpx.get(f"{base}/api/v1/calls", headers=headers).status_code == 200
            assert "printed once" not in container.printed
            tests = set_up(services["tests"], volume)
            # The volume is at another place there, read-only.
            [(_, place, _)] = [each.split(":") for each in services["tests"]["volumes"]]
            tests = Setup(tests.environment, tests.arguments, files={volume: place})
            with start_isolated(engine, tmp_path, network, "tests", tests) as caller:
                assert caller.wait() == 0, caller.printed
                assert '"outcome": "answered"' in caller.printed
            assert container.stop() == 0
