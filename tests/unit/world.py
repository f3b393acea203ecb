"""A small world for the tests of the decision: one gateway of each kind, two servers, a dial plan of each URI type.

Numbers: 300 leads to the TelExtn plan, um@corp.test to the SipName plan, +14255550300 to the E164 plan. In each plan
the number that ends in 01 is that of a user of database DB1 (active on MBX2), 02 of a user without database, 10 of an
enabled auto attendant, 11 of a disabled one.
"""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    AutoAttendantStatus,
    Directory,
    GatewayStatus,
    MailboxDatabase,
    MailboxServer,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
    UriType,
)
from callrouter.facts import RequestFacts, gather_caller_facts, gather_facts
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Peer, PeerCertificate, Transport
from tests.unit.sip.messages import make_request

TCP = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5060)
TLS = Peer("203.0.113.9", 40000, Transport.TLS, "192.0.2.1", 5061, PeerCertificate(("gw.test",)))

GATEWAYS = (
    UMIPGateway("gw", ip_network("192.0.2.10"), "gw.test"),
    UMIPGateway("disabled", ip_network("192.0.2.11"), status=GatewayStatus.DISABLED),
    UMIPGateway("full", ip_network("192.0.2.12"), status=GatewayStatus.NO_NEW_CALLS),
    UMIPGateway("lonely", ip_network("192.0.2.13")),
)
MBX1 = MailboxServer("MBX1", "mbx1.test", "192.0.2.21")
MBX2 = MailboxServer("MBX2", "mbx2.test", "192.0.2.22")
MBX3 = MailboxServer("MBX3", "mbx3.test", "192.0.2.23")

TELEXTN = UMDialPlan("Tel", access_telephone_numbers=("309",), pilot_identifier_list=("+14255550309",))
SIPNAME = UMDialPlan("Name", UriType.SIPNAME)
E164 = UMDialPlan("E164", UriType.E164)


def _people(plan: str, form: str) -> tuple[list[UMMailbox], list[UMAutoAttendant]]:
    def number(last: str) -> str:
        return form.format(last)

    def user(name: str, database: str = "") -> UMMailbox:
        is_name = "@" in form
        return UMMailbox(
            f"{plan} {name}", plan, () if is_name else (number(name),), number(name) if is_name else "", database
        )

    attendants = [
        UMAutoAttendant(f"{plan} menu", plan, (number("10"),), AutoAttendantStatus.ENABLED),
        UMAutoAttendant(f"{plan} off", plan, (number("11"),)),
    ]
    return [user("01", "DB1"), user("02")], attendants


_PEOPLE = [_people("Tel", "3{}"), _people("Name", "u{}@corp.test"), _people("E164", "+142555503{}")]

DIRECTORY = Directory(
    GATEWAYS,
    (MBX1, MBX2),
    (TELEXTN, SIPNAME, E164),
    (
        UMHuntGroup("tel", "Tel", "gw", "300"),
        UMHuntGroup("tel menu", "Tel", "gw", "310"),
        UMHuntGroup("tel off", "Tel", "gw", "311"),
        UMHuntGroup("name", "Name", "gw", "um@corp.test"),
        UMHuntGroup("name menu", "Name", "gw", "u10@corp.test"),
        UMHuntGroup("e164", "E164", "gw", "+14255550300"),
        UMHuntGroup("e164 menu", "E164", "gw", "+14255550310"),
    ),
    tuple(attendant for _, attendants in _PEOPLE for attendant in attendants),
    tuple(user for users, _ in _PEOPLE for user in users),
    (MailboxDatabase("DB1", "MBX2", ("MBX3", "MBX1")),),
)


def make_snapshot(directory: Directory = DIRECTORY, **changes: Any) -> RoutingSnapshot:
    """The world; the pool is that of the directory and the selection `first`, where no change says otherwise."""
    snapshot = RoutingSnapshot(DirectoryLookup(directory), build_pool(directory.servers), selection=Selection.FIRST)
    return replace(snapshot, **changes)


def with_plan(plan: UMDialPlan, **changes: Any) -> Directory:
    """The directory with one dial plan changed."""
    plans = tuple(replace(each, **changes) if each.name == plan.name else each for each in DIRECTORY.dial_plans)
    return replace(DIRECTORY, dial_plans=plans)


def simple_world(*servers: MailboxServer, own: tuple[tuple[str, int], ...] = (), **changes: Any) -> RoutingSnapshot:
    """A world without dial plans."""
    return make_snapshot(Directory(GATEWAYS, servers), own_endpoints=frozenset(own), **changes)


def facts_of(uri: str = "sip:300@router.test", peer: Peer = TCP, **changes: str | None) -> RequestFacts:
    """The facts of an INVITE; changes as in `make_request`, with a calling number that fits every URI type."""
    rows = {"From": "<sip:+14255550999@gw.test>;tag=f1", **changes}
    return gather_facts(make_request("INVITE", uri, **rows), gather_caller_facts(peer))
