"""Which host the Contacts of this machine's own servers carry."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.directory.model import Directory, MailboxServer, UMIPGateway
from callrouter.settings.advertised import (
    advertise_mailbox,
    advertise_servers,
    find_advertised_host,
    is_on_this_host,
    name_own_endpoints,
)
from callrouter.settings.freeze import freeze_snapshot
from callrouter.settings.model import Settings

HOSTS = st.sampled_from(["", "um.example.test", "192.0.2.7", "2001:db8::7"])
SERVERS = st.builds(
    MailboxServer,
    name=st.sampled_from(["MBX1", "MBX2", "MBX3"]),
    fqdn=st.sampled_from(["", "mbx1.example.test"]),
    address=st.sampled_from(["", "192.0.2.1"]),
)
HERE = MailboxServer(name="MBX1")
ELSEWHERE = MailboxServer(name="MBX2", fqdn="mbx2.example.test")


def build_settings(external: str = "", advertised: str = "", own: str = "") -> Settings:
    groups: dict[str, dict[str, Any]] = {
        "router": {"external_host_fqdn": external},
        "mailbox": {"advertised_host": advertised, "servers": [{"name": "mbx1", "advertised_host": own}]},
    }
    return Settings.model_validate(groups)


@given(st.lists(SERVERS).map(tuple), HOSTS, HOSTS)
def test_advertised_directory_differs_only_where_a_server_has_no_host(
    servers: tuple[MailboxServer, ...], advertised: str, own: str
) -> None:
    before = Directory(servers=servers, gateways=(UMIPGateway("g"),))
    after = advertise_servers(before, build_settings(advertised=advertised, own=own))
    assert after.gateways == before.gateways
    for old, new in zip(before.servers, after.servers, strict=True):
        host = (own if old.name == "MBX1" else "") or advertised
        if is_on_this_host(old) and host:
            assert new.fqdn + new.address == host
            assert bool(new.address) is (host[0] != "u")
        else:
            assert new is old


@pytest.mark.parametrize(
    ("external", "advertised", "own", "host"),
    [
        ("", "", "", ""),
        ("lb.example.test", "", "", "lb.example.test"),
        ("lb.example.test", "um.example.test", "", "um.example.test"),
        ("lb.example.test", "um.example.test", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_advertised_host_is_the_nearest_that_is_set(external: str, advertised: str, own: str, host: str) -> None:
    settings = build_settings(external, advertised, own)
    assert find_advertised_host(settings, "MBX1") == host
    assert advertise_servers(Directory(servers=(HERE, ELSEWHERE)), settings).servers[1] is ELSEWHERE


def test_directory_without_anything_to_advertise_is_the_same_object() -> None:
    directory = Directory(servers=(HERE, ELSEWHERE))
    assert advertise_servers(directory, Settings()) is directory


def test_mailbox_settings_have_the_external_name_only_where_they_have_none_of_their_own() -> None:
    assert advertise_mailbox(build_settings("lb.example.test")).advertised_host == "lb.example.test"
    assert advertise_mailbox(build_settings("lb.example.test", "um.example.test")).advertised_host == "um.example.test"
    settings = build_settings()
    assert advertise_mailbox(settings) is settings.mailbox


def test_own_ports_count_under_the_advertised_host_of_servers_that_are_here() -> None:
    own = frozenset({("0.0.0.0", 5060)})
    settings = build_settings(advertised="um.example.test")
    assert name_own_endpoints(own, Directory(servers=(HERE,)), settings) == own | {("um.example.test", 5060)}
    assert name_own_endpoints(own, Directory(servers=(ELSEWHERE,)), settings) == own
    assert name_own_endpoints(own, Directory(servers=(HERE,)), Settings()) == own


def test_snapshot_has_the_advertised_host_wherever_servers_are_looked_up() -> None:
    settings = build_settings(advertised="um.example.test")
    snapshot = freeze_snapshot(settings, Directory(servers=(HERE, ELSEWHERE)), frozenset({("127.0.0.1", 5060)}))
    assert [each.server.fqdn for each in snapshot.pool.members] == ["um.example.test", "mbx2.example.test"]
    assert snapshot.pool.by_name["MBX1"].server == snapshot.lookup.directory.servers[0]
    assert ("um.example.test", 5060) in snapshot.own_endpoints
