from dataclasses import replace

import pytest
from hypothesis import given

from callrouter.decision import Answer, Redirect, Reject
from callrouter.directory.model import ComponentState
from callrouter.dispatcher import Dispatcher
from callrouter.explain import TO_TAG, Explanation, explain, explain_request
from callrouter.facts import RequestFacts, gather_caller_facts, gather_facts
from callrouter.hypothetical import read_request
from callrouter.pool.selection import Selection, Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, decide
from callrouter.sip.limits import MessageLimits
from callrouter.sip.validate import validate
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.testing.strategies import RequestSample, peers, request_facts, requests, snapshots, tallies
from callrouter.wire import Peer
from tests.unit.explained import GW1, SNAPSHOT, STRANGER
from tests.unit.sip.messages import make_request

LIMITS = MessageLimits()


def ask(
    method: str = "INVITE", peer: Peer = GW1, snapshot: RoutingSnapshot = SNAPSHOT, **changes: str | None
) -> Explanation:
    uri = changes.pop("uri", None) or "sip:4000@router.test"
    rows = {"From": "<sip:2001@gw1.test>;tag=a", **changes}
    return explain_request(make_request(method, uri, **rows), peer, snapshot)


def outcomes(explanation: Explanation) -> list[str]:
    return [step.outcome for step in explanation.steps]


@given(request_facts(), snapshots(), tallies())
def test_explain_any_facts_decides_as_decide_does(facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally) -> None:
    explanation = explain(facts, snapshot, tally)
    assert explanation.decision == decide(facts, snapshot, tally)
    assert [step.number for step in explanation.steps] == [rule.number for rule in RULES]
    # One rule ends the matter: those before it pass, those after it are not tried.
    [end] = [place for place, step in enumerate(explanation.steps) if step.decision is not None]
    assert explanation.steps[end].decision == explanation.decision
    assert explanation.steps[end].outcome in RULES[end].reasons
    assert set(outcomes(explanation)[:end]) <= {"passed"}
    assert set(outcomes(explanation)[end + 1 :]) <= {"not tried"}
    assert all(step.looked_at and step.found for step in explanation.steps[: end + 1])


@given(requests(), peers(), snapshots())
def test_explain_request_any_request_gives_the_answer_of_a_dispatcher(
    sample: RequestSample, peer: Peer, snapshot: RoutingSnapshot
) -> None:
    request = read_request(sample.octets, LIMITS)
    explanation = explain_request(request, peer, snapshot)
    dispatcher = Dispatcher(SnapshotCell(snapshot))
    found = validate(request, LIMITS)
    if found:
        expected = dispatcher.refuse(found[0])
    else:
        expected = dispatcher.screen(request) or dispatcher.answer(request, gather_caller_facts(peer))
    assert explanation.answer is not None
    assert (explanation.answer.status, explanation.answer.reason) == (expected.status, expected.reason)
    assert explanation.answer.text.startswith(f"SIP/2.0 {expected.status} ")


def test_explain_redirect_has_the_answer_that_would_be_sent() -> None:
    facts = gather_facts(make_request(uri="sip:4000@router.test", From="<sip:1@gw1.test>"), gather_caller_facts(GW1))
    explanation = explain(facts, SNAPSHOT)
    assert isinstance(explanation.decision, Redirect)
    assert not explanation.is_refused
    assert explanation.answer is not None
    assert (explanation.answer.status, explanation.answer.phrase) == (302, "Moved Temporarily")
    assert explanation.answer.headers == ("Contact: <sip:4000@mbx1.test:5062;transport=Tcp>",)
    assert (explanation.answer.text, explanation.answer.lines) == ("", ())


def test_explain_rejection_tells_which_rule_ended_the_matter() -> None:
    explanation = ask(peer=STRANGER)
    assert outcomes(explanation) == ["passed", "unknown-gateway", *["not tried"] * 9]
    assert explanation.decision == Reject(Reason.UNKNOWN_GATEWAY)
    assert explanation.is_refused
    assert (explanation.steps[2].is_tried, explanation.steps[2].looked_at, explanation.steps[2].found) == (
        False,
        "",
        "",
    )
    assert explanation.answer is not None
    assert explanation.answer.headers == ('Warning: 399 callrouter "unknown-gateway: The peer is not a UM IP gateway"',)


def test_explain_by_a_tally_goes_on_where_a_router_is() -> None:
    round_robin = replace(SNAPSHOT, selection=Selection.ROUND_ROBIN)
    facts = gather_facts(make_request(uri="sip:4000@router.test", From="<sip:1@gw1.test>"), gather_caller_facts(GW1))
    servers = [explain(facts, round_robin, Tally(ordinal)).decision for ordinal in range(2)]
    assert [each.server for each in servers if isinstance(each, Redirect)] == ["MBX1", "MBX3"]


def test_explain_request_writes_the_whole_response_with_a_stand_in_for_the_tag() -> None:
    answer = ask(snapshot=replace(SNAPSHOT, form=AnswerForm(delay_seconds=1.5))).answer
    assert answer is not None
    assert answer.text.endswith("\r\n\r\n")
    assert f"To: <sip:100@router.example.com>;tag={TO_TAG}" in answer.lines
    assert "Contact: <sip:4000@mbx1.test:5062;transport=Tcp>" in answer.lines
    assert answer.delay_seconds == 1.5


def test_explain_request_that_is_not_sound_tells_every_finding_and_tries_no_rule() -> None:
    explanation = ask(Call_ID=None, CSeq="x")
    assert [(each.reason, each.status) for each in explanation.findings] == [
        (Reason.MISSING_HEADER, 400),
        (Reason.MALFORMED_HEADER, 400),
    ]
    assert explanation.findings[0].sentence == "Missing Call-ID Header Field"
    assert set(outcomes(explanation)) == {"not tried"}
    assert explanation.decision is None
    assert explanation.answer is not None
    assert (explanation.answer.status, explanation.answer.phrase) == (400, "Missing Call-ID Header Field")
    assert explanation.is_refused


@pytest.mark.parametrize(
    ("method", "changes", "status", "reason"),
    [
        ("REGISTER", {}, 405, Reason.METHOD_NOT_ALLOWED),
        ("Odd", {}, 501, Reason.UNKNOWN_METHOD),
        ("INVITE", {"uri": "http://x.test"}, 416, Reason.UNSUPPORTED_SCHEME),
        ("INVITE", {"To": "<sip:a@b>;tag=x"}, 481, Reason.NO_DIALOG),
        ("BYE", {}, 481, Reason.NO_DIALOG),
        ("CANCEL", {}, 481, Reason.CANCEL_UNMATCHED),
    ],
)
def test_explain_request_that_is_refused_beforehand_tells_why(
    method: str, changes: dict[str, str], status: int, reason: Reason
) -> None:
    explanation = explain_request(make_request(method, **changes), GW1, SNAPSHOT)
    assert [(each.status, each.reason) for each in explanation.findings] == [(status, reason)]
    assert explanation.findings[0].sentence
    assert explanation.answer is not None
    assert explanation.answer.status == status
    assert (explanation.decision, set(outcomes(explanation))) == (None, {"not tried"})


@pytest.mark.parametrize(("method", "via"), [("ACK", "SIP/2.0/TCP x;branch=z9hG4bKa"), ("INVITE", None)])
def test_explain_request_that_gets_no_answer_says_so(method: str, via: str | None) -> None:
    explanation = ask(method, Via=via)
    assert explanation.answer is None
    assert explanation.note
    assert explanation.is_refused


def test_explain_options_is_alive_whatever_the_rules_say() -> None:
    explanation = ask("OPTIONS", STRANGER)
    assert explanation.decision == Answer(200, Reason.SERVER_ALIVE)
    assert "unknown-gateway" in outcomes(explanation)
    assert explanation.note
    assert not explanation.is_refused


def test_explain_options_that_requires_an_extension_is_told_with_its_answer() -> None:
    explanation = ask("OPTIONS", Require="100rel")
    assert explanation.decision == Answer(420, Reason.UNSUPPORTED_EXTENSION)
    assert explanation.is_refused


def test_explain_options_while_draining_or_as_an_invite_is_decided_by_the_rules() -> None:
    draining = ask("OPTIONS", snapshot=replace(SNAPSHOT, component_state=ComponentState.DRAINING))
    assert draining.decision == Reject(Reason.DRAINING)
    as_invite = ask("OPTIONS", snapshot=replace(SNAPSHOT, form=AnswerForm(options_as_invite=True)))
    assert isinstance(as_invite.decision, Redirect)


def test_explain_request_asks_the_limits_that_it_is_given() -> None:
    request = make_request(uri=f"sip:{'4' * 100}@router.test")
    explanation = explain_request(request, GW1, SNAPSHOT, MessageLimits(max_request_uri_bytes=64))
    assert [each.reason for each in explanation.findings] == [Reason.REQUEST_URI_TOO_LONG]
    assert explanation.findings[0].sentence == "Request-URI Too Long"
