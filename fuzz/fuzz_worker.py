"""Coverage-guided fuzzing of an emulated UM worker's connection: calls begin and end, nothing raises, nothing is left.

The first octet says how the rest is cut into reads. Run by `make fuzz`; atheris takes libFuzzer's flags, corpus last.
"""

import itertools
import sys
from ipaddress import ip_network

import atheris

with atheris.instrument_imports(include=["callrouter"]):
    from callrouter.directory.lookup import DirectoryLookup
    from callrouter.directory.model import Directory, UMIPGateway
    from callrouter.mailbox.calls import CallTable, WorkerProcess
    from callrouter.mailbox.config import WorkerConfig
    from callrouter.mailbox.worker import MediaSessions, WorkerAgent, WorkerDesk
    from callrouter.snapshot import RoutingSnapshot, SnapshotCell
    from callrouter.stream import SessionLimits
    from callrouter.telemetry import CallBegan, CallEnded, Event, SessionFailed
    from callrouter.ua.endpoint import Endpoint, EndpointConfig
    from callrouter.wire import Peer

_DIRECTORY = Directory((UMIPGateway("loopback", network=ip_network("127.0.0.0/8")),))
_CELL = SnapshotCell(RoutingSnapshot(DirectoryLookup(_DIRECTORY)))
_CONFIG = WorkerConfig(max_calls=8, max_call_seconds=60.0, detached_seconds=5.0)
_LONG_SECONDS = 300.0


def fuzz_worker(data: bytes) -> None:
    """One connection, until it is lost."""
    if not data:
        return
    events: list[Event] = []
    table = CallTable(_CONFIG, lambda: None)
    desk = WorkerDesk(table, _CELL, events.append, MediaSessions(1024, 65535, 1), lambda: "A" * 40)
    tokens = map(str, itertools.count())
    config = EndpointConfig(SessionLimits(), events.append, b"fuzz" * 8, lambda: next(tokens))
    endpoint = Endpoint(Peer("127.0.0.1", 40000, local_port=5065), config, 0.0)
    endpoint.serve(WorkerAgent(endpoint, WorkerProcess(1), desk))
    size, now = data[0] * 16 + 1, 1.0
    for start in range(1, len(data), size):
        endpoint.receive_data(data[start : start + size], now)
        endpoint.data_to_send()
        now += 0.01
    while (deadline := endpoint.next_deadline()) is not None and deadline < _LONG_SECONDS:
        now = max(now, deadline)
        endpoint.handle_deadline(now)
        endpoint.data_to_send()
    endpoint.connection_lost(now)
    table.handle_deadline(now + _CONFIG.detached_seconds)
    for event in events:
        if isinstance(event, SessionFailed):
            raise event.error
    began = sum(isinstance(event, CallBegan) for event in events)
    answered = sum(isinstance(event, CallEnded) and event.was_answered for event in events)
    if len(table) or began != answered:
        raise AssertionError(f"{len(table)} calls are left, {began} began and {answered} ended")


if __name__ == "__main__":
    atheris.Setup(sys.argv, fuzz_worker)
    atheris.Fuzz()
