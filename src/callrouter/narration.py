"""The rules of A3 in words: what each looks at before it is tried, and what it found afterwards. Pure, for people.

Nothing is decided here: the rules of `redirect` are run by `explain`, and these functions look at the Case before and
after. Every text may hold what the peer wrote; whoever shows it makes it visible first. EXCHANGE-UM A3.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from callrouter.decision import CallType, Decision, Redirect
from callrouter.directory.model import (
    ComponentState,
    GatewayStatus,
    MailboxDatabase,
    UMDialPlan,
    UMIPGateway,
    UriType,
    VoipSecurity,
)
from callrouter.facts import Party
from callrouter.pool.model import Member
from callrouter.pool.selection import NO_CALLS
from callrouter.reason import Reason
from callrouter.redirect import Case, Rule
from callrouter.wire import Transport

_MOST_LISTED = 6
"""How many of many things are named."""
_NO_DIAL_PLAN = "nothing: there is no dial plan"
_WANTED = MappingProxyType(
    {
        UriType.TELEXTN: "digits, with or without a plus",
        UriType.E164: "a plus and digits",
        UriType.SIPNAME: "user@domain",
    }
)


class Narrator(NamedTuple):
    """How one rule is told."""

    looked_at: Callable[[Case], str]
    """Asked before the rule is tried."""
    found: Callable[[Case, Rule, Decision | None], str]
    """Asked afterwards, with the decision where it ended the matter."""


def _state_at(_case: Case) -> str:
    return "the component state of the router"


def _state_found(case: Case, _rule: Rule, _decision: Decision | None) -> str:
    full = ", with as many calls as MaxCallsAllowed lets it have" if case.snapshot.is_full else ""
    return f"{case.snapshot.component_state}{full}"


def _gateway_at(case: Case) -> str:
    caller = case.facts.caller
    if caller.identities is not None:
        return f"certificate names over {caller.transport}: {_listed(caller.identities) or 'none'}"
    bare = ", which showed no certificate" if caller.transport is Transport.TLS else ""
    return f"source address {caller.address} over {caller.transport}{bare}"


def _gateway_found(case: Case, _rule: Rule, _decision: Decision | None) -> str:
    if case.gateway is not None:
        return f"gateway {case.gateway.name} ({case.gateway.status})"
    if case.facts.caller.identities is not None:
        return "no gateway has one of these names"
    unknown = [each.fqdn for each in case.snapshot.lookup.directory.gateways if each.fqdn and not each.resolved]
    hint = f"; the addresses of {_listed(unknown)} are not known here" if unknown else ""
    return f"no gateway has this address{hint}"


def _status_at(case: Case) -> str:
    return f"the status of gateway {_name_of(case.gateway)}"


def _status_found(case: Case, _rule: Rule, _decision: Decision | None) -> str:
    return str(GatewayStatus.ENABLED if case.gateway is None else case.gateway.status)


def _sips_at(case: Case) -> str:
    scheme = "sips" if case.facts.is_sips else "no sips"
    return f"{scheme} Request-URI over {case.facts.caller.transport}"


def _sips_found(case: Case, _rule: Rule, decision: Decision | None) -> str:
    if decision is not None:
        return "no target over TCP would keep the promise of sips"
    return "sips over TLS" if case.facts.is_sips else "no promise to keep"


def _hunt_group_at(case: Case) -> str:
    if not case.snapshot.lookup.has_dial_plans:
        return _NO_DIAL_PLAN
    return f"called number {_shown(case.facts.called_party)}; hunt groups of gateway {_name_of(case.gateway)}"


def _hunt_group_found(case: Case, _rule: Rule, _decision: Decision | None) -> str:
    group = case.hunt_group
    if not case.snapshot.lookup.has_dial_plans:
        return "any number will do"
    if group is None:
        return "none has this pilot, and there is no default one"
    name = f"hunt group {group.name} (pilot {group.pilot_identifier})"
    if not group.pilot_identifier:
        name = f"default hunt group {group.name}"
    if case.dial_plan is None:
        return f"{name}, but no dial plan {group.um_dial_plan}"
    return f"{name} -> dial plan {case.dial_plan.name}"


def _security_at(case: Case) -> str:
    plan = case.dial_plan
    return _NO_DIAL_PLAN if plan is None else f"{case.facts.caller.transport}; dial plan {plan.name}"


def _security_found(case: Case, _rule: Rule, _decision: Decision | None) -> str:
    if case.dial_plan is None:
        return "any transport will do"
    security = case.dial_plan.voip_security
    taken = Transport.TCP if security is VoipSecurity.UNSECURED else Transport.TLS
    return f"it is {security}: calls over {taken} only"


def _uri_type_at(case: Case) -> str:
    facts = case.facts
    if case.dial_plan is None:
        return _NO_DIAL_PLAN
    diverted = "".join(f", diverted {_address(each.party)}" for each in facts.diversions[:_MOST_LISTED])
    return f"called {_address(facts.called_party)}, calling {_address(facts.calling_party)}{diverted}"


def _uri_type_found(case: Case, rule: Rule, decision: Decision | None) -> str:
    plan = case.dial_plan
    if plan is None:
        return "any number will do"
    if decision is None:
        return f"all fit {plan.uri_type}"
    return f"no {plan.uri_type}, which wants {_WANTED[plan.uri_type]}: {_listed(_misfits(case, rule))}"


def _misfits(case: Case, rule: Rule) -> Iterator[str]:
    """The parties that the rule refused: it is asked about each alone, so that it stays the only judge."""
    named = [("called", case.facts.called_party), *(("diverted", each.party) for each in case.facts.diversions)]
    found = [(role, party) for role, party in named if rule.apply(_case_of(case, party)) is not None]
    # Whether the caller counts too hangs on the dial plan; it does where nobody else is to blame.
    for role, party in found or [("calling", case.facts.calling_party)]:
        yield f"{role} {_address(party)}"


def _case_of(case: Case, party: Party) -> Case:
    alone = Case(replace(case.facts, called_party=party, calling_party=party, diversions=()), case.snapshot, NO_CALLS)
    alone.dial_plan = case.dial_plan
    return alone


def _diversion_at(case: Case) -> str:
    return _NO_DIAL_PLAN if case.dial_plan is None else "Diversion, else History-Info"


def _diversion_found(case: Case, _rule: Rule, decision: Decision | None) -> str:
    if case.dial_plan is None:
        return "diversions do not matter"
    if decision is not None:
        return case.facts.diversion_fault
    return f"diverted parties: {len(case.facts.diversions)}" if case.facts.diversions else "no diverted party"


def _diverted_at(case: Case) -> str:
    if case.dial_plan is None:
        return _NO_DIAL_PLAN
    diversions = case.facts.diversions
    return _listed(f"{_shown(each.party)} ({each.reason})" for each in diversions) or "nothing: no diverted party"


def _diverted_found(case: Case, _rule: Rule, decision: Decision | None) -> str:
    plan = case.dial_plan
    if plan is None or not case.facts.diversions:
        return "not diverted"
    if case.diverted is None or decision is not None:
        parties = [each.party for each in case.facts.diversions]
        numbers, disabled = _listed(map(_shown, parties)), _disabled_attendants(case, plan, parties)
        return f"no user or enabled auto attendant has {numbers} in dial plan {plan.name}{disabled}"
    return f"{_shown(case.diverted.party)} is {_holder(case)}"


def _called_at(case: Case) -> str:
    if case.dial_plan is None:
        return _NO_DIAL_PLAN
    if case.call_type is not CallType.UNSPECIFIED:
        return "nothing: a diversion has decided"
    return f"called number {_shown(case.facts.called_party)}, calling number {_shown(case.facts.calling_party)}"


def _called_found(case: Case, _rule: Rule, decision: Decision | None) -> str:
    plan = case.dial_plan
    if plan is None:
        return "any number will do"
    if decision is not None:
        disabled = _disabled_attendants(case, plan, [case.facts.called_party])
        return f"no number of dial plan {plan.name}{disabled}"
    if case.call_type is CallType.OUTLOOK_VOICE_ACCESS:
        caller = "nobody in the directory" if case.user is None else f"user {case.user.name}"
        return f"Outlook Voice Access of dial plan {plan.name}; the caller is {caller}"
    return _holder(case) if case.diverted is None else f"it is {case.call_type}"


def _holder(case: Case) -> str:
    if case.auto_attendant is not None:
        return f"auto attendant {case.auto_attendant.name} ({case.auto_attendant.status})"
    return f"user {case.user.name} of dial plan {case.user.um_dial_plan}" if case.user is not None else "nobody"


def _disabled_attendants(case: Case, plan: UMDialPlan, parties: Iterable[Party]) -> str:
    """Whose numbers these would be, were they not switched off."""
    attendants = case.snapshot.lookup.numbers(plan).auto_attendants
    keys = (key for party in parties for key in party.keys)
    found = {each.name: each for key in keys if (each := attendants.get(key)) is not None}
    return "".join(f"; auto attendant {each.name} is {each.status}" for each in found.values())


def _target_at(case: Case) -> str:
    database = _database(case)
    if database is not None and case.user is not None:
        passive = "".join(f", passive on {_server_at(name, case)}" for name in database.passive)
        active = _server_at(database.active, case)
        return f"database {database.name} of user {case.user.name}: active on {active}{passive}"
    return f"the pool: {_listed(_server_at(name, case) for name in case.snapshot.pool.by_name) or 'no server'}"


def _target_found(case: Case, _rule: Rule, decision: Decision | None) -> str:
    transport = case.facts.caller.transport
    if not isinstance(decision, Redirect):
        if decision is not None and decision.reason is Reason.SELF_REDIRECT:
            return "the call would come back: the target is this router or the Request-URI"
        passed_over = _passed_over(case, "")
        return f"no server is Active and {'up' if passed_over else 'listens'} for {transport}{passed_over}"
    target = decision.targets[0]
    host = f"[{target.host}]" if ":" in target.host else target.host
    more = f"; Contacts of {len(decision.targets) - 1} more" if len(decision.targets) > 1 else ""
    where = f"{decision.server} at {host}:{target.port} over {transport}"
    return f"{where}, {_why(case, decision.server)}{more}{_passed_over(case, decision.server)}"


def _passed_over(case: Case, chosen: str) -> str:
    """The Active servers that were not asked because they are not up; of copies only those before the chosen one."""
    pool, transport, database = case.snapshot.pool, case.facts.caller.transport, _database(case)
    copies = () if database is None else (database.active, *database.passive)
    names = copies[: copies.index(chosen)] if chosen in copies else tuple(pool.by_name)
    missed = (name for name in names if _is_missed(pool.by_name.get(name), case))
    texts = _listed(f"{name} ({pool.health.state_of(name, transport)})" for name in missed)
    return f"; passed over: {texts}" if texts else ""


def _is_missed(member: Member | None, case: Case) -> bool:
    """Whether a server is Active and listens with the caller's security, and only probes keep calls from it."""
    if member is None or member.server.state is not ComponentState.ACTIVE:
        return False
    transport, server = case.facts.caller.transport, member.server
    listens = (server.tls_port if transport is Transport.TLS else server.tcp_port) > 0
    return listens and not case.snapshot.pool.health.is_usable(server.name, transport)


def _why(case: Case, server: str) -> str:
    database = _database(case)
    if database is not None and server == database.active:
        return "which has the active copy"
    if database is not None and server in database.passive:
        return "which has a passive copy"
    lost = "no copy can be reached: " if database is not None else ""
    return f"{lost}chosen from the pool by {case.snapshot.selection}"


def _database(case: Case) -> MailboxDatabase | None:
    return None if case.user is None else case.snapshot.lookup.database(case.user.database)


def _server_at(name: str, case: Case) -> str:
    """A server, and what keeps calls from it."""
    pool, transport = case.snapshot.pool, case.facts.caller.transport
    member = pool.by_name.get(name)
    if member is None:
        return f"{name} (not in the pool)"
    if member.server.state is not ComponentState.ACTIVE:
        return f"{name} ({member.server.state})"
    if not _is_missed(member, case):
        return name
    target = pool.health.targets.get((name, transport))
    detail = f": {target.detail}" if target is not None and target.detail else ""
    return f"{name} ({pool.health.state_of(name, transport)} for {transport}{detail})"


def _name_of(gateway: UMIPGateway | None) -> str:
    return "" if gateway is None else gateway.name


def _shown(party: Party) -> str:
    """A number by itself, a name with its domain."""
    return (party.number if party.is_number else party.address) or "(none)"


def _address(party: Party) -> str:
    """A party in full, as the URI types tell them apart."""
    return party.address or "(none)"


def _listed(items: Iterable[str]) -> str:
    """The first few, and how many more."""
    texts = list(items)
    more = len(texts) - _MOST_LISTED
    return ", ".join(texts[:_MOST_LISTED]) + (f" and {more} more" if more > 0 else "")


NARRATORS = MappingProxyType(
    {
        "1": Narrator(_state_at, _state_found),
        "2": Narrator(_gateway_at, _gateway_found),
        "3": Narrator(_status_at, _status_found),
        "3a": Narrator(_sips_at, _sips_found),
        "4": Narrator(_hunt_group_at, _hunt_group_found),
        "5": Narrator(_security_at, _security_found),
        "6": Narrator(_uri_type_at, _uri_type_found),
        "7": Narrator(_diversion_at, _diversion_found),
        "8": Narrator(_diverted_at, _diverted_found),
        "9": Narrator(_called_at, _called_found),
        "10-11": Narrator(_target_at, _target_found),
    }
)
"""By the number of the rule."""
