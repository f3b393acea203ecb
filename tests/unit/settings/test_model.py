from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from callrouter.pool.health import HealthPolicy, Probing
from callrouter.pool.selection import Selection
from callrouter.settings.keys import list_groups
from callrouter.settings.model import AdminSettings, Settings
from callrouter.sources.document import DirectoryDocument

TEXT_KEYS = [
    ("router", "bind_address"),
    ("router", "external_host_fqdn"),
    ("router", "um_startup_mode"),
    ("tls", "certificate_file"),
    ("tls", "private_key_file"),
    ("tls", "ca_file"),
    ("directory", "file"),
    ("mailbox", "bind_address"),
    ("mailbox", "advertised_host"),
    ("mailbox", "certificate_file"),
    ("mailbox", "private_key_file"),
    ("redirect", "server_header"),
    ("admin", "bind_address"),
    ("admin", "token"),
    ("admin", "token_file"),
    ("log", "file"),
]


def test_settings_built_bare_has_the_documented_defaults() -> None:
    settings = Settings()
    assert (settings.router.sip_tcp_listening_port, settings.router.sip_tls_listening_port) == (5060, 5061)
    assert settings.router.um_startup_mode == "Dual"
    assert settings.tls.certificate_file is None
    assert settings.limits.transaction_seconds == 32.0
    assert (settings.admin.bind_address, settings.admin.port) == ("127.0.0.1", 8080)


def test_settings_every_key_is_described_and_ends_as_a_sentence() -> None:
    for group, model in list_groups().items():
        for name, field in model.model_fields.items():
            assert field.description, f"{group}.{name}"
            assert field.description.endswith("."), f"{group}.{name}"


def test_settings_every_default_passes_its_own_checks() -> None:
    for model in list_groups().values():
        defaults = {name: field.default for name, field in model.model_fields.items()}
        assert model.model_validate(defaults) == model()


@pytest.mark.parametrize("hidden", ["\r", "\n", "\0", "\x7f", "\u2028"])
@pytest.mark.parametrize(("group", "key"), TEXT_KEYS)
def test_settings_text_with_control_character_is_refused(group: str, key: str, hidden: str) -> None:
    with pytest.raises(ValidationError, match="control characters"):
        Settings.model_validate({group: {key: f"a{hidden}b"}})


def test_settings_text_keys_of_the_control_character_test_are_all_there_are() -> None:
    texts = {
        (group, name)
        for group, model in list_groups().items()
        for name, field in model.model_fields.items()
        if field.annotation in (str, str | None, Path | None)
    }
    assert texts <= set(TEXT_KEYS)


@pytest.mark.parametrize(
    ("group", "key", "value"),
    [
        ("router", "sip_tcp_listening_port", -1),
        ("router", "sip_tls_listening_port", 65_536),
        ("router", "sip_tcp_listening_port", True),
        ("router", "bind_address", "localhost"),
        ("router", "bind_address", "[::1]"),
        ("router", "um_startup_mode", "UDP"),
        ("router", "dial_plans", ["a\nb"]),
        ("tls", "minimum_version", "1.1"),
        ("mailbox", "port_offset", -1),
        ("mailbox", "port_offset", 60_468),
        ("redirect", "delay_seconds", 30.1),
        ("redirect", "delay_seconds", float("nan")),
        ("redirect", "retry_after_seconds", 0),
        ("limits", "idle_seconds", 0),
        ("limits", "max_connections", 0),
        ("journal", "max_calls", 1_000_001),
        ("pool", "selection", "random"),
        ("pool", "probing", "yes"),
        ("pool", "probing", True),
        ("pool", "probe_interval_seconds", 0.04),
        ("pool", "probe_interval_seconds", 3601),
        ("pool", "probe_timeout_seconds", 0),
        ("pool", "probe_timeout_seconds", 61),
        ("pool", "probe_jitter", -0.1),
        ("pool", "probe_jitter", 1.1),
        ("pool", "down_after", 0),
        ("pool", "down_after", 1001),
        ("pool", "up_after", 0),
        ("pool", "up_after", 1001),
        ("directory", "resolve_seconds", 0.5),
        ("directory", "resolve_seconds", 86_401),
        ("admin", "token", "two words"),
        ("admin", "token", "x" * 257),
    ],
)
def test_settings_value_out_of_bounds_is_refused(group: str, key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        Settings.model_validate({group: {key: value}})


def test_settings_empty_path_is_unset() -> None:
    assert Settings.model_validate({"log": {"file": ""}}).log.file is None


def test_settings_bind_address_is_canonical() -> None:
    assert Settings.model_validate({"router": {"bind_address": "0:0::1"}}).router.bind_address == "::1"


def test_directory_document_holds_the_inline_lists() -> None:
    settings = Settings.model_validate({"directory": {"gateways": [{"name": "a", "address": "::1"}]}})
    assert [entry.name for entry in settings.directory.document.gateways] == ["a"]
    assert settings.directory.document.servers == ()


def test_directory_settings_have_every_list_of_the_document() -> None:
    settings = Settings()
    assert settings.directory.document == DirectoryDocument()
    assert set(type(settings.directory).model_fields) - set(DirectoryDocument.model_fields) == {
        "file",
        "resolve_seconds",
    }
    assert settings.directory.resolve_seconds == 600.0


@pytest.mark.parametrize("selection", Selection)
def test_pool_selection_takes_every_selection_of_the_pool(selection: Selection) -> None:
    assert Settings.model_validate({"pool": {"selection": selection.value}}).pool.selection is selection


@pytest.mark.parametrize("probing", Probing)
def test_pool_probing_takes_every_mode_of_the_health(probing: Probing) -> None:
    assert Settings.model_validate({"pool": {"probing": probing.value}}).pool.probing is probing


def test_pool_probes_nobody_by_default_and_has_the_thresholds_of_the_health() -> None:
    pool = Settings().pool
    assert pool.probing is Probing.OFF
    assert (pool.probe_interval_seconds, pool.probe_timeout_seconds, pool.probe_jitter) == (5.0, 2.0, 0.1)
    assert (pool.down_after, pool.up_after) == (3, 2) == (HealthPolicy().down_after, HealthPolicy().up_after)


def test_admin_token_is_not_shown_where_settings_are() -> None:
    text = "dG9rZW4="
    admin = AdminSettings(token=text)
    assert admin.token == text
    assert text not in repr(admin)


@pytest.mark.parametrize(
    ("address", "is_on_loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("", False), ("0.0.0.0", False), ("192.0.2.1", False)],
)
def test_admin_port_at_all_addresses_is_not_on_loopback(address: str, is_on_loopback: bool) -> None:
    assert AdminSettings(bind_address=address).is_on_loopback is is_on_loopback
