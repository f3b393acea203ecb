"""Coverage-guided fuzzing of a whole session: octets in, nothing but answers, events and a close reason out.

The first octet says how the rest is cut into reads. Any exception is a bug: a session never raises for what a peer may
send. Run by `make fuzz`; atheris takes libFuzzer's flags, corpus folders last.
"""

import sys
from ipaddress import ip_network

import atheris

with atheris.instrument_imports(include=["callrouter"]):
    from callrouter.directory.lookup import DirectoryLookup
    from callrouter.directory.model import Directory, MailboxServer, UMIPGateway
    from callrouter.dispatcher import Dispatcher
    from callrouter.pool.model import build_pool
    from callrouter.session import SipSession
    from callrouter.snapshot import RoutingSnapshot, SnapshotCell
    from callrouter.stream import SessionLimits
    from callrouter.telemetry import Event, SessionFailed
    from callrouter.wire import Peer

_DIRECTORY = Directory(
    (UMIPGateway("loopback", network=ip_network("127.0.0.0/8")),), (MailboxServer("mbx1", fqdn="mbx1.example.test"),)
)
_CELL = SnapshotCell(RoutingSnapshot(DirectoryLookup(_DIRECTORY), build_pool(_DIRECTORY.servers)))


def fuzz_session(data: bytes) -> None:
    """One connection."""
    if not data:
        return
    events: list[Event] = []
    session = SipSession(
        Peer("127.0.0.1", 40000), Dispatcher(_CELL), SessionLimits(), events.append, tag_key=b"fuzz" * 8, now=0.0
    )
    size = data[0] * 16 + 1
    now = 1.0
    for start in range(1, len(data), size):
        session.receive_data(data[start : start + size], now)
        for answer in session.data_to_send():
            if answer != b"\r\n" and not (answer.startswith(b"SIP/2.0 ") and answer.endswith(b"\r\n\r\n")):
                raise AssertionError("an answer is no answer")
        if session.close_reason is not None:
            break
        now += 0.01
    deadline = session.next_deadline()
    if (session.close_reason is None) == (deadline is None):
        raise AssertionError("a session must end or have a deadline")
    if deadline is not None:
        session.handle_deadline(deadline)
    for event in events:
        if isinstance(event, SessionFailed):
            raise event.error


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_session)
    atheris.Fuzz()
