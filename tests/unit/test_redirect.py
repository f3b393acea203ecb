from dataclasses import replace
from ipaddress import ip_network

import pytest

from callrouter.decision import Redirect, Reject, Target
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, GatewayStatus, MailboxServer, UMIPGateway
from callrouter.facts import RequestFacts, gather_caller_facts, gather_facts
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.reason import Reason
from callrouter.redirect import decide, find_gateway
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_request

GATEWAYS = (
    UMIPGateway("by-address", ip_network("192.0.2.10")),
    UMIPGateway("by-name", None, "gw.test"),
    UMIPGateway("disabled", ip_network("192.0.2.11"), status=GatewayStatus.DISABLED),
    UMIPGateway("full", ip_network("192.0.2.12"), status=GatewayStatus.NO_NEW_CALLS),
)
TCP = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5060)
TLS = Peer("203.0.113.9", 40000, Transport.TLS, "192.0.2.1", 5061, PeerCertificate(("gw.test",)))
MBX1 = MailboxServer("MBX1", "mbx1.test", "192.0.2.21")


def make_snapshot(*servers: MailboxServer, own: tuple[tuple[str, int], ...] = ()) -> RoutingSnapshot:
    return RoutingSnapshot(
        DirectoryLookup(Directory(GATEWAYS, servers)),
        build_pool(servers),
        selection=Selection.FIRST,
        own_endpoints=frozenset(own),
    )


def facts_of(uri: str = "sip:100@router.test", peer: Peer = TCP) -> RequestFacts:
    return gather_facts(make_request(uri=uri), gather_caller_facts(peer))


@pytest.mark.parametrize(
    ("peer", "uri", "contact"),
    [
        (TCP, "sip:100@router.test", "sip:100@mbx1.test:5062;transport=Tcp"),
        (TLS, "sip:100@router.test", "sip:100@mbx1.test:5063;transport=Tls"),
        (TLS, "sips:100@router.test", "sips:100@mbx1.test:5063"),
        (TCP, "sip:router.test", "sip:mbx1.test:5062;transport=Tcp"),
        (
            TCP,
            "sip:A%2Fb:secret@router.test;maddr=192.0.2.9;lr",
            "sip:A%2Fb@mbx1.test:5062;transport=Tcp;maddr=192.0.2.9",
        ),
        (TCP, "tel:+1-555#", "sip:+1555%23@mbx1.test:5062;transport=Tcp"),
        (TCP, "sip:1#@router.test", "sip:1#@mbx1.test:5062;transport=Tcp"),
    ],
)
def test_decide_redirects_to_the_port_and_transport_of_the_caller(peer: Peer, uri: str, contact: str) -> None:
    decision = decide(facts_of(uri, peer), make_snapshot(MBX1))
    assert isinstance(decision, Redirect)
    assert [str(target) for target in decision.targets] == [contact]
    assert decision.reason is Reason.REDIRECTED


@pytest.mark.parametrize(
    ("server", "host"),
    [
        (MailboxServer("a", "mbx.test", "192.0.2.30"), "mbx.test"),
        (MailboxServer("a", "", "2001:db8::30"), "2001:db8::30"),
        (MailboxServer("a"), "192.0.2.1"),
    ],
)
def test_decide_names_the_server_by_fqdn_address_or_where_the_caller_came(server: MailboxServer, host: str) -> None:
    assert decide(facts_of(), make_snapshot(server)) == Redirect((Target("100", host, 5062, "Tcp"),))


@pytest.mark.parametrize(
    ("state", "reason"), [(ComponentState.DRAINING, Reason.DRAINING), (ComponentState.INACTIVE, Reason.INACTIVE)]
)
def test_decide_router_that_is_not_active_rejects_before_anything_else(state: ComponentState, reason: Reason) -> None:
    snapshot = replace(make_snapshot(), component_state=state)
    assert decide(facts_of(peer=Peer("198.51.100.9", 1)), snapshot) == Reject(reason)


@pytest.mark.parametrize(
    ("peer", "reason"),
    [
        (Peer("198.51.100.9", 1), Reason.UNKNOWN_GATEWAY),
        (Peer("192.0.2.11", 1), Reason.GATEWAY_DISABLED),
        (Peer("192.0.2.12", 1), Reason.GATEWAY_NO_NEW_CALLS),
        (replace(TLS, certificate=PeerCertificate(("other.test",))), Reason.UNKNOWN_GATEWAY),
        (replace(TLS, certificate=PeerCertificate((), "")), Reason.UNKNOWN_GATEWAY),
        (replace(TLS, address="192.0.2.10", certificate=PeerCertificate(("x",))), Reason.UNKNOWN_GATEWAY),
    ],
)
def test_decide_peer_that_is_no_enabled_gateway_is_rejected(peer: Peer, reason: Reason) -> None:
    assert decide(facts_of("sips:100@router.test", peer), make_snapshot(MBX1)) == Reject(reason)


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (TCP, "by-address"),
        (TLS, "by-name"),
        (replace(TLS, certificate=PeerCertificate((), "gw.test")), "by-name"),
        (replace(TLS, certificate=PeerCertificate(("x.test",), "gw.test")), None),
        (replace(TLS, address="192.0.2.10", certificate=None), "by-address"),
        (replace(TLS, certificate=None), None),
    ],
)
def test_find_gateway_goes_by_address_or_by_what_the_certificate_proves(peer: Peer, name: str | None) -> None:
    gateway = find_gateway(facts_of(peer=peer), make_snapshot())
    assert (gateway and gateway.name) == name


def test_decide_sips_in_the_clear_is_not_allowed() -> None:
    assert decide(facts_of("sips:100@router.test"), make_snapshot(MBX1)) == Reject(Reason.SIPS_NOT_ALLOWED)


@pytest.mark.parametrize("state", [ComponentState.DRAINING, ComponentState.INACTIVE])
def test_decide_without_an_available_server_rejects(state: ComponentState) -> None:
    assert decide(facts_of(), make_snapshot(replace(MBX1, state=state))) == Reject(Reason.NO_MAILBOX_SERVER)
    assert decide(facts_of(), make_snapshot()) == Reject(Reason.NO_MAILBOX_SERVER)


@pytest.mark.parametrize(
    ("server", "own"),
    [
        (MailboxServer("me", "router.test", tcp_port=5060), (("router.test", 5060),)),
        (MailboxServer("me", "router.test", "192.0.2.1", tcp_port=5070), (("192.0.2.1", 5070),)),
        (MailboxServer("me", "", "192.0.2.1", tcp_port=5060), ()),
        (MailboxServer("me", tcp_port=5060), ()),
        (MailboxServer("me", tcp_port=5070), (("192.0.2.1", 5070),)),
    ],
)
def test_decide_server_that_is_this_router_is_passed_over(
    server: MailboxServer, own: tuple[tuple[str, int], ...]
) -> None:
    assert decide(facts_of(), make_snapshot(server, own=own)) == Reject(Reason.NO_MAILBOX_SERVER)
    decision = decide(facts_of(), make_snapshot(server, MBX1, own=own))
    assert decision == Redirect((Target("100", "mbx1.test", 5062, "Tcp"),))


def test_decide_server_on_this_host_at_another_port_takes_the_call() -> None:
    snapshot = make_snapshot(MailboxServer("me", "router.test"), own=(("router.test", 5060), ("router.test", 5061)))
    assert isinstance(decide(facts_of(), snapshot), Redirect)


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
        ("sip:200@mbx1.test:5062;transport=tcp?a=b", Reason.REDIRECTED),
    ],
)
def test_decide_never_answers_with_the_request_uri(uri: str, reason: Reason) -> None:
    assert decide(facts_of(uri), make_snapshot(MBX1)).reason is reason


def test_decide_sips_request_uri_that_is_the_target_is_not_answered_with_itself() -> None:
    decision = decide(facts_of("sips:100@mbx1.test:5063", TLS), make_snapshot(MBX1))
    assert decision == Reject(Reason.SELF_REDIRECT)
