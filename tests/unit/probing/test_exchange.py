"""Probes on one connection, without the connection: what goes out, and what comes of whatever comes in."""

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.pool.health import ProbeResult, answered, failed, timed_out
from callrouter.probing.exchange import Exchange
from callrouter.reason import Reason
from callrouter.sip.framer import Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event, MessageDiscarded, RequestAnswered, SessionFailed
from callrouter.testing.strategies.sip import cut, make_options, mutated
from callrouter.ua.endpoint import EndpointConfig
from callrouter.wire import CloseReason, Peer, Transport
from tests.unit.probing.servers import ok_to

URI = "sip:mbx1.example.com:5062;transport=tcp"
PEER = Peer("192.0.2.20", 5062, Transport.TCP, "192.0.2.1", 40000)
LOST = failed("the connection ended before the answer")
NOT_SIP = failed("what the server sends is not SIP")
TIMEOUT = 2.0


@dataclass
class Line:
    """An exchange, what it sent and what it found; its clock begins at 100."""

    peer: Peer = PEER
    own_host: str = ""
    limits: SessionLimits = field(default_factory=SessionLimits)

    def __post_init__(self) -> None:
        tokens = count(1)
        self.events: list[Event] = []
        self.results: list[ProbeResult] = []
        config = EndpointConfig(
            self.limits, self.events.append, b"k" * 16, lambda: f"t{next(tokens)}", idles_for_ever=True
        )
        self.exchange = Exchange(URI, self.peer, config, 100.0, own_host=self.own_host)
        self.session = self.exchange.session

    def probe(self, now: float = 100.0, started_at: float | None = None) -> bytes:
        begun_at = now if started_at is None else started_at
        self.exchange.probe(self.results.append, TIMEOUT, begun_at, now)
        return b"".join(self.session.data_to_send())

    def receive(self, octets: bytes, now: float = 100.5) -> bytes:
        self.session.receive_data(octets, now)
        return b"".join(self.session.data_to_send())


def read(octets: bytes) -> Request | Response:
    framer = Framer(MessageLimits())
    framer.receive_data(octets)
    message = framer.next_frame()
    assert isinstance(message, Request | Response)
    assert framer.next_frame() is None
    return message


def request(method: str, *, to_tag: str = "", uri: str = "sip:callrouter@192.0.2.1", extra: str = "") -> bytes:
    """A request of the server's on the connection that we opened."""
    tag = f";tag={to_tag}" if to_tag else ""
    return (
        f"{method} {uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/TCP mbx1.example.com;branch=z9hG4bK{method}\r\n"
        f"From: <sip:mbx1.example.com>;tag=f1\r\nTo: <sip:192.0.2.1>{tag}\r\n"
        f"Call-ID: c1\r\nCSeq: 7 {method}\r\nMax-Forwards: 70\r\n{extra}Content-Length: 0\r\n\r\n"
    ).encode()


def status_of(octets: bytes) -> int:
    answer = read(octets)
    assert isinstance(answer, Response)
    return answer.status


# --- what goes out


def test_probe_is_an_options_to_the_target() -> None:
    assert Line().probe() == (
        b"OPTIONS sip:mbx1.example.com:5062;transport=tcp SIP/2.0\r\n"
        b"Via: SIP/2.0/TCP 192.0.2.1:40000;rport;branch=z9hG4bKt3\r\n"
        b"Max-Forwards: 70\r\n"
        b"From: <sip:192.0.2.1>;tag=t1\r\n"
        b"To: <sip:mbx1.example.com:5062;transport=tcp>\r\n"
        b"Call-ID: t2@192.0.2.1\r\n"
        b"CSeq: 1 OPTIONS\r\n"
        b"Accept: application/sdp\r\n"
        b"Content-Length: 0\r\n\r\n"
    )


def test_probes_of_one_connection_share_all_but_branch_and_number() -> None:
    line = Line()
    first = line.probe(100.0)
    line.receive(ok_to(first))
    second = line.probe(105.0)
    assert second == first.replace(b"z9hG4bKt3", b"z9hG4bKt4").replace(b"CSeq: 1 ", b"CSeq: 2 ")


@pytest.mark.parametrize(
    ("own_host", "local_address", "host"),
    [
        ("router.example.com", "192.0.2.1", "router.example.com"),
        ("", "2001:db8::1", "[2001:db8::1]"),
        ("2001:db8::5", "192.0.2.1", "[2001:db8::5]"),
    ],
)
def test_probe_comes_from_the_routers_own_host(own_host: str, local_address: str, host: str) -> None:
    options = read(Line(Peer("192.0.2.20", 5062, Transport.TCP, local_address, 1), own_host).probe())
    assert options.headers.get("from") == f"<sip:{host}>;tag=t1"
    assert options.headers.get("call-id") == f"t2@{host}"


# --- what comes of it


@pytest.mark.parametrize(
    ("status", "is_alive"), [(200, True), (302, True), (404, True), (500, False), (501, True), (503, False)]
)
def test_final_answer_is_the_result(status: int, is_alive: bool) -> None:
    line = Line()
    line.receive(ok_to(line.probe()).replace(b"200 OK", b"%d Any" % status))
    assert line.results == [answered(status)]
    assert line.results[0].is_alive is is_alive
    assert line.session.close_reason is None
    assert not line.exchange.is_busy()


def test_provisional_answer_is_none() -> None:
    line = Line()
    options = line.probe()
    line.receive(ok_to(options).replace(b"200 OK", b"100 Trying"))
    assert line.results == []
    assert line.exchange.is_busy()
    line.receive(ok_to(options))
    assert line.results == [answered(200)]


def test_answer_that_comes_twice_counts_once() -> None:
    line = Line()
    options = line.probe()
    line.receive(ok_to(options) * 2)
    assert line.results == [answered(200)]
    assert line.events == [MessageDiscarded(PEER, Reason.STRAY_RESPONSE)]


def test_answer_to_something_else_is_none() -> None:
    line = Line()
    line.receive(ok_to(line.probe()).replace(b"z9hG4bKt3", b"z9hG4bKt9"))
    assert line.results == []
    assert line.events == [MessageDiscarded(PEER, Reason.STRAY_RESPONSE)]


def test_overdue_answer_ends_the_probe_and_the_connection() -> None:
    line = Line()
    line.probe(now=100.5, started_at=100.0)
    assert line.session.next_deadline() == 102.0
    line.session.handle_deadline(102.0)
    assert line.results == [timed_out(2.0)]
    assert line.session.close_reason is CloseReason.DONE


def test_answer_in_time_leaves_no_deadline() -> None:
    line = Line()
    line.receive(ok_to(line.probe()), now=101.0)
    assert line.session.next_deadline() == 701.0  # idle_seconds, which this connection does not keep
    line.session.handle_deadline(701.0)
    assert line.session.close_reason is None


def test_timer_f_ends_a_probe_that_has_more_time() -> None:
    line = Line(limits=SessionLimits(transaction_seconds=1.0))
    line.probe()
    line.session.handle_deadline(101.0)
    assert line.results == [timed_out(2.0)]


def test_lost_connection_ends_the_probe() -> None:
    line = Line()
    line.probe()
    line.session.receive_eof(100.1)
    line.session.connection_lost(100.1)
    assert line.results == [LOST]


def test_first_probe_lost_over_tls_names_the_likely_reason() -> None:
    line = Line(Peer("192.0.2.20", 5063, Transport.TLS, "192.0.2.1", 40000))
    options = line.probe()
    hinted = failed("the connection ended before the answer, as if our certificate were not accepted")
    line.receive(ok_to(options))
    line.probe()
    line.session.connection_lost(101.0)
    assert line.results == [answered(200), LOST]
    other = Line(line.peer)
    other.probe()
    other.session.connection_lost(101.0)
    assert other.results == [hinted]


@pytest.mark.parametrize("end", ["eof", "lost"])
def test_probe_on_a_connection_that_has_ended_is_told_so_at_once(end: str) -> None:
    line = Line()
    if end == "eof":
        line.session.receive_eof(100.0)
    else:
        line.session.connection_lost(100.0)
    assert line.probe() == b""
    assert line.results == [LOST]


@pytest.mark.parametrize("octets", [b"\x00\xff", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"])
def test_server_that_speaks_something_else_ends_the_probe_without_a_line_in_the_log(octets: bytes) -> None:
    line = Line()
    line.probe()
    line.receive(octets)
    assert line.results == [NOT_SIP]
    assert line.session.close_reason is not None
    assert line.events == []


def test_connection_that_idles_is_kept() -> None:
    line = Line(limits=SessionLimits(idle_seconds=1.0))
    line.session.handle_deadline(101.0)
    line.session.handle_deadline(150.0)
    assert line.session.close_reason is None


# --- requests of the server's


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (request("OPTIONS"), 200),
        (request("OPTIONS", uri="mailto:a@b.example"), 416),
        (request("OPTIONS", extra="Require: 100rel\r\n"), 420),
        (request("OPTIONS", extra="Require: ,;\r\n"), 200),
        (request("INVITE"), 405),
        (request("INVITE", to_tag="x"), 481),
        (request("BYE", to_tag="x"), 481),
        (request("BYE"), 481),
        (request("NOTIFY", to_tag="x"), 481),
        (request("NOTIFY"), 405),
        (request("CANCEL"), 481),
        (request("FROB"), 501),
    ],
)
def test_request_of_the_servers_gets_its_answer(octets: bytes, status: int) -> None:
    line = Line()
    options = line.probe()
    answer = line.receive(octets)
    assert status_of(answer) == status
    assert (b"\r\nAllow: OPTIONS\r\n" in answer) is (status in (200, 405, 501))
    # The probe goes on beside.
    line.receive(ok_to(options))
    assert line.results == [answered(200)]
    assert {type(event) for event in line.events} == {RequestAnswered}


def test_cancel_of_a_refused_invite_and_its_ack_are_taken() -> None:
    line = Line()
    line.receive(request("INVITE"))
    cancel = request("CANCEL").replace(b"z9hG4bKCANCEL", b"z9hG4bKINVITE")
    assert status_of(line.receive(cancel)) == 200
    ack = request("ACK", to_tag="x").replace(b"z9hG4bKACK", b"z9hG4bKINVITE")
    assert line.receive(ack) == b""


def test_ack_of_nothing_gets_no_answer() -> None:
    line = Line()
    assert line.receive(request("ACK", to_tag="x")) == b""
    assert line.events == [MessageDiscarded(PEER, Reason.ACK_UNMATCHED)]


def test_drain_ends_nothing_that_is_under_way() -> None:
    line = Line()
    options = line.probe()
    line.session.begin_drain(100.1)
    line.session.handle_deadline(101.0)
    assert line.session.close_reason is None
    line.receive(ok_to(options), now=101.0)
    assert line.results == [answered(200)]


# --- whatever a server does

ANSWERS: list[Callable[[bytes], bytes]] = [
    ok_to,
    lambda options: ok_to(options).replace(b"200 OK", b"503 Any"),
    lambda options: ok_to(options).replace(b"SIP/2.0 200", b"SIP/2.0 xyz"),
    lambda options: ok_to(options).replace(b"Via: ", b"Vix: "),
    lambda options: ok_to(options).replace(b"CSeq: ", b"CSeq: x"),
    lambda _: make_options(),
    lambda _: request("INVITE"),
    lambda _: b"\r\n\r\n",
]


@given(st.data())
def test_every_probe_has_one_result_whatever_the_server_sends(data: st.DataObject) -> None:
    line = Line()
    options = line.probe()
    octets = b"".join(make(options) for make in data.draw(st.lists(st.sampled_from(ANSWERS), max_size=4)))
    if data.draw(st.booleans()):
        octets = data.draw(mutated(st.just(octets)))
    now = 100.0
    for piece in data.draw(cut(octets)):
        now += 0.01
        line.session.receive_data(piece, now)
        line.session.data_to_send()
    line.session.handle_deadline(102.0)
    line.session.connection_lost(102.0)
    assert len(line.results) == 1
    assert [event for event in line.events if isinstance(event, SessionFailed)] == []
