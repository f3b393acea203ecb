from pathlib import Path
from typing import Any

import pytest

from callrouter.settings.model import Settings
from callrouter.settings.rules import Conflict, find_conflicts
from callrouter.sources.document import DirectoryDocument
from callrouter.sources.problem import format_key


def find(tls_files_required: bool = False, **groups: Any) -> list[Conflict]:
    return find_conflicts(Settings.model_validate(groups), tls_files_required=tls_files_required)


def find_keys(**groups: Any) -> list[str]:
    return [format_key(conflict.path) for conflict in find(**groups)]


@pytest.mark.parametrize(
    ("address", "family", "expected"),
    [
        ("127.0.0.1", "IPv6Only", ["router.bind_address"]),
        ("::1", "IPv4Only", ["router.bind_address"]),
        ("::1", "IPv6Only", []),
        ("127.0.0.1", "Any", []),
        ("", "IPv6Only", []),
    ],
)
def test_address_of_another_family_is_a_conflict(address: str, family: str, expected: list[str]) -> None:
    assert find_keys(router={"bind_address": address, "ip_address_family": family}) == expected


@pytest.mark.parametrize(
    ("mode", "port", "expected"),
    [("Dual", 5060, ["router.sip_tls_listening_port"]), ("TCP", 5060, []), ("Dual", 0, [])],
)
def test_one_port_for_both_listeners_is_a_conflict(mode: str, port: int, expected: list[str]) -> None:
    router = {"um_startup_mode": mode, "sip_tcp_listening_port": port, "sip_tls_listening_port": port}
    assert find_keys(router=router) == expected


@pytest.mark.parametrize(
    ("inline", "entry"),
    [
        ("gateways", {"name": "a", "address": "::1"}),
        ("servers", {"name": "a"}),
        ("dial_plans", {"name": "a"}),
        ("hunt_groups", {"name": "a", "um_dial_plan": "d", "um_ip_gateway": "g"}),
        ("auto_attendants", {"name": "a", "um_dial_plan": "d"}),
        ("users", {"name": "a", "um_dial_plan": "d", "extensions": ["10001"]}),
        ("databases", {"name": "a", "active": "m"}),
    ],
)
def test_directory_file_with_inline_list_is_a_conflict(inline: str, entry: dict[str, str]) -> None:
    conflict = find(directory={"file": "x.toml", inline: [entry]})[0]
    assert format_key(conflict.path) == f"directory.{inline}"
    assert conflict.message == "cannot be given together with directory.file"


def test_every_list_of_the_directory_takes_part_in_its_conflicts() -> None:
    (conflict,) = find(directory={"servers": [{"name": "a"}, {"name": "a"}]})
    lists = {f"directory.{name}" for name in DirectoryDocument.model_fields}
    assert conflict.keys[0] == "directory.servers"
    assert set(conflict.keys) == lists | {"mailbox.port_offset"}


@pytest.mark.parametrize("address", ["192.0.2.1", "0.0.0.0", "::", ""])
def test_admin_port_that_others_can_reach_without_a_token_is_a_conflict_that_names_both(address: str) -> None:
    (conflict,) = find(admin={"bind_address": address})
    assert {"admin.bind_address", "admin.token"} <= {format_key(conflict.path), *conflict.keys}
    assert "admin.token or admin.token_file must be set" in conflict.message


@pytest.mark.parametrize(
    "admin",
    [
        {"bind_address": "127.0.0.1"},
        {"bind_address": "127.9.9.9"},
        {"bind_address": "::1"},
        {"bind_address": "0.0.0.0", "token": "s3cret"},
        {"bind_address": "0.0.0.0", "token_file": "token"},
        {"bind_address": "0.0.0.0", "enabled": False},
    ],
)
def test_admin_port_on_loopback_or_with_a_token_or_closed_is_none(admin: dict[str, Any]) -> None:
    assert find(admin=admin) == []


def test_diagnostics_text_without_an_id_is_a_conflict() -> None:
    reasons = {"no-such-number": {"ms_diagnostics_text": "x"}, "draining": {"ms_diagnostics_id": 1}}
    (conflict,) = find(redirect={"reasons": reasons})
    assert format_key(conflict.path) == "redirect.reasons.no-such-number.ms_diagnostics_text"


def test_inline_directory_that_cannot_be_built_is_a_conflict_for_each_problem() -> None:
    servers = [{"name": "a", "tcp_port": 60_000}, {"name": "a"}]
    assert find_keys(directory={"servers": servers}, mailbox={"port_offset": 6000}) == [
        "directory.servers[1].name",
        "directory.servers[0].tcp_port",
    ]


@pytest.mark.parametrize("mode", ["TLS", "Dual"])
def test_tls_files_missing_is_a_conflict_that_names_them(mode: str) -> None:
    (conflict,) = find(True, router={"um_startup_mode": mode}, tls={"certificate_file": "a.pem"})
    assert format_key(conflict.path) == "tls.private_key_file"
    assert conflict.message == (
        f"router.um_startup_mode is {mode} and needs tls.certificate_file, tls.private_key_file, tls.ca_file; "
        'not set: tls.private_key_file, tls.ca_file (without TLS: router.um_startup_mode = "TCP")'
    )


def test_tls_files_missing_is_none_where_they_are_not_needed() -> None:
    pair = {"certificate_file": Path("a.pem"), "private_key_file": Path("b.pem")}
    assert find(True, router={"um_startup_mode": "TCP"}) == []
    assert find(True, tls={**pair, "require_client_certificate": False}) == []
    assert find(True, tls={**pair, "ca_file": Path("c.pem")}) == []
    assert find(False) == []


def test_every_conflict_names_its_own_key_among_those_that_take_part() -> None:
    conflicts = find(
        True,
        router={
            "bind_address": "::1",
            "ip_address_family": "IPv4Only",
            "sip_tcp_listening_port": 1,
            "sip_tls_listening_port": 1,
        },
        directory={"file": "x.toml", "servers": [{"name": "a"}, {"name": "a"}]},
    )
    assert len(conflicts) == 5
    assert all(format_key(conflict.path[:2]) in conflict.keys for conflict in conflicts)


# --- emulated Mailbox servers


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (5000, 5000, []),
        (5000, 5001, []),
        (4999, 5000, []),
        (5001, 5001, ["mailbox.rtp_port_max"]),
        (5002, 5000, ["mailbox.rtp_port_max"]),
        (65535, 65535, ["mailbox.rtp_port_max"]),
    ],
)
def test_rtp_range_without_an_even_port_is_a_conflict(low: int, high: int, expected: list[str]) -> None:
    assert find_keys(mailbox={"rtp_port_min": low, "rtp_port_max": high}) == expected


def test_name_of_two_emulated_servers_is_a_conflict_whatever_its_case() -> None:
    servers = [{"name": "MBX1"}, {"name": "mbx1", "port_offset": 100}]
    (conflict,) = find(mailbox={"servers": servers})
    assert format_key(conflict.path) == "mailbox.servers[1].name"
    assert conflict.message == "'mbx1' is the name of another server, too"


def test_port_of_two_emulated_servers_is_a_conflict_for_each() -> None:
    conflicts = find(mailbox={"servers": [{"name": "MBX1"}, {"name": "MBX2"}], "um_startup_mode": "TCP"})
    assert [(format_key(conflict.path), conflict.message) for conflict in conflicts] == [
        ("mailbox.servers[1]", f"port {port} is taken twice, here and by MBX1") for port in (5062, 5065, 5067)
    ]


@pytest.mark.parametrize(
    ("offset", "taken"),
    # 5062 to 5068 without 5064; moved by one or two the servers meet, as a UM service and a worker do.
    [(0, 6), (1, 4), (2, 3), (3, 3), (6, 1), (7, 0), (100, 0)],
)
def test_servers_at_one_address_need_ports_of_their_own(offset: int, taken: int) -> None:
    conflicts = find(mailbox={"servers": [{"name": "MBX1"}, {"name": "MBX2", "port_offset": offset}]})
    assert len(conflicts) == taken


@pytest.mark.parametrize(
    ("first", "second", "is_taken"),
    [
        ("127.0.0.1", "127.0.0.2", False),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "", True),
        ("", "::1", True),
        ("127.0.0.1", "0.0.0.0", True),
        ("0.0.0.0", "::", False),
        ("::", "::1", True),
        ("::1", "0.0.0.0", False),
        ("::1", "127.0.0.1", False),
    ],
)
def test_port_is_taken_twice_where_the_addresses_overlap(first: str, second: str, is_taken: bool) -> None:
    # The first is that of all servers, and so of those that say none.
    servers = [{"name": "MBX1"}, {"name": "MBX2", "bind_address": second}]
    conflicts = find(mailbox={"servers": servers, "bind_address": first, "um_startup_mode": "TLS"})
    assert len(conflicts) == (3 if is_taken else 0)


@pytest.mark.parametrize("name", ["worker_ports", "worker_dual_tls_ports"])
def test_worker_whose_two_ports_are_one_is_a_conflict(name: str) -> None:
    (conflict,) = find(mailbox={name: [7000, 7000]})
    assert format_key(conflict.path) == "mailbox.worker_ports"
    assert conflict.message == "port 7000 is taken twice, here and by the server"


def test_worker_on_the_port_of_its_um_service_is_a_conflict() -> None:
    (conflict,) = find(mailbox={"worker_ports": [5062, 5067], "servers": [{"name": "MBX1"}]})
    assert conflict.message == "port 5062 is taken twice, here and by MBX1"


def test_port_that_two_offsets_move_beyond_the_last_is_a_conflict() -> None:
    servers = [{"name": "MBX1", "port_offset": 60_000}]
    conflicts = find(mailbox={"servers": servers, "port_offset": 472, "um_startup_mode": "TCP"})
    assert [conflict.message for conflict in conflicts] == ["port 65537 is above 65535", "port 65539 is above 65535"]


def test_conflict_of_emulated_servers_names_all_that_says_which_ports_are_opened_where() -> None:
    (conflict, *_) = find(mailbox={"servers": [{"name": "MBX1"}, {"name": "MBX1"}], "rtp_port_min": 1025})
    assert set(conflict.keys) == {
        f"mailbox.{name}"
        for name in (
            "servers",
            "port_offset",
            "bind_address",
            "um_startup_mode",
            "worker_ports",
            "worker_dual_tls_ports",
        )
    }
