"""Events become counts, journal entries and log lines; no value of a peer gets in the way."""

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import LogConfig, configure_logs
from callrouter.observability.recorder import Recorder
from callrouter.reason import CallEnd, Reason
from callrouter.telemetry import (
    CallBegan,
    CallEnded,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionRejected,
    Event,
    FramingLost,
    KeepAliveAnswered,
    MessageDiscarded,
    ProbeFinished,
    ProbeOutcome,
    ProbingEnded,
    RequestAnswered,
    ServerHealthChanged,
    SessionFailed,
    TlsHandshakeFailed,
    TransactionTimedOut,
)
from callrouter.wire import CloseReason, Peer, PeerCertificate, Transport
from tests.unit.observability.memory_stream import MemoryStream
from tests.unit.observability.recording import Bench, Configure
from tests.unit.observability.samples import TCP_PEER, TLS_PEER, answered

ANY_TEXT = st.text(st.characters(categories=None))


def test_redirected_call_is_one_line_one_count_and_one_entry(bench: Bench) -> None:
    bench.now = 100.000042
    event = answered(peer=TLS_PEER)
    bench.record(event)
    assert bench.lines() == [
        {
            "level": "info",
            "event": "call",
            "call_id": "a84b4c76e66710@pc33",
            "peer": "[2001:db8::10]:40001",
            "transport": "TLS",
            "certificate": "gw.example.com",
            "status": 302,
            "reason": "redirected",
            "contact": "<sip:um.example.com:5062;transport=TCP>",
            "microseconds": 42,
        }
    ]
    assert bench.counters.inbound_calls == 1
    assert bench.journal.latest(5) == [event]


def test_call_with_a_detail_logs_it(bench: Bench) -> None:
    bench.record(answered(status=400, reason=Reason.MISSING_HEADER, contact="", detail="there is no CSeq"))
    (line,) = bench.lines()
    assert (line["event"], line["status"], line["detail"]) == ("call", 400, "there is no CSeq")


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (None, ""),
        (PeerCertificate(), ""),
        (PeerCertificate(common_name="cn.example.com"), "cn.example.com"),
        (PeerCertificate(("san.example.com",), "cn.example.com"), "san.example.com"),
    ],
)
def test_certificate_field_is_the_first_identity_or_empty(
    bench: Bench, certificate: PeerCertificate | None, name: str
) -> None:
    bench.record(answered(peer=Peer("192.0.2.1", 1, Transport.TLS, certificate=certificate)))
    assert bench.lines()[0]["certificate"] == name


@pytest.mark.parametrize(
    ("answered_at", "now", "microseconds"),
    [(100.0, 100.001, 1000), (105.0, 105.001, 1000), (100.0, 99.0, 0)],
)
def test_microseconds_leave_out_what_was_held_back_on_purpose(
    bench: Bench, answered_at: float, now: float, microseconds: int
) -> None:
    bench.now = now
    bench.record(answered(answered_at=answered_at))
    assert bench.lines()[0]["microseconds"] == microseconds


def test_call_id_is_cut_at_256_characters(bench: Bench) -> None:
    bench.record(answered(call_id="x" * 300))
    bench.record(TransactionTimedOut(TCP_PEER, "y" * 300))
    assert [line["call_id"] for line in bench.lines()] == ["x" * 256, "y" * 256]


def test_calls_without_call_lines_are_counted_and_kept(configure: Configure) -> None:
    bench = Bench(configure, log_calls=False)
    bench.record(answered())
    bench.record(answered(status=403, reason=Reason.UNKNOWN_GATEWAY))
    assert bench.lines() == []
    assert bench.counters.inbound_calls == 2
    assert len(bench.journal.latest(10)) == 2


def test_calls_below_the_level_cost_no_line(configure: Configure) -> None:
    bench = Bench(configure, level="warning")
    bench.record(answered())
    bench.record(answered(method="OPTIONS", status=503, reason=Reason.DRAINING))
    assert bench.lines() == []


def test_refused_request_that_is_no_call_is_told_at_info(bench: Bench) -> None:
    bench.record(answered(method="REGISTER", status=405, reason=Reason.METHOD_NOT_ALLOWED, contact=""))
    (line,) = bench.lines()
    assert (line["level"], line["event"], line["method"], line["status"]) == (
        "info",
        "request refused",
        "REGISTER",
        405,
    )
    assert bench.journal.latest(10) == []


def test_answered_request_that_is_no_call_is_told_at_debug_only(bench: Bench, configure: Configure) -> None:
    event = answered(method="OPTIONS", status=200, reason=Reason.SERVER_ALIVE, contact="")
    bench.record(event)
    assert bench.lines() == []
    debug_bench = Bench(configure, level="debug")
    debug_bench.record(event)
    (line,) = debug_bench.lines()
    assert (line["level"], line["event"], line["method"]) == ("debug", "request answered", "OPTIONS")


def test_discarded_message_is_counted(debug_bench: Bench) -> None:
    debug_bench.record(MessageDiscarded(TCP_PEER, Reason.ACK_ABSORBED))
    assert debug_bench.counters.messages_discarded == {Reason.ACK_ABSORBED: 1}
    assert debug_bench.lines()[0]["event"] == "message discarded"


def test_unanswerable_message_is_a_warning(bench: Bench) -> None:
    bench.record(MessageDiscarded(TCP_PEER, Reason.MISSING_VIA))
    assert bench.counters.messages_discarded == {Reason.MISSING_VIA: 1}
    assert [(line["level"], line["event"]) for line in bench.lines()] == [("warning", "message not answerable")]


def test_keep_alive_is_counted_without_a_line(debug_bench: Bench) -> None:
    debug_bench.record(KeepAliveAnswered(TCP_PEER))
    assert debug_bench.counters.keep_alives_answered == 1
    assert debug_bench.lines() == []


def test_lost_framing_is_a_warning(bench: Bench) -> None:
    bench.record(FramingLost(TCP_PEER, Reason.NOT_SIP, "the first line is no start line"))
    assert bench.counters.framing_lost == {Reason.NOT_SIP: 1}
    assert bench.lines() == [
        {
            "level": "warning",
            "event": "framing lost",
            "peer": "192.0.2.10:40000",
            "transport": "TCP",
            "reason": "not-sip",
            "detail": "the first line is no start line",
        }
    ]


def test_transaction_without_ack_is_counted_and_told(bench: Bench) -> None:
    bench.record(TransactionTimedOut(TCP_PEER, "a@b"))
    assert bench.counters.transactions_timed_out == 1
    assert bench.lines()[0]["event"] == "transaction timed out"


def test_connections_are_counted_and_told_at_debug(debug_bench: Bench) -> None:
    debug_bench.record(ConnectionOpened(TLS_PEER))
    assert debug_bench.counters.connections_open[Transport.TLS] == 1
    debug_bench.record(ConnectionClosed(TLS_PEER, CloseReason.PEER_CLOSED, 10, 20))
    assert debug_bench.counters.connections_open[Transport.TLS] == 0
    opened, closed = debug_bench.lines()
    assert (opened["event"], opened["certificate"]) == ("connection opened", "gw.example.com")
    assert (closed["event"], closed["reason"]) == ("connection closed", "peer-closed")
    assert (closed["received_bytes"], closed["sent_bytes"]) == (10, 20)


def test_rejected_connection_is_a_warning_with_its_limit(bench: Bench) -> None:
    bench.record(ConnectionRejected("2001:db8::9", 4000, Transport.TLS, "limits.max_connections"))
    assert bench.counters.connections_rejected == {"limits.max_connections": 1}
    assert bench.lines() == [
        {
            "level": "warning",
            "event": "connection rejected",
            "peer": "[2001:db8::9]:4000",
            "transport": "TLS",
            "limit": "limits.max_connections",
        }
    ]


def test_failed_handshake_is_a_warning_with_the_event_id_of_the_product(bench: Bench) -> None:
    bench.record(TlsHandshakeFailed("192.0.2.9", 4000, "192.0.2.1", 5061, "no certificate returned"))
    assert bench.counters.handshakes_failed == 1
    assert bench.lines() == [
        {
            "level": "warning",
            "event": "tls handshake failed",
            "event_id": 1649,
            "peer": "192.0.2.9:4000",
            "local": "192.0.2.1:5061",
            "detail": "no certificate returned",
        }
    ]


def test_failed_session_is_an_error_with_traceback(bench: Bench) -> None:
    empty: dict[str, str] = {}
    with pytest.raises(KeyError) as caught:
        empty["branch"]
    bench.record(SessionFailed(TCP_PEER, caught.value))
    (line,) = bench.lines()
    assert bench.counters.session_failures == 1
    assert (line["level"], line["event"], line["peer"]) == ("error", "session failed", "192.0.2.10:40000")
    assert line["exception"].endswith("KeyError: 'branch'")


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_failed_session_whose_error_has_no_text_is_told_all_the_same(bench: Bench) -> None:
    bench.record(SessionFailed(TCP_PEER, UnprintableError()))
    assert "UnprintableError" in bench.lines()[0]["exception"]


peers = st.builds(
    Peer,
    ANY_TEXT,
    st.integers(0, 65535),
    st.sampled_from(Transport),
    certificate=st.none() | st.builds(PeerCertificate, st.tuples(ANY_TEXT) | st.just(()), ANY_TEXT),
)
instants = st.floats(-1e9, 1e9)
reasons = st.sampled_from(Reason)
ports = st.integers(0, 65535)
transports = st.sampled_from(Transport)
any_event = st.one_of(
    st.builds(
        RequestAnswered,
        peer=peers,
        method=st.sampled_from(["INVITE", "OPTIONS"]) | ANY_TEXT,
        call_id=ANY_TEXT,
        status=st.integers(100, 699),
        reason=reasons,
        contact=ANY_TEXT,
        detail=ANY_TEXT,
        received_at=instants,
        answered_at=instants,
    ),
    st.builds(MessageDiscarded, peers, reasons),
    st.builds(KeepAliveAnswered, peers),
    st.builds(FramingLost, peers, reasons, ANY_TEXT),
    st.builds(TransactionTimedOut, peers, ANY_TEXT),
    st.builds(ConnectionOpened, peers),
    st.builds(ConnectionClosed, peers, st.sampled_from(CloseReason), st.integers(0), st.integers(0)),
    st.builds(ConnectionRejected, ANY_TEXT, ports, st.sampled_from(Transport), st.just("limits.max_connections")),
    st.builds(TlsHandshakeFailed, ANY_TEXT, ports, ANY_TEXT, ports, ANY_TEXT),
    st.builds(SessionFailed, peers, st.builds(ValueError, ANY_TEXT)),
    st.builds(CallBegan, peers, ANY_TEXT),
    st.builds(CallEnded, peers, ANY_TEXT, st.sampled_from(CallEnd), st.floats(0, 1e9), st.booleans()),
    st.builds(ProbeFinished, ANY_TEXT, transports, st.sampled_from(ProbeOutcome), ANY_TEXT, st.floats(0, 60)),
    st.builds(ProbingEnded, ANY_TEXT, transports),
    st.builds(ServerHealthChanged, ANY_TEXT, transports, st.booleans(), ANY_TEXT, st.integers(0, 699)),
)
SILENT = (KeepAliveAnswered, CallBegan, ProbingEnded)
"""Those that write no line at any level."""


@given(events=st.lists(any_event, max_size=5), form=st.sampled_from(["json", "console"]))
def test_any_events_are_recorded_without_raising_and_cannot_forge_a_line(events: list[Event], form: Any) -> None:
    stream = MemoryStream()
    logs = configure_logs(LogConfig(level="debug", format=form), stream)
    counters = Counters()
    try:
        record = Recorder(counters, Journal(2), logs.logger, clock=lambda: 0.0)
        for event in events:
            record(event)
    finally:
        logs.close()
    silent = sum(isinstance(event, SILENT) for event in events)
    assert logs.lines_lost == 0
    lines = stream.written.decode().split("\n")[:-1]
    assert all(line.isprintable() for line in lines)
    heads = [line for line in lines if not line.startswith("    ")]
    assert len(heads) == len(events) - silent
    if form == "json":
        assert len(stream.events) == len(lines)


@pytest.mark.timed
def test_call_with_the_log_off_costs_about_a_microsecond(configure: Configure) -> None:
    log = configure(LogConfig(), MemoryStream()).logger
    record = Recorder(Counters(), Journal(1000), log, log_calls=False)
    event = answered()
    rounds, calls = 5, 2000

    def measure() -> float:
        begun = time.perf_counter()
        for _ in range(calls):
            record(event)
        return (time.perf_counter() - begun) / calls

    # The best of several rounds, and room for a slow machine: this guards against tens of microseconds.
    assert min(measure() for _ in range(rounds)) < 10e-6
