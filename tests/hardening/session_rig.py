"""A session without a socket: for what would take too long, or too many octets, over the wire."""

from callrouter.directory.model import Directory
from callrouter.dispatcher import Dispatcher
from callrouter.session import SipSession
from callrouter.settings.freeze import freeze_snapshot
from callrouter.settings.model import DirectorySettings, Settings
from callrouter.snapshot import SnapshotCell
from callrouter.sources.document import GatewayEntry, ServerEntry, build_directory
from callrouter.stream import SessionLimits
from callrouter.telemetry import Sink
from callrouter.wire import Peer

TAG_KEY = b"hardening-tests!"


def build_directory_of_one() -> Directory:
    """The loopback addresses may call; there is one Mailbox server."""
    inline = DirectorySettings(
        gateways=(GatewayEntry(name="loopback", address="127.0.0.0/8"),),
        servers=(ServerEntry(name="mbx1", fqdn="mbx1.example.test"),),
    )
    return build_directory(inline.document, port_offset=0)


def build_session(emit: Sink, limits: SessionLimits | None = None, *, now: float = 100.0) -> SipSession:
    """The router's side of a connection from 127.0.0.1."""
    cell = SnapshotCell(freeze_snapshot(Settings(), build_directory_of_one(), frozenset()))
    peer = Peer("127.0.0.1", 5060, local_port=5060)
    return SipSession(peer, Dispatcher(cell), limits or SessionLimits(), emit, tag_key=TAG_KEY, now=now)
