import re
from ipaddress import ip_address
from pathlib import Path

import pytest

from callrouter.decision import CallType
from callrouter.directory.model import AutoAttendantStatus
from callrouter.dispatcher import Dispatcher
from callrouter.facts import gather_caller_facts
from callrouter.pool.health import Probing
from callrouter.reason import Reason
from callrouter.settings.freeze import freeze_snapshot
from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings
from callrouter.snapshot import SnapshotCell
from callrouter.sources.document import build_directory
from callrouter.wire import Peer
from tests.unit.sip.messages import make_request

CONFIG = Path(__file__).parents[3] / "config"
COMMENTED = re.compile(r"^# (?=\[[\w.\[-]+\]+( +#.*)?$|[\w-]+ = )", re.MULTILINE)
"""What begins a line of an example that is switched off."""


def load_lab() -> Settings:
    return load_settings(None, environ={}, overrides=[], embedded=lab_toml())


def test_lab_toml_in_the_package_is_the_one_in_config() -> None:
    hint = "run: cp src/callrouter/settings/lab.toml config/lab.toml"
    assert (CONFIG / "lab.toml").read_text(encoding="utf-8") == lab_toml(), hint


def test_lab_toml_loads_and_leaves_tls_to_the_lab() -> None:
    settings = load_lab()
    assert settings.tls == Settings().tls
    assert settings.router == Settings().router
    assert settings.admin == Settings().admin


def test_lab_probes_its_server_and_notices_soon() -> None:
    pool = load_lab().pool
    assert pool.probing is Probing.ASSUME_HEALTHY
    assert pool.probe_interval_seconds == 2.0
    assert pool.model_copy(update={"probing": Probing.OFF, "probe_interval_seconds": 5.0}) == Settings().pool


def test_example_for_serve_probes_nobody_until_its_example_is_switched_on(tmp_path: Path) -> None:
    text = (CONFIG / "callrouter.toml").read_text(encoding="utf-8")
    assert load_settings(CONFIG / "callrouter.toml", environ={}, overrides=[]).pool == Settings().pool
    file = tmp_path / "callrouter.toml"
    pool = COMMENTED.sub("", text[text.index("# [pool]") : text.index("[redirect]")])
    file.write_text(pool, encoding="utf-8")
    settings = load_settings(file, environ={}, overrides=[], embedded="")
    assert settings.pool == Settings().pool.model_copy(update={"probing": Probing.ON})


@pytest.mark.parametrize(
    ("address", "known"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.9.8.7", True),
        ("172.31.0.1", True),
        ("192.168.1.1", True),
        ("169.254.1.1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("172.32.0.1", False),
        ("198.51.100.1", False),
        ("2001:db8::1", False),
    ],
)
def test_lab_directory_knows_private_addresses_only(address: str, known: bool) -> None:
    directory = build_directory(load_lab().directory.document, port_offset=0)
    assert any(g.network is not None and ip_address(address) in g.network for g in directory.gateways) is known


def test_lab_directory_has_the_lab_client_and_one_server_on_this_host() -> None:
    directory = build_directory(load_lab().directory.document, port_offset=0)
    assert [gateway.fqdn for gateway in directory.gateways if gateway.fqdn] == ["client.callrouter.test"]
    (server,) = directory.servers
    assert (server.name, server.fqdn, server.address) == ("lab-mailbox", "", "")
    assert (server.tcp_port, server.tls_port) == (5062, 5063)


def test_example_for_serve_loads_with_paths_beside_it() -> None:
    settings = load_settings(CONFIG / "callrouter.toml", environ={}, overrides=[])
    assert settings.tls.certificate_file == CONFIG / "certs" / "router.pem"
    directory = build_directory(settings.directory.document, port_offset=0)
    assert [server.fqdn for server in directory.servers] == ["mbx1.example.com", "mbx2.example.com"]
    assert [bool(gateway.fqdn) for gateway in directory.gateways] == [False, True]


def test_lab_directory_tells_no_calls_apart_until_its_example_is_switched_on() -> None:
    assert load_lab().directory.dial_plans == ()
    beginning, _, example = lab_toml().partition("# The lab has no dial plans")
    example = beginning + "#" + COMMENTED.sub("", example)
    settings = load_settings(None, environ={}, overrides=[], embedded=example)
    directory = build_directory(settings.directory.document, port_offset=0)
    (group,) = directory.hunt_groups
    assert (group.um_dial_plan, group.um_ip_gateway) == (directory.dial_plans[0].name, directory.gateways[0].name)
    assert [user.extensions for user in directory.users] == [("5001",)]
    cell = SnapshotCell(freeze_snapshot(settings, directory, frozenset()))
    diversion, caller = "<sip:5001@127.0.0.1>;reason=no-answer", "<sip:5002@127.0.0.1>;tag=f1"
    diverted = make_request("INVITE", "sip:5999@127.0.0.1", Diversion=diversion, From=caller, To="<sip:5999@127.0.0.1>")
    outcome = Dispatcher(cell).answer(diverted, gather_caller_facts(Peer("127.0.0.1", 40000)))
    assert (outcome.reason, outcome.call_type) == (Reason.REDIRECTED, CallType.CALL_ANSWERING)
    assert [attendant.status for attendant in directory.auto_attendants] == [AutoAttendantStatus.ENABLED]


def test_example_for_serve_has_examples_that_work_when_they_are_switched_on(tmp_path: Path) -> None:
    text = (CONFIG / "callrouter.toml").read_text(encoding="utf-8")
    redirect = COMMENTED.sub("", text[text.index("[redirect]") : text.index("[log]")])
    file = tmp_path / "callrouter.toml"
    file.write_text(redirect, encoding="utf-8")
    settings = load_settings(file, environ={}, overrides=[], embedded="")
    assert settings.redirect.contacts == "all"
    assert settings.redirect.extra_headers == {"X-Lab": "rack 3"}
    assert settings.redirect.effective_reasons.keys() == {"no-such-number", "no-mailbox-server"}
    assert settings.admin.token
