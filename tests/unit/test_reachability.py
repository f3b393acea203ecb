"""Where a container's own address would be in Contacts, and what is said of it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callrouter.certificates.inspect import CertificateFacts
from callrouter.directory.model import Directory, MailboxServer
from callrouter.preparation import Role
from callrouter.reachability import find_bridge_address, find_misnamed, find_unreachable
from callrouter.settings.model import Settings

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00001FAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
{default}"""
DEFAULT_ROUTE = "eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
BRIDGE = "172.31.0.5"
HERE = Directory(servers=(MailboxServer(name="lab-mailbox"),))
ELSEWHERE = Directory(servers=(MailboxServer(name="MBX1", fqdn="mbx1.example.test"),))
BOTH = Role.ROUTER | Role.MAILBOX


def build_system(
    root: Path, *, ends: tuple[int, int] = (2, 17), uevent: str = "INTERFACE=eth0\n", default: str = DEFAULT_ROUTE
) -> Path:
    """The files of a container with one interface. ends: its index, and that of its other end."""
    interface = root / "sys" / "class" / "net" / "eth0"
    interface.mkdir(parents=True)
    for name, text in (("ifindex", f"{ends[0]}\n"), ("iflink", f"{ends[1]}\n"), ("uevent", uevent)):
        (interface / name).write_text(text, "ascii")
    (root / "proc" / "net").mkdir(parents=True)
    (root / "proc" / "net" / "route").write_text(ROUTES.format(default=default), "ascii")
    return root


def find(root: Path, environ: dict[str, str] | None = None, address: str = BRIDGE) -> str:
    return find_bridge_address({"container": "oci"} if environ is None else environ, root, lambda: address)


@pytest.mark.parametrize("environ", [{"container": "docker"}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}])
def test_address_of_an_interface_whose_other_end_is_outside_is_the_bridges(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    assert find(build_system(tmp_path), environ) == BRIDGE


@pytest.mark.parametrize("mark", [".dockerenv", "run/.containerenv"])
def test_container_is_known_by_what_its_engine_leaves(tmp_path: Path, mark: str) -> None:
    root = build_system(tmp_path)
    assert find(root, {}) == ""
    (root / "run").mkdir()
    (root / mark).touch()
    assert find(root, {}) == BRIDGE


def test_container_that_is_a_machine_of_its_own_has_no_bridge_address(tmp_path: Path) -> None:
    assert find(build_system(tmp_path), {"container": "lxc"}) == ""


@pytest.mark.parametrize(
    "changes",
    [
        {"ends": (2, 2)},
        {"uevent": "INTERFACE=eth0\nDEVTYPE=macvlan\n"},
        {"ends": (2, 3), "uevent": "INTERFACE=eth0.7\nDEVTYPE=vlan\n"},
        {"default": ""},
    ],
    ids=["the host's own", "macvlan", "vlan", "no way out"],
)
def test_address_that_others_know_is_no_bridge_address(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert find(build_system(tmp_path, **changes)) == ""


@pytest.mark.parametrize("address", ["172.17.0.2", "10.88.0.9", "10.0.2.100"])
def test_address_of_an_engines_default_network_is_known_whatever_the_interface_is(tmp_path: Path, address: str) -> None:
    assert find(build_system(tmp_path, ends=(2, 2)), address=address) == address


def test_system_without_the_files_that_are_looked_at_has_no_bridge_address(tmp_path: Path) -> None:
    assert find(tmp_path) == ""
    root = build_system(tmp_path / "without-interface")
    for file in (root / "sys" / "class" / "net" / "eth0").iterdir():
        file.unlink()
    assert find(root) == ""
    assert find(root, address="") == ""


def test_address_on_the_way_to_others_is_asked_for_without_sending_anything(tmp_path: Path) -> None:
    # On this machine, whatever it is: it either has one, or says so.
    found = find_bridge_address({"container": "oci"}, build_system(tmp_path))
    assert found == "" or found.count(".") == 3


@pytest.mark.parametrize(
    ("groups", "directory", "roles"),
    [
        ({}, HERE, BOTH),
        ({}, HERE, Role.ROUTER),
        ({}, ELSEWHERE, Role.MAILBOX),
        ({"router": {"bind_address": "0.0.0.0"}}, HERE, Role.ROUTER),
        ({"router": {"bind_address": BRIDGE}}, HERE, Role.ROUTER),
        ({"mailbox": {"servers": [{"name": "a", "advertised_host": "a.test"}, {"name": "b"}]}}, ELSEWHERE, BOTH),
    ],
)
def test_contact_with_the_bridge_address_is_told_with_the_setting_to_use(
    groups: dict[str, Any], directory: Directory, roles: Role
) -> None:
    [sentence] = find_unreachable(Settings.model_validate(groups), directory, roles, BRIDGE)
    assert sentence == (
        "Contacts carry 172.31.0.5, an address of this container's network, where callers elsewhere cannot go: set"
        " mailbox.advertised_host (CALLROUTER_MAILBOX__ADVERTISED_HOST) to a name or address at which they reach"
        " this host"
    )


@pytest.mark.parametrize(
    ("groups", "directory", "roles"),
    [
        ({}, ELSEWHERE, Role.ROUTER),
        ({"mailbox": {"advertised_host": "um.example.test"}}, HERE, BOTH),
        ({"router": {"external_host_fqdn": "um.example.test"}}, HERE, BOTH),
        ({"router": {"bind_address": "127.0.0.1"}, "mailbox": {"bind_address": "127.0.0.1"}}, HERE, BOTH),
        ({"mailbox": {"servers": [{"name": "lab-mailbox", "advertised_host": "um.example.test"}]}}, HERE, BOTH),
        ({"mailbox": {"servers": [{"name": "a", "bind_address": "192.0.2.1"}]}}, ELSEWHERE, BOTH),
    ],
)
def test_contact_that_carries_something_else_is_not_told(
    groups: dict[str, Any], directory: Directory, roles: Role
) -> None:
    assert find_unreachable(Settings.model_validate(groups), directory, roles, BRIDGE) == ()


def test_outside_a_container_nothing_is_told() -> None:
    assert find_unreachable(Settings(), HERE, BOTH, "") == ()


def describe_certificate(*names: str) -> tuple[str, CertificateFacts]:
    now = datetime.now(UTC)
    return "mailbox.pem", CertificateFacts("CN=m", "m", names, ("192.0.2.7",), now, now, "CN=ca", "")


def advertise(host: str, mode: str = "Dual") -> Settings:
    mailbox = {"advertised_host": host, "um_startup_mode": mode, "certificate_file": "mailbox.pem"}
    return Settings.model_validate({"mailbox": mailbox})


def test_certificate_that_does_not_name_what_contacts_carry_is_told() -> None:
    [sentence] = find_misnamed(advertise("um.example.test"), [describe_certificate("localhost")], BOTH)
    assert sentence == (
        "mailbox.pem does not name um.example.test, which Contacts carry: over TLS, callers that check the name"
        " refuse it"
    )


@pytest.mark.parametrize(
    ("settings", "names", "roles"),
    [
        (advertise("um.example.test"), ("um.example.test",), BOTH),
        (advertise("um.example.test"), ("*.example.test",), BOTH),
        (advertise("um.example.test"), ("UM.Example.Test",), BOTH),
        (advertise("192.0.2.7"), ("localhost",), BOTH),
        (advertise(""), ("localhost",), BOTH),
        (advertise("um.example.test", "TCP"), ("localhost",), BOTH),
        (advertise("um.example.test"), ("localhost",), Role.ROUTER),
    ],
)
def test_certificate_that_names_it_or_is_not_asked_for_is_not_told(
    settings: Settings, names: tuple[str, ...], roles: Role
) -> None:
    assert find_misnamed(settings, [describe_certificate(*names)], roles) == ()


def test_certificate_of_somebody_else_is_not_told() -> None:
    settings = advertise("um.example.test")
    other = ("router.pem", describe_certificate("localhost")[1])
    assert find_misnamed(settings, [other], BOTH) == ()
