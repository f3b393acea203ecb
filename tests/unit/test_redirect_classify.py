"""What a call is for, by the rules before the choice of a server: for who answers it (the UM worker)."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from callrouter.decision import CallType, Decision, Redirect, Reject
from callrouter.directory.model import ComponentState
from callrouter.facts import RequestFacts
from callrouter.reason import Reason
from callrouter.redirect import RULES, Case, classify, decide
from callrouter.snapshot import RoutingSnapshot
from callrouter.testing.strategies import request_facts, snapshots
from callrouter.wire import Peer
from tests.unit.world import DIRECTORY, MBX1, TELEXTN, facts_of, make_snapshot, simple_world, with_plan

OF_TARGET = RULES[-1].reasons
"""With these only the choice of a server ends."""


def found(facts: RequestFacts, snapshot: RoutingSnapshot) -> Case:
    case = classify(facts, snapshot)
    assert isinstance(case, Case), case
    return case


@given(facts=request_facts(), snapshot=snapshots())
def test_classify_says_what_decide_says_up_to_the_choice_of_a_server(
    facts: RequestFacts, snapshot: RoutingSnapshot
) -> None:
    case, decision = classify(facts, snapshot), decide(facts, snapshot)
    if isinstance(case, Case):
        assert decision.reason in OF_TARGET
        assert not isinstance(decision, Redirect) or case.call_type is decision.call_type
    else:
        assert isinstance(case, Reject)
        assert case == decision
        assert case.reason not in OF_TARGET


@given(facts=request_facts(), snapshot=snapshots())
def test_classify_asks_for_no_server(facts: RequestFacts, snapshot: RoutingSnapshot) -> None:
    def told(result: Case | Decision) -> Any:
        if not isinstance(result, Case):
            return result
        return result.dial_plan, result.user, result.call_type

    nobody = replace(snapshot, pool=RoutingSnapshot().pool)
    assert told(classify(facts, nobody)) == told(classify(facts, snapshot))


def test_classify_notes_what_the_rules_have_found() -> None:
    case = found(facts_of(Diversion="<sip:301@h>;reason=no-answer"), make_snapshot())
    assert case.dial_plan == TELEXTN
    assert case.call_type is CallType.CALL_ANSWERING
    assert case.user is not None
    assert case.user.extensions == ("301",)
    assert case.gateway is not None
    assert case.gateway.name == "gw"


def test_classify_gives_the_dial_plan_with_its_longest_call() -> None:
    plan = found(facts_of(), make_snapshot(with_plan(TELEXTN, max_call_duration=5))).dial_plan
    assert plan is not None
    assert plan.max_call_duration == 5


def test_classify_without_dial_plans_takes_every_call_of_a_gateway() -> None:
    case = found(facts_of("sip:whoever@router.test", Diversion="<sip:["), simple_world())
    assert (case.dial_plan, case.call_type, case.hunt_group) == (None, CallType.UNSPECIFIED, None)


@pytest.mark.parametrize(
    ("facts", "changes", "reason"),
    [
        (facts_of(), {"component_state": ComponentState.INACTIVE}, Reason.INACTIVE),
        (facts_of(), {"is_full": True}, Reason.MAX_CALLS),
        (facts_of(peer=Peer("198.51.100.9", 1)), {}, Reason.UNKNOWN_GATEWAY),
        (facts_of("sips:300@router.test"), {}, Reason.SIPS_NOT_ALLOWED),
        (facts_of("sip:999@router.test"), {}, Reason.NO_HUNT_GROUP),
        (facts_of("sip:311@router.test"), {}, Reason.NO_SUCH_NUMBER),
        (facts_of(Diversion="<sip:399@h>"), {}, Reason.USER_NOT_ENABLED),
    ],
)
def test_classify_call_that_a_rule_ends_is_rejected_with_its_reason(
    facts: RequestFacts, changes: dict[str, Any], reason: Reason
) -> None:
    assert classify(facts, make_snapshot(replace(DIRECTORY, servers=(MBX1,)), **changes)) == Reject(reason)
