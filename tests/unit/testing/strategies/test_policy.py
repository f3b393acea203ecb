import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from callrouter.decision import CallType, Redirect
from callrouter.directory.model import ComponentState, Directory, MailboxServer, UMHuntGroup
from callrouter.facts import Party, RequestFacts, gather_caller_facts, party_of
from callrouter.pool.health import HealthState, PoolHealth, Probing
from callrouter.pool.model import Pool
from callrouter.pool.selection import Tally
from callrouter.reason import Reason
from callrouter.redirect import RULES, decide
from callrouter.sip.uri import OtherUri
from callrouter.snapshot import RoutingSnapshot
from callrouter.testing.strategies.policy import (
    calls,
    directories,
    healths,
    mailbox_servers,
    parties,
    peers,
    pools,
    request_facts,
    snapshots,
    tallies,
)
from callrouter.wire import Peer, Transport

SEARCH = settings(phases=[Phase.generate], max_examples=2000, derandomize=True, database=None)
"""Any example will do: none is made smaller."""

OF_THE_CALLER = {
    Reason.DRAINING,
    Reason.INACTIVE,
    Reason.MAX_CALLS,
    Reason.UNKNOWN_GATEWAY,
    Reason.GATEWAY_DISABLED,
    Reason.GATEWAY_NO_NEW_CALLS,
    Reason.SECURITY_MISMATCH,
}
"""What `calls` keeps away."""
REASONS = {reason for rule in RULES for reason in rule.reasons}


@pytest.mark.parametrize("reason", sorted(OF_THE_CALLER))
def test_facts_and_snapshots_reach_every_reason_of_the_caller(reason: Reason) -> None:
    cases = st.tuples(request_facts(), snapshots())
    assert decide(*find(cases, lambda case: decide(*case).reason is reason, settings=SEARCH)).reason is reason


@pytest.mark.parametrize("reason", sorted(REASONS - OF_THE_CALLER))
def test_calls_reach_every_other_reason(reason: Reason) -> None:
    assert decide(*find(calls(), lambda case: decide(*case).reason is reason, settings=SEARCH)).reason is reason


@pytest.mark.parametrize("call_type", CallType)
def test_calls_reach_redirects_of_every_call_type(call_type: CallType) -> None:
    def is_wanted(case: tuple[RequestFacts, RoutingSnapshot]) -> bool:
        decision = decide(*case)
        return isinstance(decision, Redirect) and decision.call_type is call_type

    assert is_wanted(find(calls(), is_wanted, settings=SEARCH))


@given(calls())
def test_calls_are_never_turned_away_for_the_caller(case: tuple[RequestFacts, RoutingSnapshot]) -> None:
    assert decide(*case).reason not in OF_THE_CALLER


@given(directories())
def test_directories_use_names_and_numbers_once_and_name_what_is_there(directory: Directory) -> None:
    for table in (directory.gateways, directory.servers, directory.dial_plans, directory.databases, directory.users):
        names = [entry.name for entry in table]
        assert len(names) == len(set(names))
    addresses = [gateway.network or gateway.name for gateway in directory.gateways]
    assert len(addresses) == len(set(addresses))
    plans = {plan.name for plan in directory.dial_plans}
    assert {group.um_dial_plan for group in directory.hunt_groups} <= plans
    assert {attendant.um_dial_plan for attendant in directory.auto_attendants} <= plans
    assert {user.um_dial_plan for user in directory.users} <= plans
    assert {group.um_ip_gateway for group in directory.hunt_groups} <= {gateway.name for gateway in directory.gateways}
    pilots = [(group.um_ip_gateway, group.pilot_identifier) for group in directory.hunt_groups]
    assert len(pilots) == len(set(pilots))
    numbers = [
        (each.um_dial_plan, number) for each in directory.auto_attendants for number in each.pilot_identifier_list
    ]
    numbers += [(each.um_dial_plan, number) for each in directory.users for number in each.extensions]
    assert len(numbers) == len(set(numbers))


def test_directories_come_with_default_hunt_groups_and_with_pilots() -> None:
    def has(group: UMHuntGroup) -> str:
        return "pilot" if group.pilot_identifier else "default"

    both = find(
        directories(), lambda directory: len({has(each) for each in directory.hunt_groups}) == 2, settings=SEARCH
    )
    assert len(both.hunt_groups) > 1
    assert find(directories(), lambda directory: not directory.dial_plans, settings=SEARCH).hunt_groups == ()


@given(request_facts())
def test_request_facts_are_consistent_with_their_request_uri(facts: RequestFacts) -> None:
    assert facts.called_party == party_of(facts.request_uri)
    assert facts.is_sips == (facts.called_party.scheme == "sips")
    assert not (facts.diversions and facts.diversion_fault)
    if isinstance(facts.request_uri, OtherUri):
        assert (facts.called, facts.maddr) == ("", "")


@given(peers())
def test_peers_show_certificates_over_tls_only(peer: Peer) -> None:
    assert peer.certificate is None or peer.transport is Transport.TLS
    assert gather_caller_facts(peer).local_port == peer.local_port


@given(tallies(), parties(["100"]))
def test_parties_and_tallies_stay_with_what_was_asked_for(tally: Tally, party: Party) -> None:
    assert tally.ordinal >= 0
    assert min(tally.calls.values(), default=0) >= 0
    assert party.number in {"100", "anonymous"}


@pytest.mark.parametrize("all_contacts", [False, True])
def test_snapshots_offer_all_contacts_where_that_is_asked_for(all_contacts: bool) -> None:
    snapshot = find(snapshots(all_contacts=all_contacts), lambda _: True, settings=SEARCH)
    assert snapshot.form.all_contacts is all_contacts


@pytest.mark.parametrize("mode", Probing)
@pytest.mark.parametrize("state", HealthState)
def test_healths_reach_every_mode_and_every_state_where_somebody_probes(mode: Probing, state: HealthState) -> None:
    def is_wanted(health: PoolHealth) -> bool:
        has_state = any(target.state is state for target in health.targets.values())
        return health.policy.mode is mode and (has_state or mode is Probing.OFF)

    assert is_wanted(find(healths(), is_wanted, settings=SEARCH))


@given(healths(), mailbox_servers())
def test_healths_know_every_server_where_somebody_probes(health: PoolHealth, server: MailboxServer) -> None:
    is_watched = health.policy.mode is not Probing.OFF
    for transport in Transport:
        assert ((server.name, transport) in health.targets) is is_watched


def test_pools_and_snapshots_come_with_servers_that_are_down() -> None:
    def has_active_server_that_is_down(pool: Pool) -> bool:
        return any(
            member.server.state is ComponentState.ACTIVE and (member.server.tcp_port, member.tcp_port) == (5062, 0)
            for member in pool.members
        )

    assert find(pools(), has_active_server_that_is_down, settings=SEARCH).members
    found = find(snapshots(), lambda snapshot: has_active_server_that_is_down(snapshot.pool), settings=SEARCH)
    assert found.pool.health.policy.mode is not Probing.OFF
