import socket

import pytest

from callrouter.mailbox.config import WorkerConfig, freeze_worker, list_servers
from callrouter.settings.mailbox import EmulatedServer, MailboxSettings

SERVER = EmulatedServer(name="MBX1")


def test_worker_config_of_default_settings_is_the_default_one() -> None:
    assert freeze_worker(MailboxSettings(), SERVER) == WorkerConfig()


def test_worker_config_has_every_setting_of_how_calls_are_answered() -> None:
    settings = MailboxSettings(
        max_calls_allowed=1,
        max_call_duration_seconds=2,
        ringing_after_seconds=3,
        answer_after_seconds=4,
        detached_seconds=5,
        rtp_port_min=6000,
        rtp_port_max=7000,
        advertised_host="um.example.test",
    )
    assert freeze_worker(settings, SERVER) == WorkerConfig(1, 2, 3, 4, 5, 6000, 7000, "um.example.test")


def test_worker_config_takes_the_host_of_the_server_before_that_of_all() -> None:
    settings = MailboxSettings(advertised_host="um.example.test")
    own = EmulatedServer(name="MBX1", advertised_host="2001:db8::1")
    assert freeze_worker(settings, own).advertised_host == "2001:db8::1"


def test_servers_are_those_that_are_named() -> None:
    named = (SERVER, EmulatedServer(name="MBX2", port_offset=10))
    assert list_servers(MailboxSettings(servers=named)) == named


@pytest.mark.parametrize(
    ("host", "name"),
    [("um1.example.test", "um1"), ("um1", "um1"), ("", "mailbox"), (".test", "mailbox"), ("x" * 300, "x" * 64)],
)
def test_server_where_none_is_named_is_one_under_this_hosts_name(
    monkeypatch: pytest.MonkeyPatch, host: str, name: str
) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: host)
    assert list_servers(MailboxSettings()) == (EmulatedServer(name=name),)
