"""The group `mailbox`: defaults of the product, its ports in each startup mode, bounds (EXCHANGE-UM A1, B 1, B 2.2)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.settings.mailbox import MAX_PORT_OFFSET, EmulatedServer, MailboxSettings
from callrouter.settings.values import StartupMode
from callrouter.wire import Transport

SERVER = EmulatedServer(name="MBX1")
TCP, TLS = Transport.TCP, Transport.TLS


def test_defaults_are_those_of_the_product() -> None:
    settings = MailboxSettings()
    assert settings.max_calls_allowed == 100
    assert settings.max_call_duration_seconds == 30 * 60
    assert (settings.rtp_port_min, settings.rtp_port_max) == (1024, 65535)
    assert settings.recycle_seconds == 7 * 24 * 3600
    assert (settings.port_offset, settings.bind_address, settings.advertised_host, settings.servers) == (0, "", "", ())


@pytest.mark.parametrize(
    ("mode", "service", "workers"),
    [
        ("TCP", {TCP: 5062}, {TCP: (5065, 5067)}),
        ("TLS", {TLS: 5063}, {TLS: (5065, 5067)}),
        ("Dual", {TCP: 5062, TLS: 5063}, {TCP: (5065, 5067), TLS: (5066, 5068)}),
    ],
)
def test_ports_are_those_of_the_startup_mode(
    mode: StartupMode, service: dict[Transport, int], workers: dict[Transport, tuple[int, int]]
) -> None:
    settings = MailboxSettings(um_startup_mode=mode)
    assert settings.um_service_ports(SERVER) == service
    assert settings.worker_ports_of(SERVER) == workers
    assert settings.transports == tuple(service)
    assert settings.ports_of(SERVER) == [*service.values(), *(port for pair in workers.values() for port in pair)]


def test_ports_can_be_moved_together_and_for_one_server() -> None:
    settings = MailboxSettings(port_offset=1000)
    moved = EmulatedServer(name="MBX2", port_offset=20)
    assert settings.um_service_ports(SERVER) == {TCP: 6062, TLS: 6063}
    assert settings.um_service_ports(moved) == {TCP: 6082, TLS: 6083}
    assert settings.worker_ports_of(moved) == {TCP: (6085, 6087), TLS: (6086, 6088)}


def test_worker_ports_can_be_others() -> None:
    # The reading of the voice architecture page: 5065 and 5066 where there is one transport (EXCHANGE-UM B 1).
    settings = MailboxSettings(um_startup_mode=StartupMode.TLS, worker_ports=(5065, 5066))
    assert settings.worker_ports_of(SERVER) == {TLS: (5065, 5066)}
    dual = MailboxSettings(worker_dual_tls_ports=(7001, 7002))
    assert dual.worker_ports_of(SERVER) == {TCP: (5065, 5067), TLS: (7001, 7002)}


@given(mode=st.sampled_from(StartupMode), offset=st.integers(0, MAX_PORT_OFFSET), more=st.integers(0, MAX_PORT_OFFSET))
def test_ports_of_a_server_are_all_different_and_as_far_moved_as_is_said(
    mode: StartupMode, offset: int, more: int
) -> None:
    settings = MailboxSettings(um_startup_mode=mode, port_offset=offset)
    ports = settings.ports_of(EmulatedServer(name="MBX1", port_offset=more))
    assert len(set(ports)) == len(ports) == (6 if mode is StartupMode.DUAL else 3)
    plain = MailboxSettings(um_startup_mode=mode).ports_of(SERVER)
    assert [port - offset - more for port in ports] == plain


def test_offset_alone_keeps_every_port_of_the_product_a_port() -> None:
    assert max(MailboxSettings(port_offset=MAX_PORT_OFFSET).ports_of(SERVER)) == 65535


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", ""),
        ("UM1.Example.Test.", "um1.example.test"),
        ("um1", "um1"),
        ("192.0.2.1", "192.0.2.1"),
        ("2001:DB8::0:1", "2001:db8::1"),
    ],
)
def test_advertised_host_is_a_name_or_an_address(written: str, read: str) -> None:
    assert MailboxSettings(advertised_host=written).advertised_host == read
    assert EmulatedServer(name="MBX1", advertised_host=written).advertised_host == read


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", "*.example.test", "a b", "um1:5062", "[::1]"]
)
def test_advertised_host_that_nobody_could_be_sent_to_is_refused(text: str) -> None:
    for model in (MailboxSettings, EmulatedServer):
        with pytest.raises(ValidationError):
            model.model_validate(
                {"name": "MBX1", "advertised_host": text} if model is EmulatedServer else {"advertised_host": text}
            )


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port_offset", -1),
        ("port_offset", MAX_PORT_OFFSET + 1),
        ("bind_address", "localhost"),
        ("um_startup_mode", "UDP"),
        ("worker_ports", [5065]),
        ("worker_ports", [5065, 5066, 5067]),
        ("worker_ports", [0, 5067]),
        ("worker_dual_tls_ports", [5066, 65536]),
        ("max_calls_allowed", -1),
        ("max_calls_allowed", 1_000_001),
        ("max_call_duration_seconds", 0),
        ("max_call_duration_seconds", 86_401),
        ("max_call_duration_seconds", float("nan")),
        ("detached_seconds", -1),
        ("detached_seconds", float("inf")),
        ("ringing_after_seconds", -0.1),
        ("ringing_after_seconds", 180.1),
        ("answer_after_seconds", 180.1),
        ("rtp_port_min", 1023),
        ("rtp_port_max", 65536),
        ("recycle_seconds", -1),
        ("recycle_seconds", 31_536_001),
        ("outcall_seconds", 0),
        ("outcall_seconds", 3601),
        ("servers", [{"name": ""}]),
        ("servers", [{"name": "x" * 65}]),
        ("servers", [{"name": "a", "bind_address": "localhost"}]),
        ("servers", [{"name": "a", "port_offset": MAX_PORT_OFFSET + 1}]),
        ("servers", [{"name": "a", "colour": "red"}]),
        ("servers", [{}]),
    ],
)
def test_value_out_of_bounds_is_refused(key: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        MailboxSettings.model_validate({key: value})


@pytest.mark.parametrize("key", ["detached_seconds", "ringing_after_seconds", "recycle_seconds", "max_calls_allowed"])
def test_what_may_be_nothing_at_all_may_be_zero(key: str) -> None:
    assert getattr(MailboxSettings.model_validate({key: 0}), key) == 0
