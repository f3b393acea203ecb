"""The host that Contacts of all three hops carry, by the setting that says it, at the start and while it runs."""

import re
from pathlib import Path

import httpx
import pytest

from tests.e2e.command import start_command
from tests.e2e.test_lab import ADDRESS, OWN_PLACE
from tests.hardening.rig import build_invite, connect

PORTS = (5060, 5062, 5065)


async def read_hosts() -> list[str]:
    """What the Contact of each hop carries."""
    hosts = []
    for port in PORTS:
        async with connect(port, host=ADDRESS) as caller:
            answer = await caller.exchange(build_invite(f"to-{port}"))
            while b"\r\nContact: " not in answer:
                answer = await caller.read_answer()
            [host] = re.findall(rb"\r\nContact: <sip:(?:4000@)?([^:]+):\d+;", answer)
            hosts.append(host.decode())
    return hosts


@pytest.mark.parametrize(
    ("overrides", "host"),
    [
        ((), ADDRESS),
        (("mailbox.advertised_host=um.example.test",), "um.example.test"),
        (("router.external_host_fqdn=lb.example.test",), "lb.example.test"),
        (
            ("router.external_host_fqdn=lb.example.test", "mailbox.advertised_host=192.0.2.7"),
            "192.0.2.7",
        ),
        (
            ('mailbox.servers=[{name = "lab-mailbox", advertised_host = "own.example.test"}]',),
            "own.example.test",
        ),
    ],
    ids=["none", "mailbox", "router", "both", "own"],
)
async def test_contact_of_every_hop_carries_the_host_that_is_set(
    tmp_path: Path, overrides: tuple[str, ...], host: str
) -> None:
    words = [word for each in overrides for word in ("--set", each)]
    async with start_command("lab", *OWN_PLACE, *words, cwd=tmp_path) as lab:
        await lab.read_until("Ctrl-C stops it")
        assert await read_hosts() == [host] * len(PORTS)
        await lab.stop()


async def test_external_name_that_is_set_while_it_runs_is_in_every_contact_from_then_on(tmp_path: Path) -> None:
    async with start_command("lab", *OWN_PLACE, cwd=tmp_path) as lab:
        await lab.read_until("Ctrl-C stops it")
        [base] = re.findall(r"(http://127\.0\.0\.1:\d+)/docs", lab.printed)
        async with httpx.AsyncClient(base_url=base) as client:
            change = {"ExternalHostFqdn": "lb.example.test"}
            assert (await client.patch("/api/v1/router/settings", json=change)).is_success
            assert await read_hosts() == ["lb.example.test"] * len(PORTS)
            # The certificates were made before, for other names.
            problems = (await client.get("/readyz")).json()["problems"]
        assert [each for each in problems if "mailbox.pem does not name lb.example.test" in each]
        await lab.stop()
