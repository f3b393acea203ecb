"""The second hop: a redirect server whose pool is its worker (EXCHANGE-UM A1, A2, A5, B 4.2)."""

import re
from dataclasses import replace

import pytest

from callrouter.decision import CallType, Redirect, Reject, Target
from callrouter.directory.model import ComponentState
from callrouter.dispatcher import Dispatcher
from callrouter.mailbox.um_service import find_state, service_snapshot
from callrouter.pool.selection import Selection
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.session import SipSession
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.mailbox.talk import Message, Talk, split_messages
from tests.unit.world import DIRECTORY, MBX1, MBX2, facts_of, make_snapshot, simple_world

BOTH = {Transport.TCP: 5065, Transport.TLS: 5066}
TCP = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5062)
TLS = Peer("203.0.113.9", 40000, Transport.TLS, "192.0.2.1", 5063, PeerCertificate(("gw.test",)))
FORM = AnswerForm(server_line="Server: RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017\r\n")


def contact_of(snapshot: RoutingSnapshot, peer: Peer = TCP, uri: str = "sip:300@router.test") -> str:
    decision = decide(facts_of(uri, peer), snapshot)
    assert isinstance(decision, Redirect), decision
    [target] = decision.targets
    assert target.q == ""
    return str(target)


# --- where calls go


def test_service_sends_calls_to_the_worker_on_the_host_that_was_called() -> None:
    snapshot = service_snapshot(simple_world(MBX2), "MBX1", BOTH)
    assert contact_of(snapshot) == "sip:300@192.0.2.1:5065;transport=Tcp"
    assert contact_of(snapshot, TLS) == "sip:300@192.0.2.1:5066;transport=Tls"
    assert contact_of(snapshot, TLS, "sips:300@router.test") == "sips:300@192.0.2.1:5066"
    there = replace(TCP, local_address="2001:db8::1")
    assert contact_of(snapshot, there) == "sip:300@[2001:db8::1]:5065;transport=Tcp"


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("um.example.test", "um.example.test"),
        ("192.0.2.77", "192.0.2.77"),
        ("2001:db8::77", "[2001:db8::77]"),
        ("um", "um"),
    ],
)
@pytest.mark.parametrize("prefers_address", [False, True])
def test_service_advertises_the_host_that_it_is_given(host: str, shown: str, prefers_address: bool) -> None:
    router = simple_world(form=AnswerForm(prefers_address=prefers_address))
    snapshot = service_snapshot(router, "MBX1", BOTH, advertised_host=host)
    assert contact_of(snapshot) == f"sip:300@{shown}:5065;transport=Tcp"


@pytest.mark.parametrize(("transport", "peer", "other"), [(Transport.TCP, TCP, TLS), (Transport.TLS, TLS, TCP)])
def test_service_of_one_transport_redirects_nobody_to_the_other(transport: Transport, peer: Peer, other: Peer) -> None:
    snapshot = service_snapshot(simple_world(), "MBX1", {transport: 5065})
    assert contact_of(snapshot, peer).startswith("sip:300@192.0.2.1:5065;transport=")
    assert decide(facts_of(peer=other), snapshot) == Reject(Reason.NO_MAILBOX_SERVER)


def test_service_without_a_worker_has_nowhere_to_send_calls() -> None:
    assert decide(facts_of(), service_snapshot(simple_world(), "MBX1", {})) == Reject(Reason.NO_MAILBOX_SERVER)


@pytest.mark.parametrize("name", ["MBX1", "MBX2", "somebody"])
def test_service_keeps_a_call_whose_user_is_at_home_elsewhere(name: str) -> None:
    # The database is active on MBX2. Who was sent here is answered here: the router knew why.
    snapshot = service_snapshot(make_snapshot(), name, BOTH)
    decision = decide(facts_of(Diversion="<sip:301@h>;reason=no-answer"), snapshot)
    assert decision == Redirect(
        (Target("300", "192.0.2.1", 5065, "Tcp"),), call_type=CallType.CALL_ANSWERING, server=name
    )


def test_service_makes_its_own_choice_whatever_the_router_is_set_to() -> None:
    router = simple_world(
        MBX1,
        MBX2,
        selection=Selection.LEAST_CALLS,
        own=(("192.0.2.1", 5065),),
        form=AnswerForm(all_contacts=True, delay_seconds=3.0, tcp_transport="tcp"),
    )
    snapshot = service_snapshot(router, "MBX1", BOTH)
    assert contact_of(snapshot) == "sip:300@192.0.2.1:5065;transport=tcp"
    assert snapshot.form.delay_seconds == 0.0
    # Nothing of the router's has changed.
    assert (router.form.delay_seconds, [member.server for member in router.pool.members]) == (3.0, [MBX1, MBX2])


# --- who gets no redirect


def test_service_knows_the_routers_gateways_and_numbers() -> None:
    snapshot = service_snapshot(make_snapshot(), "MBX1", BOTH)
    stranger = replace(TCP, address="198.51.100.9")
    assert decide(facts_of(peer=stranger), snapshot) == Reject(Reason.UNKNOWN_GATEWAY)
    assert decide(facts_of("sip:999@h"), snapshot) == Reject(Reason.NO_HUNT_GROUP)


def test_service_that_is_full_says_so_before_anything_else() -> None:
    snapshot = service_snapshot(simple_world(), "MBX1", BOTH, is_full=True)
    assert decide(facts_of(), snapshot) == Reject(Reason.MAX_CALLS)
    assert decide(facts_of(peer=replace(TCP, address="198.51.100.9")), snapshot) == Reject(Reason.MAX_CALLS)


@pytest.mark.parametrize("state", ComponentState)
def test_service_has_the_state_of_its_server_and_not_of_the_router(state: ComponentState) -> None:
    servers = (replace(MBX1, state=state), MBX2)
    router = make_snapshot(replace(DIRECTORY, servers=servers), component_state=ComponentState.INACTIVE)
    assert find_state(router, "mbx1") is state
    assert service_snapshot(router, "mbx1", BOTH).component_state is state
    assert find_state(router, "MBX2") is ComponentState.ACTIVE
    assert find_state(router, "not in the directory") is ComponentState.ACTIVE


# --- as the caller sees it


def ask(snapshot: RoutingSnapshot, octets: bytes) -> Message:
    dispatcher = Dispatcher(SnapshotCell(snapshot))
    session = SipSession(TCP, dispatcher, SessionLimits(), lambda _: None, tag_key=b"k" * 16, now=0.0)
    session.receive_data(octets, 0.0)
    [message] = split_messages(b"".join(session.data_to_send()))
    return message


def test_service_answers_with_the_header_fields_of_the_trace() -> None:
    answer = ask(service_snapshot(simple_world(form=FORM), "MBX1", BOTH), Talk("c1").invite())
    assert answer.start_line == "SIP/2.0 302 Moved Temporarily"
    assert answer.names == ["Via", "From", "To", "Call-ID", "CSeq", "Contact", "Server", "Content-Length"]
    assert answer["Contact"] == "<sip:100@192.0.2.1:5065;transport=Tcp>"
    assert answer["Server"] == "RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017"
    assert re.fullmatch(r"<sip:100@mailbox\.test>;tag=[0-9a-f]{10}", answer["To"])


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, 200),
        ({"is_full": True}, 200),
        ({"component_state": ComponentState.DRAINING}, 503),
        ({"component_state": ComponentState.INACTIVE}, 503),
    ],
)
def test_service_answers_options_by_its_state(changes: dict[str, object], status: int) -> None:
    snapshot = replace(service_snapshot(simple_world(form=FORM), "MBX1", BOTH), **changes)  # type: ignore[arg-type]
    answer = ask(snapshot, Talk("c1").request("OPTIONS"))
    assert answer.status == status
    assert ("Allow" in answer, "Accept" in answer) == (status == 200, status == 200)


def test_service_that_is_full_answers_503_with_a_time_to_come_back() -> None:
    answer = ask(service_snapshot(simple_world(), "MBX1", BOTH, is_full=True), Talk("c1").invite())
    assert (answer.status, answer["Retry-After"]) == (503, "10")
    assert answer["Warning"].startswith('399 callrouter "max-calls: ')
