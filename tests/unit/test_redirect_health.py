"""Rule 11: calls go only to servers that probes found up, by the transport of the caller. Who takes them instead."""

from dataclasses import replace

import pytest

from callrouter.decision import Redirect
from callrouter.directory.model import MailboxServer
from callrouter.pool.health import Probing
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.redirect import decide
from callrouter.snapshot import AnswerForm, RoutingSnapshot
from callrouter.wire import Peer, Transport
from tests.unit.probed import health_of
from tests.unit.world import DIRECTORY, MBX1, MBX2, MBX3, TCP, TLS, facts_of, make_snapshot, simple_world

MBX4 = MailboxServer("MBX4", "mbx4.test")
ME = MailboxServer("me", "router.test", tcp_port=5060)
TO_USER = "<sip:301@h>;reason=no-answer"
"""To the user whose database is active on MBX2, with copies on MBX3 and then MBX1."""


def server_for(snapshot: RoutingSnapshot, peer: Peer = TCP, **rows: str) -> str:
    decision = decide(facts_of("sip:300@h", peer, **rows), snapshot)
    return decision.server if isinstance(decision, Redirect) else str(decision.reason)


def probed(snapshot: RoutingSnapshot, *sick: str, mode: Probing = Probing.ON) -> RoutingSnapshot:
    """The world where these are not up: "MBX1" is down for TCP, "MBX1?" unknown, "MBX1/TLS" down for TLS."""
    keys = {}
    for text in sick:
        name, _, transport = text.removesuffix("?").partition("/")
        keys[name, Transport(transport or "TCP")] = text.endswith("?")
    servers = snapshot.lookup.directory.servers
    unknown = {key for key, is_unknown in keys.items() if is_unknown}
    return replace(
        snapshot, pool=build_pool(servers, health_of(servers, down=set(keys) - unknown, unknown=unknown, mode=mode))
    )


@pytest.mark.parametrize("selection", Selection)
@pytest.mark.parametrize("state", ["", "?"])
def test_decide_passes_over_a_server_that_is_down_or_unknown(selection: Selection, state: str) -> None:
    world = probed(simple_world(MBX1, MBX2, selection=selection), f"MBX1{state}")
    for number in range(10):
        assert server_for(world, Call_ID=f"c{number}") == "MBX2"
    offered = decide(facts_of(), replace(world, form=AnswerForm(all_contacts=True)))
    assert isinstance(offered, Redirect)
    assert [target.host for target in offered.targets] == ["mbx2.test"]


def test_decide_asks_for_the_health_of_the_callers_transport() -> None:
    world = probed(simple_world(MBX1, MBX2), "MBX1/TLS")
    assert (server_for(world), server_for(world, TLS)) == ("MBX1", "MBX2")


@pytest.mark.parametrize(
    ("mode", "sick", "chosen"),
    [
        (Probing.OFF, ("MBX1", "MBX2?"), "MBX1"),
        (Probing.ASSUME_HEALTHY, ("MBX1", "MBX2?"), "MBX2"),
        (Probing.ON, ("MBX1", "MBX2?"), "no-mailbox-server"),
    ],
)
def test_decide_unknown_server_takes_calls_where_that_is_assumed(
    mode: Probing, sick: tuple[str, ...], chosen: str
) -> None:
    assert server_for(probed(simple_world(MBX1, MBX2), *sick, mode=mode)) == chosen


@pytest.mark.parametrize(
    ("sick", "chosen"),
    [
        ((), "MBX2"),
        (("MBX2/TLS",), "MBX2"),
        (("MBX2",), "MBX3"),
        (("MBX2?",), "MBX3"),
        (("MBX2", "MBX3"), "MBX1"),
        (("MBX2", "MBX3?", "MBX1"), "MBX4"),
        (("MBX1", "MBX2", "MBX3", "MBX4"), "no-mailbox-server"),
    ],
)
def test_decide_owner_that_is_down_leaves_a_passive_copy_then_the_pool(sick: tuple[str, ...], chosen: str) -> None:
    world = make_snapshot(replace(DIRECTORY, servers=(MBX1, MBX2, MBX3, MBX4)))
    assert server_for(probed(world, *sick), Diversion=TO_USER) == chosen


def test_decide_where_all_others_are_down_and_this_router_is_left_says_so() -> None:
    world = simple_world(ME, MBX1, own=(("router.test", 5060),))
    assert server_for(probed(world, "MBX1")) == "self-redirect"
    assert server_for(probed(world, "me", "MBX1")) == "no-mailbox-server"
