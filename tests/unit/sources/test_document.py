from ipaddress import IPv4Network, IPv6Network
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.directory.model import (
    AutoAttendantStatus,
    ComponentState,
    Directory,
    GatewayIPAddressFamily,
    GatewayStatus,
    MailboxDatabase,
    MailboxServer,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
    UriType,
    VoipSecurity,
)
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory


def build(port_offset: int = 0, **lists: Any) -> Directory:
    return build_directory(DirectoryDocument.model_validate(lists), port_offset=port_offset)


def test_build_directory_empty_document_is_the_empty_directory() -> None:
    assert build() == Directory()


def test_build_directory_keeps_every_value_in_order() -> None:
    directory = build(
        gateways=[
            {"name": "one", "address": "10.0.0.1"},
            {"name": "net", "address": "fc00::/7", "status": "NoNewCalls"},
            {"name": "sbc", "address": "SBC.example.com.", "status": "Disabled"},
        ],
        servers=[
            {"name": "here"},
            {
                "name": "mbx1",
                "fqdn": "MBX1.example.com",
                "address": "2001:DB8::1",
                "tcp_port": 6000,
                "tls_port": 6001,
                "weight": 2,
                "state": "Draining",
            },
        ],
    )
    assert directory == Directory(
        gateways=(
            UMIPGateway("one", network=IPv4Network("10.0.0.1/32")),
            UMIPGateway("net", network=IPv6Network("fc00::/7"), status=GatewayStatus.NO_NEW_CALLS),
            UMIPGateway("sbc", fqdn="sbc.example.com", status=GatewayStatus.DISABLED),
        ),
        servers=(
            MailboxServer("here"),
            MailboxServer("mbx1", "mbx1.example.com", "2001:db8::1", 6000, 6001, 2.0, ComponentState.DRAINING),
        ),
    )


def test_build_directory_keeps_every_new_value_of_gateways_and_servers() -> None:
    directory = build(
        gateways=[
            {"name": "a", "address": "a.test", "port": 0, "ip_address_family": "IPv6Only", "outcalls_allowed": False}
        ],
        servers=[{"name": "m", "version": "15.01", "site": "Redmond"}],
    )
    (gateway,) = directory.gateways
    assert (gateway.port, gateway.outcalls_allowed) == (0, False)
    assert gateway.ip_address_family is GatewayIPAddressFamily.IPV6_ONLY
    assert directory.servers == (MailboxServer("m", version="15.01", site="Redmond"),)


def test_build_directory_keeps_every_value_of_the_numbering() -> None:
    directory = build(
        gateways=[{"name": "gw", "address": "gw.test"}],
        servers=[{"name": "m1"}, {"name": "m2"}],
        dial_plans=[
            {"name": "plain"},
            {
                "name": "Sales",
                "uri_type": "SipName",
                "voip_security": "Secured",
                "number_of_digits_in_extension": 3,
                "access_telephone_numbers": ["+1 (425) 555-0100", "x.400"],
                "pilot_identifier_list": ["+1-425-555-0100"],
                "equivalent_dial_plan_phone_contexts": ["plain", "elsewhere.test"],
                "max_call_duration": 5,
            },
        ],
        hunt_groups=[{"name": "h", "um_dial_plan": "Sales", "um_ip_gateway": "gw", "pilot_identifier": "50-00"}],
        auto_attendants=[
            {"name": "off", "um_dial_plan": "plain"},
            {"name": "on", "um_dial_plan": "Sales", "pilot_identifier_list": ["menu", "m@x.test"], "status": "Enabled"},
        ],
        users=[
            {"name": "u", "um_dial_plan": "plain", "extensions": ["12345"]},
            {"name": "v", "um_dial_plan": "Sales", "sip_resource_identifier": "v@x.test", "database": "DB"},
        ],
        databases=[{"name": "DB", "active": "m1", "passive": ["m2"]}],
    )
    assert directory.dial_plans == (
        UMDialPlan("plain"),
        UMDialPlan(
            "Sales",
            UriType.SIPNAME,
            VoipSecurity.SECURED,
            3,
            ("+14255550100", "x.400"),
            ("+14255550100",),
            ("plain", "elsewhere.test"),
            5,
        ),
    )
    assert directory.hunt_groups == (UMHuntGroup("h", "Sales", "gw", "5000"),)
    assert directory.auto_attendants == (
        UMAutoAttendant("off", "plain"),
        UMAutoAttendant("on", "Sales", ("menu", "m@x.test"), AutoAttendantStatus.ENABLED),
    )
    assert directory.users == (UMMailbox("u", "plain", ("12345",)), UMMailbox("v", "Sales", (), "v@x.test", "DB"))
    assert directory.databases == (MailboxDatabase("DB", "m1", ("m2",)),)


def test_build_directory_writes_references_as_the_names_that_they_refer_to() -> None:
    directory = build(
        gateways=[{"name": "Gw", "address": "::1"}, {"name": "gw2", "address": "::2", "um_dial_plan": "SALES"}],
        servers=[{"name": "Mbx"}],
        dial_plans=[{"name": "Sales"}],
        hunt_groups=[{"name": "h", "um_dial_plan": "sales", "um_ip_gateway": "GW"}],
        auto_attendants=[{"name": "a", "um_dial_plan": "sALES"}],
        users=[{"name": "u", "um_dial_plan": "salEs", "extensions": ["12345"], "database": "DB"}],
        databases=[{"name": "db", "active": "mbx", "passive": []}],
    )
    assert [group.um_dial_plan for group in directory.hunt_groups] == ["Sales", "Sales"]
    assert directory.hunt_groups[0].um_ip_gateway == "Gw"
    assert directory.auto_attendants[0].um_dial_plan == "Sales"
    assert (directory.users[0].um_dial_plan, directory.users[0].database) == ("Sales", "db")
    assert directory.databases[0].active == "Mbx"


def test_build_directory_gateway_with_dial_plan_gets_a_default_hunt_group() -> None:
    directory = build(
        gateways=[{"name": "gw", "address": "::1", "um_dial_plan": "Sales"}],
        dial_plans=[{"name": "Sales"}],
        hunt_groups=[{"name": "h", "um_dial_plan": "Sales", "um_ip_gateway": "gw", "pilot_identifier": "1"}],
    )
    assert directory.hunt_groups == (
        UMHuntGroup("h", "Sales", "gw", "1"),
        UMHuntGroup("Default of gw", "Sales", "gw"),
    )


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        ("dial_plans", {"uri_type": "telextn"}),
        ("dial_plans", {"voip_security": "TLS"}),
        ("dial_plans", {"number_of_digits_in_extension": 0}),
        ("dial_plans", {"number_of_digits_in_extension": 21}),
        ("dial_plans", {"number_of_digits_in_extension": True}),
        ("dial_plans", {"access_telephone_numbers": ["1" * 33]}),
        ("dial_plans", {"access_telephone_numbers": ["1\n2"]}),
        ("dial_plans", {"pilot_identifier_list": ["4255550100"]}),
        ("dial_plans", {"pilot_identifier_list": "+14255550100"}),
        ("dial_plans", {"equivalent_dial_plan_phone_contexts": [""]}),
        ("dial_plans", {"max_call_duration": 0}),
        ("dial_plans", {"max_call_duration": 1441}),
        ("dial_plans", {"max_call_duration": True}),
        ("hunt_groups", {"um_dial_plan": "p"}),
        ("hunt_groups", {"um_ip_gateway": "g"}),
        ("hunt_groups", {"um_dial_plan": "p", "um_ip_gateway": "g", "pilot_identifier": "1\r"}),
        ("auto_attendants", {}),
        ("auto_attendants", {"um_dial_plan": "p", "status": "On"}),
        ("auto_attendants", {"um_dial_plan": "p", "pilot_identifier_list": [""]}),
        ("users", {}),
        ("users", {"um_dial_plan": "p", "extensions": [12345]}),
        ("users", {"um_dial_plan": "p", "sip_resource_identifier": "sip:u@x.test"}),
        ("users", {"um_dial_plan": "p", "password": "x"}),
        ("databases", {}),
        ("databases", {"active": ""}),
    ],
)
def test_entry_of_the_numbering_that_is_wrong_is_refused(table: str, entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DirectoryDocument.model_validate({table: [{"name": "a"} | entry]})


@pytest.mark.parametrize("table", DirectoryDocument.model_fields)
def test_name_that_is_empty_or_too_long_is_refused_in_every_table(table: str) -> None:
    for name in ("", "x" * 65):
        with pytest.raises(ValidationError) as caught:
            DirectoryDocument.model_validate({table: [{"name": name}]})
        assert (table, 0, "name") in {error["loc"] for error in caught.value.errors()}


def test_build_directory_with_port_offset_moves_both_ports() -> None:
    (server,) = build(1000, servers=[{"name": "a"}]).servers
    assert (server.tcp_port, server.tls_port) == (6062, 6063)


def test_build_directory_reports_all_problems_at_once() -> None:
    with pytest.raises(DirectoryError) as caught:
        build(
            10_000,
            gateways=[
                {"name": "a", "address": "10.0.0.1"},
                {"name": "A", "address": "::ffff:10.0.0.1"},
                {"name": "b", "address": "sbc.example.com"},
                {"name": "c", "address": "SBC.example.com"},
            ],
            servers=[{"name": "m"}, {"name": "m", "tcp_port": 60_000}],
        )
    assert caught.value.problems == (
        "gateways[1].name: the name 'A' is already used by gateways[0]",
        "gateways[1].address: 10.0.0.1/32 is already the address of gateways[0] (event 1175: duplicate peer address)",
        (
            "gateways[3].address: sbc.example.com is already the address of gateways[2] "
            "(event 1175: duplicate peer address)"
        ),
        "servers[1].name: the name 'm' is already used by servers[0]",
        "servers[1].tcp_port: 60000 with the port offset 10000 is 70000, not within 1..65535",
    )
    assert str(caught.value).splitlines() == list(caught.value.problems)


def test_build_directory_with_port_moved_below_one_is_refused() -> None:
    with pytest.raises(DirectoryError, match=r"servers\[0\]\.tcp_port: 5 with the port offset -5 is 0"):
        build(-5, servers=[{"name": "a", "tcp_port": 5}])


def test_build_directory_nested_networks_and_many_gateways_are_allowed() -> None:
    gateways = [{"name": f"g{index}", "address": f"10.0.{index // 256}.{index % 256}"} for index in range(300)]
    gateways.append({"name": "all", "address": "10.0.0.0/8"})
    assert len(build(gateways=gateways).gateways) == 301


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "a\r\nb", "address": "::1"},
        {"name": "a", "address": "sbc.example.com\n"},
        {"name": "a", "address": "\x0010.0.0.1"},
        {"name": "", "address": "::1"},
        {"name": "a"},
        {"name": "a", "address": "*.example.com"},
        {"name": "a", "address": "10.1.0.0/8"},
        {"name": "a", "address": "::1", "status": "enabled"},
        {"name": "a", "address": "::1", "port": 65_536},
        {"name": "a", "address": "::1", "port": -1},
        {"name": "a", "address": "::1", "ip_address_family": "IPv4"},
        {"name": "a" * 65, "address": "::1"},
        {"name": "a", "address": "::1", "colour": "red"},
    ],
)
def test_gateway_entry_that_is_wrong_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DirectoryDocument.model_validate({"gateways": [entry]})


@pytest.mark.parametrize(
    "entry",
    [
        {"fqdn": "10.0.0.1"},
        {"fqdn": "a\rb"},
        {"address": "10.0.0.0/8"},
        {"address": "mbx.example.com"},
        {"address": "0.0.0.0"},
        {"tcp_port": 0},
        {"tls_port": 65_536},
        {"tcp_port": True},
        {"weight": 0},
        {"weight": float("nan")},
        {"state": "Down"},
        {"version": "15\r\n"},
        {"site": "x" * 65},
    ],
)
def test_server_entry_that_is_wrong_is_refused(entry: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DirectoryDocument.model_validate({"servers": [{"name": "a"} | entry]})


@given(
    gateways=st.lists(st.tuples(st.text(max_size=3), st.ip_addresses() | st.text(max_size=6)), max_size=4),
    servers=st.lists(st.tuples(st.text(max_size=3), st.integers(), st.text(max_size=6)), max_size=4),
    port_offset=st.integers(-70_000, 70_000),
)
def test_build_directory_of_anything_is_consistent_or_a_documented_error(
    gateways: list[tuple[str, object]], servers: list[tuple[str, int, str]], port_offset: int
) -> None:
    lists = {
        "gateways": [{"name": name, "address": str(address)} for name, address in gateways],
        "servers": [{"name": name, "tcp_port": port, "fqdn": fqdn} for name, port, fqdn in servers],
    }
    try:
        directory = build(port_offset, **lists)
    except (ValidationError, DirectoryError):
        return
    assert len({(gateway.network, gateway.fqdn) for gateway in directory.gateways}) == len(gateways)
    assert all(1 <= server.tcp_port <= 65_535 and 1 <= server.tls_port <= 65_535 for server in directory.servers)
    assert all((gateway.network is None) == bool(gateway.fqdn) for gateway in directory.gateways)
