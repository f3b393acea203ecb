"""A directory with every noun, and calls to it: for the tests of what explains decisions."""

from ipaddress import ip_network

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    AutoAttendantStatus,
    ComponentState,
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
    VoipSecurity,
)
from callrouter.pool.model import build_pool
from callrouter.pool.selection import Selection
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Peer, PeerCertificate, Transport

GATEWAYS = (
    UMIPGateway("gw1", ip_network("192.0.2.7")),
    UMIPGateway("gw2", ip_network("192.0.2.8"), status=GatewayStatus.NO_NEW_CALLS),
    UMIPGateway("gw3", None, "gw3.test"),
    UMIPGateway("gw4", ip_network("192.0.2.9")),
)
SERVERS = (
    MailboxServer("MBX1", "mbx1.test"),
    MailboxServer("MBX2", "mbx2.test", state=ComponentState.DRAINING),
    MailboxServer("MBX3", address="2001:db8::3"),
)
DIRECTORY = Directory(
    gateways=GATEWAYS,
    servers=SERVERS,
    dial_plans=(
        UMDialPlan("Lab", pilot_identifier_list=("4000",), access_telephone_numbers=("+14255550100",)),
        UMDialPlan("Names", UriType.SIPNAME, VoipSecurity.SECURED),
    ),
    hunt_groups=(
        UMHuntGroup("hg4000", "Lab", "gw1", "4000"),
        UMHuntGroup("hg-default", "Lab", "gw1"),
        UMHuntGroup("hg3", "Names", "gw3"),
        UMHuntGroup("hg4", "Lab", "gw4", "4000"),
    ),
    auto_attendants=(
        UMAutoAttendant("Main", "Lab", ("5000",), AutoAttendantStatus.ENABLED),
        UMAutoAttendant("Night", "Lab", ("5001",)),
    ),
    users=(
        UMMailbox("alice", "Lab", ("2001",), database="DB1"),
        UMMailbox("bob", "Lab", ("2002",), database="DB2"),
        UMMailbox("carol", "Names", (), "carol@lab.test"),
    ),
    databases=(MailboxDatabase("DB1", "MBX1", ("MBX3",)), MailboxDatabase("DB2", "MBX2", ("MBX3",))),
)
SNAPSHOT = RoutingSnapshot(DirectoryLookup(DIRECTORY), build_pool(SERVERS), selection=Selection.FIRST)

GW1 = Peer("192.0.2.7", 5060, local_address="192.0.2.1", local_port=5060)
GW2 = Peer("192.0.2.8", 5060, local_address="192.0.2.1", local_port=5060)
GW3 = Peer("192.0.2.77", 5060, Transport.TLS, "192.0.2.1", 5061, PeerCertificate(("gw3.test",)))
GW4 = Peer("192.0.2.9", 5060, local_address="192.0.2.1", local_port=5060)
STRANGER = Peer("198.51.100.9", 5060)
