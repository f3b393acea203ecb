"""Rules 1 to 3a, and what the table of rules promises. Numbers are in test_redirect_numbers, targets in ..._target."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from callrouter.decision import REJECTIONS, Redirect, Reject
from callrouter.directory.model import ComponentState, MailboxServer, UMDialPlan, UriType, VoipSecurity
from callrouter.pool.model import Pool
from callrouter.pool.selection import Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, Case, Rule, decide
from callrouter.wire import Peer, PeerCertificate
from tests.unit.world import DIRECTORY, MBX1, TCP, TELEXTN, TLS, facts_of, make_snapshot, simple_world, with_plan

UNREADABLE = "<sip:399@h"
STRANGER = Peer("198.51.100.9", 1, local_address="192.0.2.1", local_port=5060)


# --- the table


def test_rules_number_and_reasons_are_those_of_the_table() -> None:
    assert [rule.number for rule in RULES] == ["1", "2", "3", "3a", "4", "5", "6", "7", "8", "9", "10-11"]
    assert [list(map(str, rule.reasons)) for rule in RULES] == [
        ["draining", "inactive", "max-calls"],
        ["unknown-gateway"],
        ["gateway-disabled", "gateway-no-new-calls"],
        ["sips-not-allowed"],
        ["no-hunt-group"],
        ["security-mismatch"],
        ["uri-type-mismatch"],
        ["bad-diversion"],
        ["user-not-enabled"],
        ["no-such-number"],
        ["redirected", "no-mailbox-server", "self-redirect"],
    ]
    reasons = [reason for rule in RULES for reason in rule.reasons]
    assert {*reasons} - {Reason.REDIRECTED} <= REJECTIONS.keys()
    assert all(rule.title and rule.evidence for rule in RULES)


@dataclass(frozen=True)
class Trouble:
    """A call and a world with every fault at once; taken away one by one, each next rule ends the matter."""

    state: ComponentState = ComponentState.INACTIVE
    peer: Peer = STRANGER
    uri: str = "sips:nobody@router.test"
    voip_security: VoipSecurity = VoipSecurity.SECURED
    uri_type: UriType = UriType.E164
    diversion: str | None = UNREADABLE
    servers: tuple[MailboxServer, ...] = ()

    def decide(self) -> Reason:
        plan = with_plan(TELEXTN, voip_security=self.voip_security, uri_type=self.uri_type)
        snapshot = make_snapshot(replace(plan, servers=self.servers), component_state=self.state)
        return decide(facts_of(self.uri, self.peer, Diversion=self.diversion), snapshot).reason


def test_decide_call_with_many_faults_ends_at_the_first_rule_in_order() -> None:
    steps = [trouble := Trouble()]
    repairs: list[dict[str, Any]] = [
        {"state": ComponentState.ACTIVE},
        {"peer": Peer("192.0.2.11", 1)},
        {"peer": Peer("192.0.2.13", 1)},
        {"uri": "sip:nobody@router.test"},
        {"peer": TCP, "uri": "sip:300@router.test"},
        {"voip_security": VoipSecurity.UNSECURED},
        {"uri_type": UriType.TELEXTN},
        {"diversion": "<sip:399@h>"},
        {"diversion": None, "uri": "sip:311@router.test"},
        {"uri": "sip:300@router.test"},
        {"servers": (MBX1,)},
    ]
    for repair in repairs:
        trouble = replace(trouble, **repair)
        steps.append(trouble)
    assert [step.decide() for step in steps] == [
        Reason.INACTIVE,
        Reason.UNKNOWN_GATEWAY,
        Reason.GATEWAY_DISABLED,
        Reason.SIPS_NOT_ALLOWED,
        Reason.NO_HUNT_GROUP,
        Reason.SECURITY_MISMATCH,
        Reason.URI_TYPE_MISMATCH,
        Reason.BAD_DIVERSION,
        Reason.USER_NOT_ENABLED,
        Reason.NO_SUCH_NUMBER,
        Reason.NO_MAILBOX_SERVER,
        Reason.REDIRECTED,
    ]


# --- rule 1


@pytest.mark.parametrize(
    ("state", "reason"), [(ComponentState.DRAINING, Reason.DRAINING), (ComponentState.INACTIVE, Reason.INACTIVE)]
)
def test_decide_router_that_is_not_active_rejects_before_anything_else(state: ComponentState, reason: Reason) -> None:
    assert decide(facts_of(peer=STRANGER), simple_world(component_state=state)) == Reject(reason)


def test_decide_server_that_is_full_rejects_before_anything_else_unless_it_is_not_active() -> None:
    world = simple_world(MBX1, is_full=True)
    assert decide(facts_of(), world) == decide(facts_of(peer=STRANGER), world) == Reject(Reason.MAX_CALLS)
    away = replace(world, component_state=ComponentState.DRAINING)
    assert decide(facts_of(), away) == Reject(Reason.DRAINING)


# --- rules 2 and 3


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        (STRANGER, Reason.UNKNOWN_GATEWAY),
        (Peer("192.0.2.11", 1), Reason.GATEWAY_DISABLED),
        (Peer("192.0.2.12", 1), Reason.GATEWAY_NO_NEW_CALLS),
        (replace(TLS, certificate=PeerCertificate(("other.test",))), Reason.UNKNOWN_GATEWAY),
        (replace(TLS, certificate=PeerCertificate((), "")), Reason.UNKNOWN_GATEWAY),
        (replace(TLS, address="192.0.2.10", certificate=PeerCertificate(("x",))), Reason.UNKNOWN_GATEWAY),
    ],
)
def test_decide_peer_that_is_no_enabled_gateway_is_rejected(peer: Peer, reason: Reason) -> None:
    assert decide(facts_of("sips:100@router.test", peer), simple_world(MBX1)) == Reject(reason)


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (TCP, "gw"),
        (TLS, "gw"),
        (replace(TLS, certificate=PeerCertificate((), "gw.test")), "gw"),
        (replace(TLS, certificate=PeerCertificate(("x.test",), "gw.test")), None),
        (replace(TLS, certificate=PeerCertificate(("*.test",))), None),
        (replace(TLS, address="192.0.2.13", certificate=None), "lonely"),
        (replace(TLS, certificate=None), None),
    ],
)
def test_known_gateway_goes_by_address_or_by_what_the_certificate_proves(peer: Peer, name: str | None) -> None:
    case = Case(facts_of(peer=peer), simple_world(), Tally())
    decision = RULES[1].apply(case)
    assert (case.gateway and case.gateway.name) == name
    assert decision == (None if name else Reject(Reason.UNKNOWN_GATEWAY))


# --- rule 3a


def test_decide_sips_in_the_clear_is_not_allowed() -> None:
    assert decide(facts_of("sips:100@router.test"), simple_world(MBX1)) == Reject(Reason.SIPS_NOT_ALLOWED)
    assert isinstance(decide(facts_of("sips:100@router.test", TLS), simple_world(MBX1)), Redirect)


# --- without dial plans


def test_rules_of_numbers_pass_every_call_where_there_is_no_dial_plan() -> None:
    facts = facts_of("sip:whoever@router.test", Diversion=UNREADABLE, From="<sip:x@h>;tag=1")
    case = Case(facts, simple_world(MBX1), Tally())
    assert [rule.apply(case) for rule in RULES[:-1]] == [None] * (len(RULES) - 1)
    assert (case.hunt_group, case.dial_plan, case.call_type.value) == (None, None, "")
    assert isinstance(decide(facts, simple_world(MBX1)), Redirect)


@pytest.mark.parametrize("rule", [RULES[2], *RULES[4:10]], ids=lambda rule: rule.number)
def test_rule_without_what_it_needs_passes(rule: Rule) -> None:
    # `decide` never asks so: a rule that is tried alone, as `explain` may, must not fail.
    case = Case(facts_of(Diversion=UNREADABLE), make_snapshot(), Tally())
    assert rule.apply(case) is None


def test_decide_hunt_group_of_a_dial_plan_that_is_gone_rejects() -> None:
    directory = replace(DIRECTORY, dial_plans=(UMDialPlan("another"),))
    assert decide(facts_of(), make_snapshot(directory)) == Reject(Reason.NO_HUNT_GROUP)


def test_decide_without_servers_rejects() -> None:
    assert decide(facts_of(), simple_world()) == Reject(Reason.NO_MAILBOX_SERVER)
    assert decide(facts_of(), replace(simple_world(MBX1), pool=Pool())) == Reject(Reason.NO_MAILBOX_SERVER)
