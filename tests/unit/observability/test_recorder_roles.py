"""What the recorder makes of the events of roles beside the redirect: probes of servers, calls that are held."""

from typing import Any

import pytest

from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import LogConfig
from callrouter.observability.recorder import Recorder
from callrouter.reason import CallEnd, Reason
from callrouter.telemetry import (
    CallBegan,
    CallEnded,
    ProbeFinished,
    ProbeOutcome,
    ProbingEnded,
    ServerHealthChanged,
)
from callrouter.wire import Transport
from tests.unit.observability.memory_stream import MemoryStream
from tests.unit.observability.recording import Bench, Configure
from tests.unit.observability.samples import TCP_PEER, answered


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        (
            ServerHealthChanged("MBX1", Transport.TLS, False, "connection refused"),
            {"level": "warning", "event": "mailbox server down", "event_id": 1400, "detail": "connection refused"},
        ),
        (
            ServerHealthChanged("MBX1", Transport.TLS, False, "answers 503", 503),
            {
                "level": "warning",
                "event": "mailbox server down",
                "event_id": 1400,
                "detail": "answers 503",
                "status": 503,
            },
        ),
        (
            ServerHealthChanged("MBX1", Transport.TLS, True, "answers 200", 200),
            {"level": "info", "event": "mailbox server up", "detail": "answers 200", "status": 200},
        ),
    ],
)
def test_server_that_goes_up_or_down_is_one_line_and_one_gauge(
    bench: Bench, event: ServerHealthChanged, fields: dict[str, Any]
) -> None:
    bench.record(event)
    assert bench.lines() == [{"server": "MBX1", "transport": "TLS", **fields}]
    assert bench.counters.servers_up == {("MBX1", Transport.TLS): event.is_up}


def test_probe_is_counted_and_told_at_debug_only(bench: Bench, configure: Configure) -> None:
    event = ProbeFinished("MBX1", Transport.TCP, ProbeOutcome.NO_ANSWER, "no answer within 2 s", 2.00049)
    bench.record(event)
    assert bench.lines() == []
    assert bench.counters.probes == {("MBX1", Transport.TCP): {ProbeOutcome.NO_ANSWER: 1}}
    debug_bench = Bench(configure, level="debug")
    debug_bench.record(event)
    assert debug_bench.lines() == [
        {
            "level": "debug",
            "event": "probe finished",
            "server": "MBX1",
            "transport": "TCP",
            "result": "no-answer",
            "detail": "no answer within 2 s",
            "seconds": 2.0,
        }
    ]


def test_port_that_is_probed_no_more_is_forgotten_without_a_line(debug_bench: Bench) -> None:
    debug_bench.record(ServerHealthChanged("MBX1", Transport.TCP, True, "answers 200", 200))
    debug_bench.record(ProbeFinished("MBX1", Transport.TCP, ProbeOutcome.ALIVE, "answers 200", 0.01))
    debug_bench.record(ProbingEnded("MBX1", Transport.TCP))
    assert debug_bench.counters.servers_up == {}
    assert debug_bench.counters.probes == {}
    assert len(debug_bench.lines()) == 2


def test_call_that_is_held_is_counted_and_its_end_told(bench: Bench) -> None:
    bench.record(CallBegan(TCP_PEER, "a@b"))
    assert (bench.counters.calls_in_progress, bench.lines()) == (1, [])
    bench.record(CallEnded(TCP_PEER, "a@b", CallEnd.REMOTE_BYE, 12.34567, was_answered=True))
    assert bench.counters.calls_in_progress == 0
    assert bench.counters.calls_ended == {CallEnd.REMOTE_BYE: 1}
    assert bench.lines() == [
        {
            "level": "info",
            "event": "call ended",
            "call_id": "a@b",
            "peer": "192.0.2.10:40000",
            "cause": "remote-bye",
            "seconds": 12.346,
        }
    ]


def test_end_of_a_call_without_call_lines_is_counted_only(configure: Configure) -> None:
    bench = Bench(configure, log_calls=False)
    bench.record(CallEnded(TCP_PEER, "x" * 300, CallEnd.NO_ACK, 0.0, was_answered=False))
    assert bench.counters.calls_ended == {CallEnd.NO_ACK: 1}
    assert bench.lines() == []


def test_two_roles_of_one_process_record_beside_each_other(configure: Configure) -> None:
    stream = MemoryStream()
    log = configure(LogConfig(), stream).logger
    kept = {role: (Counters(), Journal(10)) for role in ("router", "mailbox")}
    router, mailbox = (Recorder(*kept[role], log.bind(role=role), clock=lambda: 100.0) for role in kept)
    router(answered())
    mailbox(answered(status=200, reason=Reason.ANSWERED))
    mailbox(CallEnded(TCP_PEER, "a@b", CallEnd.LOCAL_BYE, 1.0, was_answered=True))
    assert [(line["role"], line["event"]) for line in stream.events] == [
        ("router", "call"),
        ("mailbox", "call"),
        ("mailbox", "call ended"),
    ]
    assert [counters.inbound_calls for counters, _ in kept.values()] == [1, 1]
    assert [dict(counters.calls_ended) for counters, _ in kept.values()] == [{}, {CallEnd.LOCAL_BYE: 1}]
    assert [[call.status for call in journal.latest(5)] for _, journal in kept.values()] == [[302], [200]]
