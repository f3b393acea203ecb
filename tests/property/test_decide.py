"""decide is total and deterministic, sends calls only where they can be taken, and keeps TLS callers on TLS."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from callrouter.decision import REJECTIONS, Decision, Redirect, Reject
from callrouter.directory.model import MailboxServer
from callrouter.facts import RequestFacts
from callrouter.pool.model import Member, Pool, build_pool
from callrouter.pool.selection import Selection
from callrouter.redirect import decide, find_gateway
from callrouter.sip.uri import parse_uri
from callrouter.snapshot import RoutingSnapshot
from callrouter.testing.strategies import request_facts, snapshots
from callrouter.wire import Transport


def hosts_of(server: MailboxServer, facts: RequestFacts) -> str:
    return server.fqdn or server.address or facts.caller.local_address


def port_of(server: MailboxServer, facts: RequestFacts) -> int:
    return server.tls_port if facts.caller.transport is Transport.TLS else server.tcp_port


def servers_behind(decision: Decision, facts: RequestFacts, snapshot: RoutingSnapshot) -> list[MailboxServer]:
    """The servers of the pool that a redirect may mean; none for any other decision."""
    targets = [(target.host, target.port) for target in decision.targets] if isinstance(decision, Redirect) else []
    servers = [member.server for member in snapshot.pool.members]
    return [server for server in servers if (hosts_of(server, facts), port_of(server, facts)) in targets]


def with_pool(snapshot: RoutingSnapshot, members: list[Member]) -> RoutingSnapshot:
    return replace(snapshot, pool=build_pool(member.server for member in members))


@given(request_facts(), snapshots())
def test_decide_any_facts_gives_one_decision_always_the_same(facts: RequestFacts, snapshot: RoutingSnapshot) -> None:
    decision = decide(facts, snapshot)
    assert decide(facts, snapshot) == decision
    assert isinstance(decision, Redirect) or (isinstance(decision, Reject) and decision.reason in REJECTIONS)


@given(request_facts(), snapshots(selections=(Selection.RENDEZVOUS,)), st.data())
def test_decide_order_of_the_pool_changes_nothing(
    facts: RequestFacts, snapshot: RoutingSnapshot, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(snapshot.pool.members))
    assert decide(facts, with_pool(snapshot, shuffled)) == decide(facts, snapshot)


@given(request_facts(), snapshots())
def test_redirect_leads_to_an_available_server_and_never_to_ourselves(
    facts: RequestFacts, snapshot: RoutingSnapshot
) -> None:
    decision = decide(facts, snapshot)
    if isinstance(decision, Redirect):
        available = [member.server for member in snapshot.pool.members if member.is_available]
        assert [server for server in servers_behind(decision, facts, snapshot) if server in available]
        (target,) = decision.targets
        assert (target.host, target.port) not in snapshot.own_endpoints
        assert (target.host, target.port) != (facts.caller.local_address, facts.caller.local_port)
        assert parse_uri(str(target)) != facts.request_uri


@given(request_facts(), snapshots())
def test_redirect_of_a_tls_caller_stays_on_tls_and_of_a_tcp_caller_on_tcp(
    facts: RequestFacts, snapshot: RoutingSnapshot
) -> None:
    decision = decide(facts, snapshot)
    is_tls = facts.caller.transport is Transport.TLS
    for target in decision.targets if isinstance(decision, Redirect) else ():
        assert [server for server in servers_behind(decision, facts, snapshot) if target.port == port_of(server, facts)]
        if facts.is_sips:
            assert is_tls
            assert (target.scheme, target.transport) == ("sips", "")
        else:
            assert (target.scheme, target.transport) == ("sip", "Tls" if is_tls else "Tcp")


@given(request_facts(), snapshots())
def test_decide_without_a_server_that_was_not_chosen_is_the_same(
    facts: RequestFacts, snapshot: RoutingSnapshot
) -> None:
    decision = decide(facts, snapshot)
    chosen = servers_behind(decision, facts, snapshot)
    for left_out in snapshot.pool.members:
        if left_out.server not in chosen and isinstance(decision, Redirect):
            rest = [member for member in snapshot.pool.members if member is not left_out]
            assert decide(facts, with_pool(snapshot, rest)) == decision


@given(request_facts(), snapshots())
def test_decide_without_servers_or_gateway_never_redirects(facts: RequestFacts, snapshot: RoutingSnapshot) -> None:
    assert isinstance(decide(facts, replace(snapshot, pool=Pool())), Reject)
    if find_gateway(facts, snapshot) is None:
        assert isinstance(decide(facts, snapshot), Reject)
