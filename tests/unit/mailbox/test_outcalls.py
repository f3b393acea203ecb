"""Play on Phone: which gateway a call goes through, where its INVITE goes, and what can be asked of it afterwards."""

import asyncio
import itertools
import socket
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_network

import pytest

from callrouter.caller.spec import CallerConfig
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    Directory,
    GatewayStatus,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    VoipSecurity,
)
from callrouter.mailbox import outcalls
from callrouter.mailbox.outcalls import NoSuchGateway, OutcallError, Outcalls, OutcallView
from callrouter.snapshot import RoutingSnapshot
from tests.transport.rig import PATIENCE_SECONDS
from tests.unit.mailbox.servers import Log

PHONE = UMIPGateway("phone", ip_network("127.0.0.1"), port=5060)


def snapshot_of(*gateways: UMIPGateway, plans: tuple[UMDialPlan, ...] = ()) -> RoutingSnapshot:
    """Every gateway leads to the first plan, where there is one."""
    groups = tuple(UMHuntGroup(f"of {each.name}", plans[0].name, each.name) for each in gateways if plans)
    return RoutingSnapshot(DirectoryLookup(Directory(gateways, dial_plans=plans, hunt_groups=groups)))


class Rig:
    def __init__(self) -> None:
        self.log = Log()
        numbers = itertools.count(1)
        self.outcalls = Outcalls(CallerConfig(), lambda: 0.1, lambda: f"call-{next(numbers)}", self.log.logger)

    def begin(self, *gateways: UMIPGateway, name: str = "", number: str = "2001") -> OutcallView:
        return self.outcalls.begin("MBX1", number, name, snapshot_of(*gateways))

    async def end_of(self, call_id: str) -> OutcallView:
        """How a call is once it is over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            await self.log.wait_for("outcall ended", int(call_id.removeprefix("call-")))
        view = self.outcalls.find(call_id)
        assert view is not None
        return view


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = Rig()
    yield made
    await made.outcalls.close()


@pytest.fixture
def refusing_port() -> Iterator[int]:
    """A port that nobody listens on, kept from others."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


async def test_outcall_without_a_gateway_named_takes_the_first_that_may_be_used(rig: Rig) -> None:
    view = rig.begin(
        UMIPGateway("disabled", ip_network("127.0.0.2"), status=GatewayStatus.DISABLED),
        UMIPGateway("no new calls", ip_network("127.0.0.3"), status=GatewayStatus.NO_NEW_CALLS),
        UMIPGateway("not allowed", ip_network("127.0.0.4"), outcalls_allowed=False),
        UMIPGateway("network", ip_network("127.0.0.0/24")),
        PHONE,
    )
    assert (view.gateway, view.uri, view.state) == ("phone", "sip:2001@127.0.0.1:5060;transport=tcp", "Connecting")


@pytest.mark.parametrize(
    ("gateway", "objection"),
    [
        (UMIPGateway("gw", ip_network("127.0.0.2"), status=GatewayStatus.DISABLED), "is Disabled"),
        (UMIPGateway("gw", ip_network("127.0.0.2"), outcalls_allowed=False), "does not allow outcalls"),
        (UMIPGateway("gw", ip_network("127.0.0.0/24")), "is a network, not one host"),
    ],
    ids=["disabled", "outcalls", "network"],
)
async def test_outcall_through_a_gateway_that_may_not_be_used_is_refused(
    rig: Rig, gateway: UMIPGateway, objection: str
) -> None:
    with pytest.raises(OutcallError, match=f"the gateway 'gw' {objection}"):
        rig.begin(gateway, name="GW")
    with pytest.raises(OutcallError, match="no gateway is Enabled"):
        rig.begin(gateway)
    assert rig.outcalls.list_views() == []


async def test_outcall_through_an_unknown_gateway_is_refused(rig: Rig) -> None:
    with pytest.raises(NoSuchGateway, match="no gateway has the name 'other'"):
        rig.begin(PHONE, name="other")


@pytest.mark.parametrize("number", ["2001@elsewhere", "20:01", "a;b", "2 001", "é", "%00"])
async def test_outcall_to_what_is_no_dial_string_is_refused(rig: Rig, number: str) -> None:
    with pytest.raises(OutcallError):
        rig.begin(PHONE, number=number)


@pytest.mark.parametrize(
    ("gateway", "security", "uri"),
    [
        (PHONE, VoipSecurity.UNSECURED, "sip:+1%23@127.0.0.1:5060;transport=tcp"),
        (UMIPGateway("gw", ip_network("::1"), port=0), VoipSecurity.UNSECURED, "sip:+1%23@[::1]:5060;transport=tcp"),
        (UMIPGateway("gw", fqdn="gw.test", port=0), VoipSecurity.SIP_SECURED, "sip:+1%23@gw.test:5061;transport=tls"),
        (UMIPGateway("gw", fqdn="gw.test", port=5067), VoipSecurity.SECURED, "sip:+1%23@gw.test:5067;transport=tls"),
    ],
    ids=["address", "ipv6", "sip-secured", "secured"],
)
async def test_outcall_goes_over_tls_where_the_dial_plan_is_secured(
    rig: Rig, gateway: UMIPGateway, security: VoipSecurity, uri: str
) -> None:
    plan = UMDialPlan("plan", voip_security=security, access_telephone_numbers=("5999",))
    view = rig.outcalls.begin("MBX1", "+1#", "", snapshot_of(gateway, plans=(plan,)))
    assert view.uri == uri


async def test_outcall_that_nobody_takes_is_disconnected_and_says_why(rig: Rig, refusing_port: int) -> None:
    begun = rig.begin(UMIPGateway("gw", ip_network("127.0.0.1"), port=refusing_port))
    ended = await rig.end_of(begun.call_id)
    assert (ended.state, ended.status) == ("Disconnected", 0)
    assert "connection refused" in ended.detail
    [line] = rig.log.select("outcall ended")
    assert (line["server"], line["outcome"]) == ("MBX1", "unreachable")


async def test_outcall_that_is_disconnected_ends_at_once(rig: Rig) -> None:
    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as silent:
        port = silent.sockets[0].getsockname()[1]
        begun = rig.begin(UMIPGateway("gw", ip_network("127.0.0.1"), port=port))
        rig.outcalls.disconnect(begun.call_id)
        ended = await rig.end_of(begun.call_id)
    assert ended.state == "Disconnected"
    assert ended.detail
    # Once more, when it is over, does nothing.
    assert rig.outcalls.disconnect(begun.call_id).state == "Disconnected"


async def test_outcalls_that_are_over_are_remembered_up_to_a_number(
    rig: Rig, refusing_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcalls, "MAX_REMEMBERED", 2)
    gateway = UMIPGateway("gw", ip_network("127.0.0.1"), port=refusing_port)
    for _ in range(3):
        await rig.end_of(rig.begin(gateway).call_id)
    assert [view.call_id for view in rig.outcalls.list_views()] == ["call-3", "call-2"]
    assert rig.outcalls.find("call-1") is None


async def test_outcalls_at_once_are_limited(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcalls, "MAX_AT_ONCE", 1)
    rig.begin(PHONE)
    with pytest.raises(OutcallError, match="1 calls go on already"):
        rig.begin(PHONE)


async def test_outcall_after_the_close_is_refused(rig: Rig) -> None:
    await rig.outcalls.close()
    with pytest.raises(OutcallError, match="about to end"):
        rig.begin(PHONE)
