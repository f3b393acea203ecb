"""explain: why a call is decided as it is. Runs the very rules of `decide`, one by one, and writes down what each did.

`explain` begins at facts, as `decide` does; `explain_request` at a parsed message, as a connection does: what
`validate` finds wrong and what the dispatcher refuses beforehand is explained too. Pure and total. EXCHANGE-UM A3.
"""

from dataclasses import dataclass, replace
from typing import Final

from callrouter.decision import Answer, Decision, Reject
from callrouter.dispatcher import Dispatcher, Outcome, put_decision
from callrouter.facts import RequestFacts, gather_caller_facts, gather_facts
from callrouter.narration import NARRATORS
from callrouter.pool.selection import NO_CALLS, Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, Case, Rule
from callrouter.sip.grammar import decode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.respond import build_response
from callrouter.sip.status import PHRASES
from callrouter.sip.validate import validate
from callrouter.snapshot import RoutingSnapshot, SnapshotCell
from callrouter.wire import Peer

TO_TAG: Final = "explained"
"""Stands in an explained answer where the router would put a To tag of its own."""
_FIRST_REFUSAL: Final = 400


@dataclass(frozen=True, slots=True)
class Step:
    """One rule and what became of it. The texts may hold what the peer wrote."""

    number: str
    """The row of A3."""
    title: str
    evidence: str
    """How sure it is that the documented service does so."""
    is_tried: bool = False
    looked_at: str = ""
    found: str = ""
    decision: Decision | None = None
    """Where this rule ended the matter."""

    @property
    def outcome(self) -> str:
        """In a word: "passed", "not tried", or the reason with which the matter ended."""
        if self.decision is not None:
            return str(self.decision.reason)
        return "passed" if self.is_tried else "not tried"


@dataclass(frozen=True, slots=True)
class Objection:
    """Something wrong with a request before any rule is tried."""

    reason: Reason
    status: int
    """What it deserves; the first objection decides the answer."""
    sentence: str


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """What would be sent."""

    status: int
    reason: Reason
    phrase: str
    headers: tuple[str, ...]
    """The header lines that are ours, without line ends; those that are copied from the request are in `text`."""
    text: str = ""
    """The whole response, where a whole message was given; its To tag is `TO_TAG`."""
    delay_seconds: float = 0.0
    """How long it would be held back."""

    @property
    def lines(self) -> tuple[str, ...]:
        """The response for people: each line by itself, without the empty one that ends it."""
        return tuple(line for line in self.text.split("\r\n") if line)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a call is decided as it is."""

    steps: tuple[Step, ...]
    """Every rule, in order."""
    decision: Decision | None
    """None where the matter ended before the rules."""
    answer: FinalAnswer | None
    """None where nothing would be sent."""
    findings: tuple[Objection, ...] = ()
    note: str = ""
    """What else there is to know."""

    @property
    def is_refused(self) -> bool:
        """Whether it would get another answer than the one asked for, or none."""
        return self.answer is None or self.answer.status >= _FIRST_REFUSAL


def explain(facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally = NO_CALLS) -> Explanation:
    """`decide`, step by step. Never raises; the decision is that of `decide` with the same arguments."""
    case = Case(facts, snapshot, tally)
    steps: list[Step] = []
    decision: Decision | None = None
    for rule in RULES:
        step = _untried(rule) if decision is not None else _try(rule, case)
        decision = decision or step.decision
        steps.append(step)
    decision = decision or Reject(Reason.NO_MAILBOX_SERVER)
    answer = _final(put_decision(decision, snapshot.form))
    return Explanation(tuple(steps), decision, replace(answer, delay_seconds=snapshot.form.delay_seconds))


def explain_request(
    request: Request,
    peer: Peer,
    snapshot: RoutingSnapshot,
    limits: MessageLimits = MessageLimits(),  # noqa: B008 - frozen
) -> Explanation:
    """What a router that has just started would answer this first message of a connection, and why."""
    if request.method == "ACK":
        return Explanation(_UNTRIED, None, None, note="An ACK is never answered")
    dispatcher = Dispatcher(SnapshotCell(snapshot))
    found = validate(request, limits)
    if found:
        findings = tuple(Objection(each.reason, each.status, each.phrase or _phrase(each.status)) for each in found)
        if "via" not in request.headers:
            note = "Without a Via there is nowhere to send an answer: the connection is closed"
            return Explanation(_UNTRIED, None, None, findings, note)
        return Explanation(_UNTRIED, None, _written(dispatcher.refuse(found[0]), request, peer), findings)
    refusal = dispatcher.reject(Reason.CANCEL_UNMATCHED) if request.method == "CANCEL" else dispatcher.screen(request)
    if refusal is not None:
        finding = Objection(refusal.reason, refusal.status, refusal.detail)
        return Explanation(_UNTRIED, None, _written(refusal, request, peer), (finding,))
    return _explain_sound(request, peer, snapshot, dispatcher)


def _explain_sound(request: Request, peer: Peer, snapshot: RoutingSnapshot, dispatcher: Dispatcher) -> Explanation:
    caller = gather_caller_facts(peer)
    facts = gather_facts(request, caller, with_parties=snapshot.lookup.has_dial_plans)
    explanation = explain(facts, snapshot)
    outcome = dispatcher.answer(request, caller)
    answer = _written(outcome, request, peer)
    if request.method != "OPTIONS":
        return replace(explanation, answer=answer)
    if explanation.decision is not None and outcome.reason is explanation.decision.reason:
        return replace(explanation, answer=answer, note="This OPTIONS is answered as an INVITE would be")
    note = "An OPTIONS asks whether the router lives: of the rules only the first matters"
    return replace(explanation, decision=Answer(outcome.status, outcome.reason), answer=answer, note=note)


def _try(rule: Rule, case: Case) -> Step:
    narrator = NARRATORS[rule.number]
    looked_at = narrator.looked_at(case)
    decision = rule.apply(case)
    found = narrator.found(case, rule, decision)
    return Step(rule.number, rule.title, rule.evidence, True, looked_at, found, decision)


def _untried(rule: Rule) -> Step:
    return Step(rule.number, rule.title, rule.evidence)


_UNTRIED: Final = tuple(map(_untried, RULES))


def _final(outcome: Outcome, text: str = "") -> FinalAnswer:
    lines = tuple(line for line in outcome.extra.split("\r\n") if line)
    phrase = outcome.phrase or _phrase(outcome.status)
    return FinalAnswer(outcome.status, outcome.reason, phrase, lines, text, outcome.delay_seconds)


def _written(outcome: Outcome, request: Request, peer: Peer) -> FinalAnswer:
    source = (peer.address, peer.port)
    octets = build_response(request, outcome.status, source, to_tag=TO_TAG, phrase=outcome.phrase, extra=outcome.extra)
    return _final(outcome, decode(octets))


def _phrase(status: int) -> str:
    return PHRASES.get(status, "")
