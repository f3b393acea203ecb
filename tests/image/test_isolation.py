"""A container behind a bridge, with a read-only root: what its Contacts carry, what it says of that, who may ask it."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.image.engine import Engine
from tests.image.isolation import Network, Setup, open_network, start_isolated

COMMAND = (sys.executable, "-m", "callrouter", "call")
NAME = "lab"


@pytest.fixture
def network() -> Iterator[Network]:
    with open_network(NAME) as made:
        yield made


def call(network: Network) -> dict[str, Any]:
    """Place a call from this machine, which is at the other end of the bridge."""
    uri = f"sip:2001@{network.addresses[NAME]}:5060"
    words = [*COMMAND, uri, "--hold", "0.1", "--bind", network.outside, "--json"]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


def test_container_behind_a_bridge_warns_of_its_contacts_and_takes_calls(
    engine: Engine, network: Network, tmp_path: Path
) -> None:
    base = f"http://{network.addresses[NAME]}:8080"
    with start_isolated(engine, tmp_path, network, NAME) as container:
        container.wait_for('"event":"problem"')
        readiness = httpx.get(f"{base}/readyz").json()
        assert readiness["ready"]
        [problem] = readiness["problems"]
        assert problem.startswith(f"Contacts carry {network.addresses[NAME]}, ")
        assert "CALLROUTER_MAILBOX__ADVERTISED_HOST" in problem
        [warning] = re.findall(r'^{.*"event":"problem".*}$', container.printed, re.MULTILINE)
        assert (json.loads(warning)["level"], json.loads(warning)["problem"]) == ("warning", problem)
        # At all addresses, and so behind a token.
        [token] = re.findall(r"^API token, .*: (\S+)$", container.printed, re.MULTILINE)
        assert httpx.get(f"{base}/api/v1/calls").status_code == 401
        assert httpx.get(f"{base}/api/v1/calls", headers={"Authorization": f"Bearer {token}"}).status_code == 200
        # The host of a container reaches it at that address; others would not.
        assert call(network)["outcome"] == "answered"
        assert container.stop() == 0


def test_container_with_an_advertised_host_has_it_in_its_contacts_and_no_problems(
    engine: Engine, network: Network, tmp_path: Path
) -> None:
    setup = Setup({"CALLROUTER_MAILBOX__ADVERTISED_HOST": network.outside})
    with start_isolated(engine, tmp_path, network, NAME, setup) as container:
        container.wait_for("Ctrl-C stops it")
        assert httpx.get(f"http://{network.addresses[NAME]}:8080/readyz").json()["problems"] == []
        # Nothing is published there, so that the redirect leads where nobody listens.
        assert call(network)["outcome"] == "unreachable"
        assert f'"contact":"sip:2001@{network.outside}:5062;transport=Tcp"' in container.printed
        assert container.stop() == 0
