"""decide: who takes a call, and why. The product of this project: pure, total, deterministic.

The rules of EXCHANGE-UM A3 in their order, one function a rule in one table; the first that ends the matter wins. Rules
4 to 9 tell calls apart by number: a directory without dial plans has none of that, and they pass every call.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from mypy_extensions import mypyc_attr

from callrouter.decision import CallType, Decision, Reject
from callrouter.directory.lookup import Numbers
from callrouter.directory.model import (
    AutoAttendantStatus,
    ComponentState,
    GatewayStatus,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
    UriType,
    VoipSecurity,
)
from callrouter.facts import Diverted, Party, RequestFacts
from callrouter.pool.selection import NO_CALLS, Tally
from callrouter.reason import Reason
from callrouter.snapshot import RoutingSnapshot
from callrouter.targets import find_targets
from callrouter.wire import Transport

# A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); these are named for every call.
_ACTIVE: Final = ComponentState.ACTIVE
_ENABLED: Final = GatewayStatus.ENABLED
_TLS: Final = Transport.TLS
_UNSPECIFIED: Final = CallType.UNSPECIFIED
_AUTO_ATTENDANT: Final = CallType.AUTO_ATTENDANT
_OUTLOOK_VOICE_ACCESS: Final = CallType.OUTLOOK_VOICE_ACCESS
_ATTENDANT_ENABLED: Final = AutoAttendantStatus.ENABLED
_UNSECURED: Final = VoipSecurity.UNSECURED
_TELEXTN: Final = UriType.TELEXTN
_E164: Final = UriType.E164

_REASONS_OF_STATUS = {
    GatewayStatus.DISABLED: Reason.GATEWAY_DISABLED,
    GatewayStatus.NO_NEW_CALLS: Reason.GATEWAY_NO_NEW_CALLS,
}


@mypyc_attr(acyclic=True, free_list_len=1)
class Case:
    """One call on its way through the rules: what is known, and what the rules have found so far."""

    __slots__ = (
        "auto_attendant",
        "call_type",
        "dial_plan",
        "diverted",
        "facts",
        "gateway",
        "hunt_group",
        "snapshot",
        "tally",
        "user",
    )

    def __init__(self, facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally) -> None:
        self.facts = facts
        self.snapshot = snapshot
        self.tally = tally
        self.gateway: UMIPGateway | None = None
        self.hunt_group: UMHuntGroup | None = None
        self.dial_plan: UMDialPlan | None = None
        self.diverted: Diverted | None = None
        """The diversion that decided."""
        self.auto_attendant: UMAutoAttendant | None = None
        self.user: UMMailbox | None = None
        """Whose database names the server: the diverted user, or the caller of Outlook Voice Access."""
        self.call_type = _UNSPECIFIED


Apply: TypeAlias = Callable[[Case], Decision | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of A3."""

    number: str
    title: str
    apply: Apply
    """Notes what it finds in the case; a decision where it ends the matter."""
    reasons: tuple[Reason, ...]
    """With which it may end here."""
    evidence: str
    """How sure it is that the documented service does so (labels of EXCHANGE-UM)."""


def decide(facts: RequestFacts, snapshot: RoutingSnapshot, tally: Tally = NO_CALLS) -> Decision:
    """The decision on one INVITE. Never raises; the same arguments give the same decision."""
    case = Case(facts, snapshot, tally)
    for apply in _APPLIED if snapshot.lookup.has_dial_plans else _APPLIED_WITHOUT_NUMBERS:
        decision = apply(case)
        if decision is not None:
            return decision
    return Reject(Reason.NO_MAILBOX_SERVER)


def classify(facts: RequestFacts, snapshot: RoutingSnapshot) -> Case | Decision:
    """What a call is for, by the rules before the choice of a server; for those who answer it (the UM worker).

    Returns:
        The case with what the rules have found, or the decision of the rule that ended the matter.
    """
    case = Case(facts, snapshot, NO_CALLS)
    applied = _APPLIED if snapshot.lookup.has_dial_plans else _APPLIED_WITHOUT_NUMBERS
    for apply in applied[:-1]:
        decision = apply(case)
        if decision is not None:
            return decision
    return case


def _component_state(case: Case) -> Decision | None:
    state = case.snapshot.component_state
    if state is _ACTIVE:
        return Reject(Reason.MAX_CALLS) if case.snapshot.is_full else None
    return Reject(Reason.DRAINING if state is ComponentState.DRAINING else Reason.INACTIVE)


def _known_gateway(case: Case) -> Decision | None:
    # By certificate name over TLS, else by address. A TLS caller without a certificate, which only a setting lets in,
    # is known by its address.
    caller, lookup = case.facts.caller, case.snapshot.lookup
    if caller.identities is not None:
        case.gateway = lookup.gateway_by_names(caller.identities)
    else:
        case.gateway = lookup.gateway_by_number(caller.address_version, caller.address_number)
    return Reject(Reason.UNKNOWN_GATEWAY) if case.gateway is None else None


def _gateway_status(case: Case) -> Decision | None:
    if case.gateway is None or case.gateway.status is _ENABLED:
        return None
    return Reject(_REASONS_OF_STATUS[case.gateway.status])


def _sips_in_the_clear(case: Case) -> Decision | None:
    # A sips request over TCP has no target that would keep its promise (RFC 5630 5.4).
    if case.facts.is_sips and case.facts.caller.transport is not _TLS:
        return Reject(Reason.SIPS_NOT_ALLOWED)
    return None


def _hunt_group(case: Case) -> Decision | None:
    lookup, gateway = case.snapshot.lookup, case.gateway
    if gateway is None or not lookup.has_dial_plans:
        return None
    group = lookup.hunt_group(gateway, case.facts.called_party.keys)
    if group is None:
        return Reject(Reason.NO_HUNT_GROUP)
    case.hunt_group = group
    case.dial_plan = lookup.dial_plan(group.um_dial_plan)
    return Reject(Reason.NO_HUNT_GROUP) if case.dial_plan is None else None


def _security(case: Case) -> Decision | None:
    if case.dial_plan is None:
        return None
    is_secured = case.dial_plan.voip_security is not _UNSECURED
    return None if is_secured == (case.facts.caller.transport is _TLS) else Reject(Reason.SECURITY_MISMATCH)


def _uri_type(case: Case) -> Decision | None:
    plan, facts = case.dial_plan, case.facts
    if plan is None:
        return None
    uri_type, calling = plan.uri_type, facts.calling_party
    if not _fits(facts.called_party, uri_type):
        return Reject(Reason.URI_TYPE_MISMATCH)
    if not _fits(calling, uri_type) and not (uri_type is _TELEXTN and calling.is_anonymous):
        return Reject(Reason.URI_TYPE_MISMATCH)
    for diverted in facts.diversions:
        if not _fits(diverted.party, uri_type):
            return Reject(Reason.URI_TYPE_MISMATCH)
    return None


def _fits(party: Party, uri_type: UriType) -> bool:
    if uri_type is _TELEXTN:
        return party.is_number
    if uri_type is _E164:
        return party.is_number and party.number[:1] == "+"
    return bool(party.number and party.host)


def _diversion_parses(case: Case) -> Decision | None:
    return Reject(Reason.BAD_DIVERSION) if case.dial_plan is not None and case.facts.diversion_fault else None


def _diverted_party(case: Case) -> Decision | None:
    plan = case.dial_plan
    if plan is None or not case.facts.diversions:
        return None
    numbers = case.snapshot.lookup.numbers(plan)
    for diverted in case.facts.diversions:
        for key in _keys_in(numbers, diverted.party):
            attendant = numbers.auto_attendants.get(key)
            if attendant is not None and attendant.status is _ATTENDANT_ENABLED:
                case.diverted, case.auto_attendant, case.call_type = diverted, attendant, _AUTO_ATTENDANT
                return None
            user = numbers.users.get(key)
            if user is not None:
                case.diverted, case.user, case.call_type = diverted, user, CallType.CALL_ANSWERING
                return None
    return Reject(Reason.USER_NOT_ENABLED)


def _keys_in(numbers: Numbers, party: Party) -> tuple[str, ...]:
    """What to ask for: an address only where some are entered, because one more miss in a large table costs time."""
    return party.keys if numbers.has_addresses else (party.key,)


def _called_number(case: Case) -> Decision | None:
    plan, called = case.dial_plan, case.facts.called_party
    if plan is None or case.call_type is not _UNSPECIFIED:
        return None
    is_disabled = False
    attendants = case.snapshot.lookup.numbers(plan).auto_attendants
    for key in called.keys:
        attendant = attendants.get(key)
        if attendant is not None and attendant.status is _ATTENDANT_ENABLED:
            case.auto_attendant, case.call_type = attendant, _AUTO_ATTENDANT
            return None
        is_disabled = is_disabled or attendant is not None
    # The number of an attendant that is switched off is not the dial plan's, though a hunt group lead here.
    if is_disabled and _own_numbers(plan).isdisjoint(called.keys):
        return Reject(Reason.NO_SUCH_NUMBER)
    case.call_type = _OUTLOOK_VOICE_ACCESS
    case.user = _calling_user(case, plan)
    return None


def _own_numbers(plan: UMDialPlan) -> set[str]:
    return {number.casefold() for number in (*plan.pilot_identifier_list, *plan.access_telephone_numbers)}


def _calling_user(case: Case, plan: UMDialPlan) -> UMMailbox | None:
    """Who the caller is, in the dial plan or in one of its equivalents."""
    lookup, calling = case.snapshot.lookup, case.facts.calling_party
    user = _user_in(lookup.numbers(plan), calling)
    if user is not None:
        return user
    for name in plan.equivalent_dial_plan_phone_contexts:
        other = lookup.dial_plan(name)
        user = None if other is None else _user_in(lookup.numbers(other), calling)
        if user is not None:
            return user
    return None


def _user_in(numbers: Numbers, party: Party) -> UMMailbox | None:
    for key in _keys_in(numbers, party):
        user = numbers.users.get(key)
        if user is not None:
            return user
    return None


def _target(case: Case) -> Decision | None:
    snapshot = case.snapshot
    database = None if case.user is None else snapshot.lookup.database(case.user.database)
    return find_targets(case.facts, snapshot, database, case.call_type, case.tally)


RULES: tuple[Rule, ...] = (
    Rule(
        "1",
        "the router is Active",
        _component_state,
        (Reason.DRAINING, Reason.INACTIVE, Reason.MAX_CALLS),
        "[DOC]; code chosen",
    ),
    Rule("2", "the peer is a UM IP gateway", _known_gateway, (Reason.UNKNOWN_GATEWAY,), "[DOC]; 403 [3P]"),
    Rule("3", "the gateway is Enabled", _gateway_status, tuple(_REASONS_OF_STATUS.values()), "[DOC]; codes chosen"),
    Rule("3a", "sips came over TLS", _sips_in_the_clear, (Reason.SIPS_NOT_ALLOWED,), "RFC 5630 5.4; chosen"),
    Rule("4", "a hunt group takes the called number", _hunt_group, (Reason.NO_HUNT_GROUP,), "[DOC]; code chosen"),
    Rule("5", "the transport fits the dial plan", _security, (Reason.SECURITY_MISMATCH,), "[DOC]; code chosen"),
    Rule("6", "the numbers fit the URI type", _uri_type, (Reason.URI_TYPE_MISMATCH,), "[DOC], [MSBLOG]; code chosen"),
    Rule("7", "the diversion can be read", _diversion_parses, (Reason.BAD_DIVERSION,), "[MSBLOG]; code chosen"),
    Rule("8", "a diversion names somebody", _diverted_party, (Reason.USER_NOT_ENABLED,), "[DOC], [3P]; code chosen"),
    Rule("9", "the called number is somebody's", _called_number, (Reason.NO_SUCH_NUMBER,), "[DOC], [INF]"),
    Rule(
        "10-11",
        "a Mailbox server can take the call",
        _target,
        (Reason.REDIRECTED, Reason.NO_MAILBOX_SERVER, Reason.SELF_REDIRECT),
        "[DOC] for the hosting server; the rest chosen",
    ),
)
"""A3, in its order. The number is that of the row."""

_APPLIED: Final = tuple(rule.apply for rule in RULES)
_OF_NUMBERS: Final = (_hunt_group, _security, _uri_type, _diversion_parses, _diverted_party, _called_number)
"""What passes every call where there is no dial plan, and need not be asked then."""
_APPLIED_WITHOUT_NUMBERS: Final = tuple(apply for apply in _APPLIED if apply not in _OF_NUMBERS)
