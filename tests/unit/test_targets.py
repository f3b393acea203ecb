"""Rules 10 and 11: which server takes a call, and the Contact that says so (EXCHANGE-UM A2)."""

from dataclasses import replace

import pytest

from callrouter.decision import CallType, Redirect, Reject, Target
from callrouter.directory.model import ComponentState, MailboxDatabase, MailboxServer, VoipSecurity
from callrouter.pool.selection import Selection, Tally
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.wire import Peer
from tests.unit.world import DIRECTORY, MBX1, MBX2, MBX3, TCP, TLS, facts_of, make_snapshot, simple_world

ME = MailboxServer("me", "router.test", tcp_port=5060, tls_port=5061)
OWN = (("router.test", 5060), ("router.test", 5061))
TO_USER = "<sip:301@h>;reason=no-answer"


def contacts_of(uri: str, peer: Peer, snapshot: RoutingSnapshot) -> list[str]:
    decision = decide(facts_of(uri, peer), snapshot)
    assert isinstance(decision, Redirect)
    return [str(target) for target in decision.targets]


# --- the Contact


@pytest.mark.parametrize(
    ("peer", "uri", "contact"),
    [
        (TCP, "sip:100@router.test", "sip:100@mbx1.test:5062;transport=Tcp"),
        (TLS, "sip:100@router.test", "sip:100@mbx1.test:5063;transport=Tls"),
        (TLS, "sips:100@router.test", "sips:100@mbx1.test:5063"),
        (TCP, "sip:router.test", "sip:mbx1.test:5062;transport=Tcp"),
        (TCP, "sip:A%2Fb:s3@h;maddr=192.0.2.9;lr", "sip:A%2Fb@mbx1.test:5062;transport=Tcp;maddr=192.0.2.9"),
        (TLS, "sip:100@h;maddr=m.test", "sip:100@mbx1.test:5063;transport=Tls;maddr=m.test"),
        (TLS, "sips:100@h;maddr=m.test", "sips:100@mbx1.test:5063;maddr=m.test"),
        (TCP, "tel:+1-555#", "sip:+1555%23@mbx1.test:5062;transport=Tcp"),
        (TCP, "tel:+1-555;maddr=x", "sip:+1555@mbx1.test:5062;transport=Tcp"),
        (TCP, "sip:1#@router.test", "sip:1#@mbx1.test:5062;transport=Tcp"),
    ],
)
def test_decide_redirects_to_the_port_and_transport_of_the_caller(peer: Peer, uri: str, contact: str) -> None:
    assert contacts_of(uri, peer, simple_world(MBX1)) == [contact]


def test_decide_remembers_what_it_offered_by_all_that_is_in_it() -> None:
    snapshot = simple_world(MBX1)
    uris = ("sip:100@h", "sip:100@other.test:5070", "sip:100@h;maddr=192.0.2.9", "sips:100@h", "tel:100", "sip:101@h")
    asked = [(uri, peer) for uri in uris for peer in (TCP, TLS) if peer is TLS or not uri.startswith("sips")]
    fresh = [contacts_of(uri, peer, replace(snapshot)) for uri, peer in asked]
    assert len({contact for [contact] in fresh}) == 7
    for order in (asked, asked, asked[::-1]):
        found = {(uri, peer): contacts_of(uri, peer, snapshot) for uri, peer in order}
        assert [found[each] for each in asked] == fresh
    tcp, tls = snapshot.known_targets[MBX1.name]
    assert (len(tcp), len(tls)) == (2, 2)


def test_decide_offers_the_same_target_again_rather_than_write_another() -> None:
    snapshot = simple_world(MBX1)
    first, again = (decide(facts_of("sip:100@h", TCP), snapshot) for _ in range(2))
    assert isinstance(first, Redirect)
    assert isinstance(again, Redirect)
    assert first.targets is again.targets


def test_decide_names_a_server_without_a_name_anew_for_every_caller() -> None:
    snapshot = simple_world(MailboxServer("here"))
    for address in ("192.0.2.1", "192.0.2.2"):
        caller = replace(TCP, local_address=address)
        assert contacts_of("sip:100@h", caller, snapshot) == [f"sip:100@{address}:5062;transport=Tcp"]


def test_decide_remembers_no_more_for_many_servers_than_for_few() -> None:
    for count in (1, 8, 1000):
        snapshot = simple_world(*(MailboxServer(f"mbx{index}", f"mbx{index}.test") for index in range(count)))
        table, _ = snapshot.known_targets["mbx0"]
        sizes = []
        for number in range(5000):
            table.keep(str(number), ())
            sizes.append(len(table))
        assert max(sizes) == max(64, 4096 // count)


def test_decide_remembers_nothing_of_another_form() -> None:
    snapshot = simple_world(MBX1)
    assert contacts_of("sip:100@h", TCP, snapshot) == ["sip:100@mbx1.test:5062;transport=Tcp"]
    other = replace(snapshot, form=AnswerForm(tcp_transport="tcp"))
    assert contacts_of("sip:100@h", TCP, other) == ["sip:100@mbx1.test:5062;transport=tcp"]


@pytest.mark.parametrize(
    ("server", "host", "preferring_address"),
    [
        (MailboxServer("a", "mbx.test", "192.0.2.30"), "mbx.test", "192.0.2.30"),
        (MailboxServer("a", "mbx.test"), "mbx.test", "mbx.test"),
        (MailboxServer("a", "", "2001:db8::30"), "2001:db8::30", "2001:db8::30"),
        (MailboxServer("a"), "192.0.2.1", "192.0.2.1"),
    ],
)
def test_decide_names_the_server_by_fqdn_address_or_where_the_caller_came(
    server: MailboxServer, host: str, preferring_address: str
) -> None:
    expected = Redirect((Target("300", host, 5062, "Tcp"),), server="a")
    assert decide(facts_of(), simple_world(server)) == expected
    form = AnswerForm(prefers_address=True)
    expected = Redirect((Target("300", preferring_address, 5062, "Tcp"),), server="a")
    assert decide(facts_of(), simple_world(server, form=form)) == expected


@pytest.mark.parametrize(
    ("form", "tcp", "tls"),
    [
        (AnswerForm(tcp_transport="TCP", tls_transport="TLS"), "transport=TCP", "transport=TLS"),
        (AnswerForm(tcp_transport="tcp", tls_transport="tls"), "transport=tcp", "transport=tls"),
    ],
)
def test_decide_transport_is_spelt_as_the_form_says(form: AnswerForm, tcp: str, tls: str) -> None:
    assert contacts_of("sip:1@h", TCP, simple_world(MBX1, form=form)) == [f"sip:1@mbx1.test:5062;{tcp}"]
    assert contacts_of("sip:1@h", TLS, simple_world(MBX1, form=form)) == [f"sip:1@mbx1.test:5063;{tls}"]


def test_decide_sips_contacts_are_for_tls_callers_only() -> None:
    world = simple_world(MBX1, form=AnswerForm(sips_contacts=True))
    assert contacts_of("sip:1@h", TLS, world) == ["sips:1@mbx1.test:5063"]
    assert contacts_of("sip:1@h", TCP, world) == ["sip:1@mbx1.test:5062;transport=Tcp"]


# --- several Contacts


def test_decide_all_contacts_have_the_chosen_first_and_falling_q() -> None:
    servers = (
        MBX1,
        replace(MBX2, state=ComponentState.DRAINING),
        MBX3,
        MailboxServer("MBX4", "mbx4.test", tcp_port=0),
        ME,
    )
    world = simple_world(*servers, own=OWN, form=AnswerForm(all_contacts=True))
    decision = decide(facts_of(), world)
    assert isinstance(decision, Redirect)
    assert [(target.host, target.q) for target in decision.targets] == [("mbx1.test", "1.000"), ("mbx3.test", "0.500")]


@pytest.mark.parametrize("selection", Selection)
def test_decide_all_contacts_offer_every_server_once(selection: Selection) -> None:
    servers = tuple(MailboxServer(f"MBX{number}", f"mbx{number}.test") for number in range(7))
    world = simple_world(*servers, selection=selection, form=AnswerForm(all_contacts=True))
    tally = Tally(3, {"MBX0": 5})
    decision = decide(facts_of(), world, tally)
    alone = decide(facts_of(), replace(world, form=AnswerForm()), tally)
    assert isinstance(decision, Redirect)
    assert isinstance(alone, Redirect)
    assert alone.targets == (replace(decision.targets[0], q=""),)
    assert (decision.server, decision.status) == (alone.server, 302)
    assert sorted(target.host for target in decision.targets) == [server.fqdn for server in servers]
    q_values = [float(target.q) for target in decision.targets]
    assert q_values == sorted(set(q_values), reverse=True)
    assert [target.q for target in decision.targets] == ["1.000", "0.858", "0.716", "0.574", "0.432", "0.290", "0.148"]


def test_decide_all_contacts_leave_out_the_one_that_leads_back() -> None:
    world = simple_world(MBX1, MBX2, MBX3, form=AnswerForm(all_contacts=True))
    assert contacts_of("sip:1@mbx2.test:5062;transport=tcp", TCP, world) == [
        "sip:1@mbx1.test:5062;transport=Tcp",
        "sip:1@mbx3.test:5062;transport=Tcp",
    ]


def test_decide_all_contacts_of_a_tls_caller_are_on_tls() -> None:
    world = simple_world(MBX1, MBX2, form=AnswerForm(all_contacts=True))
    assert contacts_of("sip:1@h", TLS, world) == [f"sip:1@mbx{n}.test:5063;transport=Tls" for n in (1, 2)]


# --- the pool


@pytest.mark.parametrize("state", [ComponentState.DRAINING, ComponentState.INACTIVE])
def test_decide_without_an_available_server_rejects(state: ComponentState) -> None:
    assert decide(facts_of(), simple_world(replace(MBX1, state=state))) == Reject(Reason.NO_MAILBOX_SERVER)


@pytest.mark.parametrize("selection", Selection)
def test_decide_server_without_the_callers_port_is_passed_over(selection: Selection) -> None:
    servers = (replace(MBX1, tls_port=0), replace(MBX2, tcp_port=0), MBX3)
    assert decide(facts_of(peer=TLS), simple_world(*servers[:1], selection=selection)) == Reject(
        Reason.NO_MAILBOX_SERVER
    )
    assert decide(facts_of(), simple_world(*servers[1:2], selection=selection)) == Reject(Reason.NO_MAILBOX_SERVER)
    for call_id in "abcdefgh":
        for peer, servers_able in ((TCP, {"MBX1", "MBX3"}), (TLS, {"MBX2", "MBX3"})):
            decision = decide(facts_of(peer=peer, Call_ID=call_id), simple_world(*servers, selection=selection))
            assert isinstance(decision, Redirect)
            assert decision.server in servers_able


def test_decide_round_robin_gives_turns_to_those_that_can_take_the_call() -> None:
    servers = (MBX1, replace(MBX2, tcp_port=0), MBX3, MailboxServer("MBX4", tcp_port=0))
    world = simple_world(*servers, selection=Selection.ROUND_ROBIN)
    names = [getattr(decide(facts_of(), world, Tally(ordinal)), "server", "") for ordinal in range(6)]
    assert names == ["MBX1", "MBX3"] * 3


def test_decide_least_calls_goes_by_the_tally() -> None:
    world = simple_world(MBX1, MBX2, selection=Selection.LEAST_CALLS)
    decision = decide(facts_of(), world, Tally(1, {"MBX1": 1}))
    assert isinstance(decision, Redirect)
    assert decision.server == "MBX2"


# --- this router


@pytest.mark.parametrize(
    ("server", "own"),
    [
        (MailboxServer("me", "router.test", tcp_port=5060), (("router.test", 5060),)),
        (MailboxServer("me", "router.test", "192.0.2.1", tcp_port=5070), (("192.0.2.1", 5070),)),
        (MailboxServer("me", "router.test", "192.0.2.9", tcp_port=5070), (("router.test", 5070),)),
        (MailboxServer("me", "", "192.0.2.1", tcp_port=5060), ()),
        (MailboxServer("me", "other.test", "192.0.2.1", tcp_port=5060), ()),
        (MailboxServer("me", "192.0.2.1", tcp_port=5060), ()),
        (MailboxServer("me", tcp_port=5060), ()),
        (MailboxServer("me", tcp_port=5070), (("192.0.2.1", 5070),)),
    ],
)
def test_decide_server_that_is_this_router_is_passed_over(
    server: MailboxServer, own: tuple[tuple[str, int], ...]
) -> None:
    assert decide(facts_of(), simple_world(server, own=own)) == Reject(Reason.SELF_REDIRECT)
    decision = decide(facts_of(), simple_world(server, MBX1, own=own))
    assert decision == Redirect((Target("300", "mbx1.test", 5062, "Tcp"),), server="MBX1")


@pytest.mark.parametrize(
    ("server", "own"),
    [
        (MailboxServer("a", "router.test"), OWN),
        (MailboxServer("a", "", "192.0.2.1"), ()),
        (MailboxServer("a", "router.test", "192.0.2.9", tcp_port=5060), ()),
        (MailboxServer("a", "", "192.0.2.9", tcp_port=5060), ()),
        (MailboxServer("a", tcp_port=5070), OWN),
        (MailboxServer("a", "mbx.test", tcp_port=5070), (("192.0.2.1", 5070),)),
        (MailboxServer("a", "mbx.test", tcp_port=5070), (("mbx.test", 5071),)),
        (MailboxServer("a", "", "192.0.2.9", tcp_port=5070), (("192.0.2.1", 5070),)),
        (MailboxServer("a", "mbx.test", tcp_port=1), OWN),
    ],
)
def test_decide_server_on_this_host_or_port_that_is_another_takes_the_call(
    server: MailboxServer, own: tuple[tuple[str, int], ...]
) -> None:
    assert isinstance(decide(facts_of(), simple_world(server, own=own)), Redirect)


@pytest.mark.parametrize("selection", Selection)
def test_decide_where_only_this_router_could_take_the_call_says_so(selection: Selection) -> None:
    reject = Reject(Reason.SELF_REDIRECT)
    gone = replace(MBX1, state=ComponentState.DRAINING)
    assert decide(facts_of(), simple_world(ME, own=OWN, selection=selection)) == reject
    assert decide(facts_of(), simple_world(ME, replace(ME, name="me too"), own=OWN, selection=selection)) == reject
    assert decide(facts_of(), simple_world(ME, gone, replace(MBX2, tcp_port=0), own=OWN, selection=selection)) == reject
    deaf = replace(ME, tcp_port=0)
    assert decide(facts_of(), simple_world(deaf, own=OWN, selection=selection)) == Reject(Reason.NO_MAILBOX_SERVER)
    low = replace(ME, tcp_port=1)
    assert decide(facts_of(), simple_world(low, own=(("router.test", 1),), selection=selection)) == reject
    draining = replace(ME, state=ComponentState.DRAINING)
    assert decide(facts_of(), simple_world(draining, own=OWN, selection=selection)) == Reject(Reason.NO_MAILBOX_SERVER)


# --- never the Request-URI itself


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("sip:100@mbx1.test:5062;transport=tcp", Reason.SELF_REDIRECT),
        ("sip:%31%30%30@MBX1.test:5062;Transport=TCP;x=1", Reason.SELF_REDIRECT),
        ("sip:100@mbx1.test:5062;transport=tcp;maddr=192.0.2.9", Reason.SELF_REDIRECT),
        ("sip:100@mbx1.test:5062", Reason.REDIRECTED),
        ("sip:100@mbx1.test:5062;transport=tls", Reason.REDIRECTED),
        ("sip:100@mbx1.test:5060;transport=tcp", Reason.REDIRECTED),
        ("sip:100@mbx1.test;transport=tcp", Reason.REDIRECTED),
        ("sip:100@mbx2.test:5062;transport=tcp", Reason.REDIRECTED),
        ("sip:200@mbx1.test:5062;transport=tcp?a=b", Reason.REDIRECTED),
        ("tel:100", Reason.REDIRECTED),
    ],
)
def test_decide_never_answers_with_the_request_uri(uri: str, reason: Reason) -> None:
    assert decide(facts_of(uri), simple_world(replace(MBX1, fqdn="MBX1.test"))).reason is reason


@pytest.mark.parametrize("uri", ["sips:100@mbx1.test:5063", "sips:100@MBX1.test:5063;x=1"])
def test_decide_sips_request_uri_that_is_the_target_is_not_answered_with_itself(uri: str) -> None:
    assert decide(facts_of(uri, TLS), simple_world(MBX1)) == Reject(Reason.SELF_REDIRECT)


# --- the owner


def owner_world(*servers: MailboxServer, **changes: object) -> RoutingSnapshot:
    """The world whose DB1 is active on MBX2, with copies on MBX3 and then MBX1."""
    return make_snapshot(replace(DIRECTORY, servers=servers), **changes)


def server_for(snapshot: RoutingSnapshot, peer: Peer = TCP, **rows: str) -> str:
    decision = decide(facts_of("sip:300@h", peer, **rows), snapshot)
    return decision.server if isinstance(decision, Redirect) else str(decision.reason)


DOWN = ComponentState.INACTIVE


@pytest.mark.parametrize(
    ("servers", "chosen"),
    [
        ((MBX1, MBX2, MBX3), "MBX2"),
        ((MBX1, replace(MBX2, state=DOWN), MBX3), "MBX3"),
        ((MBX1, replace(MBX2, tcp_port=0), MBX3), "MBX3"),
        ((MBX1, replace(MBX2, state=DOWN), replace(MBX3, state=DOWN)), "MBX1"),
        ((MailboxServer("MBX9", "mbx9.test"), MBX1), "MBX1"),
        ((MailboxServer("MBX9", "mbx9.test"),), "MBX9"),
        ((MailboxServer("MBX9", "mbx9.test"), replace(MBX2, state=DOWN)), "MBX9"),
        ((replace(MBX2, state=DOWN),), "no-mailbox-server"),
    ],
)
def test_decide_user_goes_to_the_active_copy_a_passive_one_or_the_pool(
    servers: tuple[MailboxServer, ...], chosen: str
) -> None:
    assert server_for(owner_world(*servers), Diversion=TO_USER) == chosen
    # The caller of Outlook Voice Access goes to his own server too.
    assert server_for(owner_world(*servers), From="<sip:301@h>;tag=1") == chosen


@pytest.mark.parametrize("selection", Selection)
def test_decide_owner_is_chosen_whatever_the_selection(selection: Selection) -> None:
    world = owner_world(MBX1, MBX2, MBX3, selection=selection)
    for call_id in "abcdefgh":
        assert server_for(world, Diversion=TO_USER, Call_ID=call_id) == "MBX2"


@pytest.mark.parametrize(
    "rows", [{"Diversion": "<sip:302@h>"}, {"Diversion": "<sip:310@h>"}, {"From": "<sip:399@h>;tag=1"}]
)
def test_decide_user_without_database_attendant_and_stranger_go_to_the_pool(rows: dict[str, str]) -> None:
    world = owner_world(MBX1, MBX2, MBX3)
    facts = facts_of("sip:300@h", TCP, **rows)
    assert getattr(decide(facts, world), "server", None) == "MBX1"


def test_decide_database_that_is_gone_leaves_the_pool() -> None:
    directory = replace(DIRECTORY, databases=())
    assert server_for(make_snapshot(directory), Diversion=TO_USER) == "MBX1"


def test_decide_owner_that_is_this_router_ends_the_call() -> None:
    me = replace(ME, name="MBX2")
    world = owner_world(MBX1, me, MBX3, own_endpoints=frozenset(OWN))
    assert server_for(world, Diversion=TO_USER) == "self-redirect"
    assert server_for(world) == "MBX1"
    down = owner_world(MBX1, replace(me, state=DOWN), MBX3, own_endpoints=frozenset(OWN))
    assert server_for(down, Diversion=TO_USER) == "MBX3"


def test_decide_passive_copy_on_this_router_is_passed_over() -> None:
    world = owner_world(MBX1, replace(ME, name="MBX3"), own_endpoints=frozenset(OWN))
    assert server_for(world, Diversion=TO_USER) == "MBX1"


def test_decide_owner_is_the_first_of_all_contacts() -> None:
    world = owner_world(MBX1, MBX2, MBX3, form=AnswerForm(all_contacts=True))
    decision = decide(facts_of(Diversion=TO_USER), world)
    assert isinstance(decision, Redirect)
    assert [target.host for target in decision.targets] == ["mbx2.test", "mbx1.test", "mbx3.test"]
    assert [target.q for target in decision.targets] == ["1.000", "0.667", "0.334"]
    assert (decision.server, decision.call_type) == ("MBX2", CallType.CALL_ANSWERING)


def test_decide_owner_for_a_tls_caller_needs_its_tls_port() -> None:
    plans = tuple(replace(plan, voip_security=VoipSecurity.SIP_SECURED) for plan in DIRECTORY.dial_plans)
    directory = replace(DIRECTORY, dial_plans=plans, servers=(MBX1, replace(MBX2, tls_port=0)))
    directory = replace(directory, databases=(MailboxDatabase("DB1", "MBX2"),))
    assert server_for(make_snapshot(directory), TLS, Diversion=TO_USER) == "MBX1"
    assert server_for(make_snapshot(replace(directory, servers=(MBX1, MBX2))), TLS, Diversion=TO_USER) == "MBX2"
