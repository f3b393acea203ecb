"""A session to try out: a router with one open gateway and one Mailbox server, and what came out of it."""

from dataclasses import dataclass, field
from ipaddress import ip_network

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory, MailboxServer, UMIPGateway
from callrouter.dispatcher import Dispatcher
from callrouter.pool.model import build_pool
from callrouter.session import SipSession
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event
from callrouter.wire import Peer

PEER = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5060)
SERVER = MailboxServer("MBX1", fqdn="mbx1.example.com")
DIRECTORY = Directory((UMIPGateway("open", ip_network("0.0.0.0/0")),), (SERVER,))


@dataclass
class Rig:
    """One session, its clock at 0."""

    form: AnswerForm = field(default_factory=AnswerForm)
    limits: SessionLimits = field(default_factory=SessionLimits)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        snapshot = RoutingSnapshot(DirectoryLookup(DIRECTORY), build_pool(DIRECTORY.servers), form=self.form)
        self.cell = SnapshotCell(snapshot)
        dispatcher = Dispatcher(self.cell)
        self.session = SipSession(PEER, dispatcher, self.limits, self.events.append, tag_key=b"k" * 16, now=0.0)

    def send(self, octets: bytes, now: float = 0.0) -> list[bytes]:
        """What the session says to these octets."""
        self.session.receive_data(octets, now)
        return self.session.data_to_send()


def status_of(answer: bytes) -> int:
    """The status code of an answer."""
    return int(answer.split(b" ", 2)[1])
