from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.firewall.rules import ADMIN_RULE_NAME, Role, Rule, RuleError, build_rules, describe_rules
from callrouter.settings.mailbox import EmulatedServer
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode
from tests.unit.firewall.samples import HEAD, RULES

# EXCHANGE-UM B 1, in its order.
DOCUMENTED = [
    "SESWorker (GFW) (TCP-In)",
    "UMCallRouter (GFW) (TCP-In)",
    "UMCallRouter (TCP-In)",
    "UMService (GFW) (TCP-In)",
    "UMService (TCP-In)",
    "UMWorkerProcess - RPC (TCP-In)",
    "UMWorkerProcess (GFW) (TCP-In)",
    "UMWorkerProcess (TCP-In)",
]
WITHOUT_PORTS = {"SESWorker (GFW) (TCP-In)", "UMWorkerProcess - RPC (TCP-In)"}

MODES = st.sampled_from(StartupMode)
PORTS = st.integers(1, 65535)
OFFSETS = st.integers(0, 1000)


def settings(**groups: dict[str, Any]) -> Settings:
    return Settings.model_validate(groups)


def ports_of(rules: tuple[Rule, ...], name: str) -> tuple[int, ...]:
    [rule] = [rule for rule in rules if rule.name == f"{name} (TCP-In)"]
    return rule.ports


def refuse(given_settings: Settings, *roles: Role) -> tuple[str, ...]:
    with pytest.raises(RuleError) as caught:
        build_rules(given_settings, roles or tuple(Role))
    assert str(caught.value) == "\n".join(caught.value.problems)
    return caught.value.problems


@given(MODES, st.lists(PORTS, min_size=2, max_size=2, unique=True), MODES, OFFSETS, st.lists(OFFSETS, max_size=3))
def test_rules_are_the_documented_ones_with_the_ports_in_force_and_no_others(
    router_mode: StartupMode, ports: list[int], mode: StartupMode, offset: int, offsets: list[int]
) -> None:
    servers = [{"name": f"mbx{number}", "port_offset": own} for number, own in enumerate(offsets)]
    chosen = settings(
        router={"um_startup_mode": router_mode, "sip_tcp_listening_port": ports[0], "sip_tls_listening_port": ports[1]},
        mailbox={"um_startup_mode": mode, "port_offset": offset, "servers": servers},
    )
    rules = build_rules(chosen)
    assert [rule.name for rule in rules] == DOCUMENTED
    assert {rule.name for rule in rules if not rule.ports} == WITHOUT_PORTS
    assert all(list(rule.ports) == sorted(set(rule.ports)) for rule in rules)
    for name in ("UMCallRouter", "UMService", "UMWorkerProcess"):
        assert ports_of(rules, name) == ports_of(rules, f"{name} (GFW)")
    open_ports = {StartupMode.TCP: {ports[0]}, StartupMode.TLS: {ports[1]}, StartupMode.DUAL: set(ports)}
    assert set(ports_of(rules, "UMCallRouter")) == open_ports[router_mode]
    everyone = chosen.mailbox.servers or (EmulatedServer(name="one"),)
    assert set(ports_of(rules, "UMService")) == {
        port for server in everyone for port in chosen.mailbox.um_service_ports(server).values()
    }
    assert set(ports_of(rules, "UMWorkerProcess")) == {
        port for server in everyone for pair in chosen.mailbox.worker_ports_of(server).values() for port in pair
    }


@given(MODES, MODES)
def test_rules_of_each_role_are_together_those_of_both(router_mode: StartupMode, mode: StartupMode) -> None:
    chosen = settings(router={"um_startup_mode": router_mode}, mailbox={"um_startup_mode": mode})
    of_router, of_mailbox = (build_rules(chosen, [role]) for role in (Role.ROUTER, Role.MAILBOX))
    assert {rule.role for rule in of_router} == {Role.ROUTER}
    assert {rule.role for rule in of_mailbox} == {Role.MAILBOX}
    assert {*of_router, *of_mailbox} == set(build_rules(chosen))


@pytest.mark.parametrize(
    ("mode", "router", "um_service", "worker"),
    [
        (StartupMode.TCP, (5060,), (5062,), (5065, 5067)),
        (StartupMode.TLS, (5061,), (5063,), (5065, 5067)),
        (StartupMode.DUAL, (5060, 5061), (5062, 5063), (5065, 5066, 5067, 5068)),
    ],
)
def test_rules_by_default_have_the_documented_ports_of_each_startup_mode(
    mode: StartupMode, router: tuple[int, ...], um_service: tuple[int, ...], worker: tuple[int, ...]
) -> None:
    rules = build_rules(settings(router={"um_startup_mode": mode}, mailbox={"um_startup_mode": mode}))
    assert ports_of(rules, "UMCallRouter") == router
    assert ports_of(rules, "UMService") == um_service
    assert ports_of(rules, "UMWorkerProcess") == worker


def test_remarks_say_what_the_ports_are_or_why_there_are_none() -> None:
    remarks = {rule.name: rule.remark for rule in build_rules(settings(router={"um_startup_mode": "TCP"}))}
    assert remarks["UMCallRouter (TCP-In)"] == "SIP over TCP 5060"
    assert remarks["UMService (GFW) (TCP-In)"] == "SIP over TCP 5062, over mutual TLS 5063"
    assert remarks["UMWorkerProcess (TCP-In)"] == "SIP over TCP 5065 5067, over mutual TLS 5066 5068"
    assert {remarks[name] for name in WITHOUT_PORTS} == {
        "left out, no port in force: nothing of it is emulated",
    }


@pytest.mark.parametrize("address", ["", "0.0.0.0", "::", "192.0.2.5", "2001:db8::5"])
def test_rule_of_the_admin_port_comes_last_where_other_machines_can_reach_it(address: str) -> None:
    chosen = settings(admin={"bind_address": address, "port": 8081, "token": "secret"})
    *others, admin = build_rules(chosen)
    assert [rule.name for rule in others] == DOCUMENTED
    assert (admin.name, admin.ports, admin.role) == (ADMIN_RULE_NAME, (8081,), Role.ROUTER)
    assert "not of the product" in admin.remark
    assert ADMIN_RULE_NAME not in {rule.name for rule in build_rules(chosen, [Role.MAILBOX])}


@pytest.mark.parametrize(
    "admin",
    [
        {"bind_address": "127.0.0.1"},
        {"bind_address": "127.0.0.9", "port": 0},
        {"bind_address": "::1"},
        {"bind_address": "192.0.2.5", "enabled": False},
    ],
)
def test_admin_port_for_this_machine_only_or_off_has_no_rule(admin: dict[str, Any]) -> None:
    assert [rule.name for rule in build_rules(settings(admin=admin))] == DOCUMENTED


def test_rule_for_any_free_port_is_refused_for_every_setting_that_says_so() -> None:
    chosen = settings(
        router={"sip_tcp_listening_port": 0, "sip_tls_listening_port": 0},
        admin={"bind_address": "", "port": 0},
    )
    assert [problem.partition(": 0 takes any free port")[0] for problem in refuse(chosen)] == [
        "router.sip_tcp_listening_port",
        "router.sip_tls_listening_port",
        "admin.port",
    ]


def test_free_port_that_is_not_opened_or_not_asked_for_is_no_matter() -> None:
    router = {"sip_tcp_listening_port": 0, "um_startup_mode": "TLS"}
    assert ports_of(build_rules(settings(router=router)), "UMCallRouter") == (5061,)
    in_force = settings(router={"sip_tcp_listening_port": 0})
    assert ports_of(build_rules(in_force, [Role.MAILBOX]), "UMService") == (5062, 5063)
    assert len(refuse(in_force, Role.ROUTER)) == 1


def test_rule_for_ports_beyond_the_last_is_refused() -> None:
    servers = [{"name": "a", "port_offset": 0}, {"name": "b", "port_offset": 1}]
    chosen = settings(mailbox={"port_offset": 60467, "servers": servers})
    assert refuse(chosen) == ("mailbox.worker_dual_tls_ports: makes port 65536, and ports are 1 to 65535",)
    chosen = settings(mailbox={"servers": [{"name": "a", "port_offset": 60467}], "port_offset": 10})
    assert refuse(chosen)[:3] == (
        "mailbox.port_offset: makes port 65539, and ports are 1 to 65535",
        "mailbox.port_offset: makes port 65540, and ports are 1 to 65535",
        "mailbox.worker_ports: makes port 65542, and ports are 1 to 65535",
    )


def test_description_names_the_roles_and_what_is_not_opened() -> None:
    assert describe_rules(RULES) == HEAD
    [first, *rest] = describe_rules([rule for rule in RULES if rule.role is Role.ROUTER])
    assert first == "Inbound rules of callrouter for the role router."
    assert rest == HEAD[1:3]
