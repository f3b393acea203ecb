from ipaddress import ip_address
from pathlib import Path

import pytest

from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings
from callrouter.sources.document import build_directory

CONFIG = Path(__file__).parents[3] / "config"


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
