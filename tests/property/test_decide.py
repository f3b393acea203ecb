"""decide is total and deterministic, sends calls only where they can be taken, and keeps TLS callers on TLS.

`cases` are any calls; `calls` those that get as far as the numbers. Both at once, so that no rule is left out.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.decision import REJECTIONS, CallType, Decision, Redirect, Reject
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, MailboxServer
from callrouter.facts import RequestFacts
from callrouter.pool.health import UNWATCHED, HealthState, PoolHealth, Probing
from callrouter.pool.model import Pool, build_pool
from callrouter.pool.selection import Selection, Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, Case, classify, decide
from callrouter.sip.uri import SipUri, equivalent, parse_uri
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.testing.strategies import calls, request_facts, snapshots, tallies
from callrouter.wire import Transport

SELECTIONS_WHATEVER_THE_ORDER = [selection for selection in Selection if selection is not Selection.FIRST]
ALL = AnswerForm(all_contacts=True)
Drawn = tuple[RequestFacts, RoutingSnapshot]


def cases() -> st.SearchStrategy[Drawn]:
    return calls() | st.tuples(request_facts(), snapshots())


def port_of(server: MailboxServer, facts: RequestFacts) -> int:
    return server.tls_port if facts.caller.transport is Transport.TLS else server.tcp_port


def place_of(server: MailboxServer, facts: RequestFacts) -> tuple[str, int]:
    return server.fqdn or server.address or facts.caller.local_address, port_of(server, facts)


def is_self(server: MailboxServer, facts: RequestFacts, snapshot: RoutingSnapshot) -> bool:
    """Whether the server listens where the router does, by a name that the directory gives it."""
    here = facts.caller.local_address
    own = {*snapshot.own_endpoints, (here, facts.caller.local_port)}
    names = {server.fqdn, server.address} - {""} or {here}
    return any((name, port_of(server, facts)) in own for name in names)


def with_servers(snapshot: RoutingSnapshot, servers: Sequence[MailboxServer]) -> RoutingSnapshot:
    return replace(snapshot, pool=build_pool(servers, snapshot.pool.health))


def is_healthy(server: MailboxServer, transport: Transport, health: PoolHealth) -> bool:
    """Whether probes let calls over this transport go to the server, by the words of the setting."""
    if health.policy.mode is Probing.OFF:
        return True
    state = health.targets[server.name, transport].state
    return state is HealthState.UP or (state is HealthState.UNKNOWN and health.policy.mode is Probing.ASSUME_HEALTHY)


def servers_of(snapshot: RoutingSnapshot) -> list[MailboxServer]:
    return [member.server for member in snapshot.pool.members]


def decide_case(facts: RequestFacts, snapshot: RoutingSnapshot) -> tuple[Decision, Case, str]:
    """The decision, what its rules noted, and the number of the rule that ended it."""
    case = Case(facts, snapshot, Tally())
    for rule in RULES:
        decision = rule.apply(case)
        if decision is not None:
            return decision, case, rule.number
    raise AssertionError("the last rule always decides")


@given(cases(), tallies())
def test_decide_any_call_gives_one_decision_always_the_same(drawn: Drawn, tally: Tally) -> None:
    decision = decide(*drawn, tally)
    assert decide(*drawn, tally) == decision
    assert isinstance(decision, Redirect) or (isinstance(decision, Reject) and decision.reason in REJECTIONS)


@given(cases())
def test_classify_is_what_the_rules_before_the_choice_of_a_server_find(drawn: Drawn) -> None:
    decision, case, number = decide_case(*drawn)
    found = classify(*drawn)
    if number == RULES[-1].number:
        assert isinstance(found, Case)
        for name in ("gateway", "hunt_group", "dial_plan", "diverted", "auto_attendant", "user", "call_type"):
            assert getattr(found, name) == getattr(case, name)
    else:
        assert found == decision


@given(cases(), st.lists(request_facts(), max_size=4))
def test_decide_never_depends_on_the_calls_before(drawn: Drawn, others: list[RequestFacts]) -> None:
    facts, snapshot = drawn
    decision = decide(facts, replace(snapshot))
    for other in others:
        # Alike but for what a target may be made of, so that they come by what is remembered of each other.
        for alike in (other, replace(other, caller=facts.caller), replace(facts, maddr=other.maddr, is_sips=True)):
            decide(alike, snapshot)
    assert decide(facts, snapshot) == decision


@given(cases())
def test_decide_is_the_first_rule_that_ends_the_matter_and_its_reason_is_the_rules(drawn: Drawn) -> None:
    decision, _, number = decide_case(*drawn)
    [rule] = [rule for rule in RULES if rule.number == number]
    assert decide(*drawn) == decision
    assert decision.reason in rule.reasons
    assert {reason for rule in RULES for reason in rule.reasons} <= {*REJECTIONS, Reason.REDIRECTED}


@pytest.mark.parametrize("selection", SELECTIONS_WHATEVER_THE_ORDER)
@given(drawn=cases(), tally=tallies(), random=st.randoms(use_true_random=False))
def test_decide_order_of_pool_and_tables_changes_nothing(
    selection: Selection, drawn: Drawn, tally: Tally, random: Random
) -> None:
    facts, snapshot = drawn
    snapshot = replace(snapshot, selection=selection)
    tables = {name: list(getattr(snapshot.lookup.directory, name)) for name in Directory.__slots__}
    for table in tables.values():
        random.shuffle(table)
    shuffled = replace(
        snapshot,
        lookup=DirectoryLookup(Directory(**{name: tuple(table) for name, table in tables.items()})),
        pool=build_pool(tables["servers"], snapshot.pool.health),
    )
    assert decide(facts, shuffled, tally) == decide(facts, snapshot, tally)


@given(cases(), st.sampled_from((AnswerForm(), ALL)), tallies())
def test_redirect_leads_to_healthy_servers_and_never_to_ourselves(drawn: Drawn, form: AnswerForm, tally: Tally) -> None:
    facts, snapshot = drawn
    decision = decide(facts, replace(snapshot, form=form), tally)
    for target in decision.targets if isinstance(decision, Redirect) else ():
        able = [
            server
            for server in servers_of(snapshot)
            if server.state is ComponentState.ACTIVE
            and is_healthy(server, facts.caller.transport, snapshot.pool.health)
            and not is_self(server, facts, snapshot)
        ]
        assert (target.host, target.port) in [place_of(server, facts) for server in able]
        assert isinstance(decision, Redirect)
        assert decision.server in [server.name for server in able]
        assert target.port > 0
        assert (target.host, target.port) not in snapshot.own_endpoints
        assert (target.host, target.port) != (facts.caller.local_address, facts.caller.local_port)
        assert not equivalent(parse_uri(str(target)), facts.request_uri)


@given(cases(), st.sampled_from((AnswerForm(), ALL)), tallies())
def test_decide_server_that_is_not_healthy_is_as_one_that_does_not_listen(
    drawn: Drawn, form: AnswerForm, tally: Tally
) -> None:
    facts, snapshot = drawn
    snapshot = replace(snapshot, form=form)
    health = snapshot.pool.health
    deaf = [
        replace(
            server,
            tcp_port=server.tcp_port if is_healthy(server, Transport.TCP, health) else 0,
            tls_port=server.tls_port if is_healthy(server, Transport.TLS, health) else 0,
        )
        for server in servers_of(snapshot)
    ]
    expected = decide(facts, replace(snapshot, pool=build_pool(deaf, UNWATCHED)), tally)
    assert decide(facts, snapshot, tally) == expected


@given(cases())
def test_redirect_of_a_tls_caller_stays_on_tls_and_of_a_tcp_caller_on_tcp(drawn: Drawn) -> None:
    facts, snapshot = drawn
    decision = decide(facts, replace(snapshot, form=ALL))
    is_tls = facts.caller.transport is Transport.TLS
    ports = {port_of(server, facts) for server in servers_of(snapshot)}
    for target in decision.targets if isinstance(decision, Redirect) else ():
        assert target.port in ports
        if facts.is_sips:
            assert is_tls
            assert (target.scheme, target.transport) == ("sips", "")
        else:
            assert (target.scheme, target.transport) == ("sip", "Tls" if is_tls else "Tcp")


@given(cases())
def test_redirect_repeats_the_called_user_octet_for_octet(drawn: Drawn) -> None:
    facts, snapshot = drawn
    decision = decide(facts, snapshot)
    if isinstance(decision, Redirect) and isinstance(facts.request_uri, SipUri):
        assert {target.user for target in decision.targets} == {facts.request_uri.user}


@given(calls())
def test_decide_healthy_owner_is_chosen(drawn: Drawn) -> None:
    facts, snapshot = drawn
    decision, case, _ = decide_case(facts, snapshot)
    database = None if case.user is None else snapshot.lookup.database(case.user.database)
    if not isinstance(decision, Redirect) or database is None:
        return
    copies = [snapshot.pool.by_name.get(name) for name in (database.active, *database.passive)]
    able = [
        copy.server.name
        for copy in copies
        if copy
        and copy.server.state is ComponentState.ACTIVE
        and port_of(copy.server, facts)
        and is_healthy(copy.server, facts.caller.transport, snapshot.pool.health)
        and not is_self(copy.server, facts, snapshot)
    ]
    assert not able or decision.server == able[0]


@given(cases())
def test_decide_without_a_server_that_was_not_chosen_is_the_same(drawn: Drawn) -> None:
    facts, snapshot = drawn
    snapshot = replace(snapshot, selection=Selection.RENDEZVOUS)
    decision = decide(facts, snapshot)
    for server in servers_of(snapshot):
        if isinstance(decision, Redirect) and server.name != decision.server:
            rest = [each for each in servers_of(snapshot) if each is not server]
            assert decide(facts, with_servers(snapshot, rest)) == decision


@given(cases())
def test_decide_without_servers_or_gateways_never_redirects(drawn: Drawn) -> None:
    facts, snapshot = drawn
    assert isinstance(decide(facts, replace(snapshot, pool=Pool())), Reject)
    nobody = DirectoryLookup(replace(snapshot.lookup.directory, gateways=()))
    assert isinstance(decide(facts, replace(snapshot, lookup=nobody)), Reject)


@given(cases())
def test_decide_call_type_is_told_where_there_are_dial_plans(drawn: Drawn) -> None:
    facts, snapshot = drawn
    decision = decide(facts, snapshot)
    if isinstance(decision, Redirect):
        assert (decision.call_type is CallType.UNSPECIFIED) is not snapshot.lookup.has_dial_plans
        assert decision.server in snapshot.pool.by_name
