"""RFC-REQUIREMENTS section A, first half: where messages begin and end on a stream (A01 to A12, A22 to A24)."""

import time

import pytest

from bench.process import resident_bytes
from callrouter.settings.model import Settings
from tests.conformance.conftest import IDLE_SECONDS
from tests.conformance.corpus import read_octets
from tests.conformance.wire import Connection, build, dial
from tests.router import Router

_T1_SECONDS = 0.5
_MEGABYTE = 1 << 20


def test_a01_single_crlf_before_a_request_is_passed_over(connection: Connection) -> None:
    connection.send(read_octets("edges/e089-single-crlf.dat"))

    connection.assert_alive()


def test_a02_double_crlf_gets_one_crlf(connection: Connection) -> None:
    first, last = build("OPTIONS"), build("OPTIONS")
    connection.send(first.octets + b"\r\n\r\n" + last.octets)

    assert connection.read_answer().value("Call-ID") == first.value("Call-ID")
    assert connection.read_octets(2) == b"\r\n"
    assert connection.read_answer().value("Call-ID") == last.value("Call-ID")


def test_a02_double_crlf_cut_in_pieces_gets_one_crlf(connection: Connection) -> None:
    for octet in b"\r\n\r\n":
        connection.send(bytes([octet]))

    assert connection.read_octets(2) == b"\r\n"
    connection.assert_alive()


def test_a03_pipelined_requests_get_answers_in_order(connection: Connection) -> None:
    connection.send(read_octets("edges/e091-pipelined-three.dat"))

    answers = [connection.read_answer() for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 302, 200]
    assert [answer.value("CSeq").split()[1] for answer in answers] == ["OPTIONS", "INVITE", "OPTIONS"]
    connection.assert_alive()


@pytest.mark.parametrize(("method", "status"), [("INVITE", 302), ("OPTIONS", 200), ("REGISTER", 405), ("BYE", 481)])
def test_a04_answer_without_body_says_content_length_0(connection: Connection, method: str, status: int) -> None:
    answer = connection.ask(build(method))

    assert (answer.status, answer.value("Content-Length")) == (status, "0")


def test_a05_missing_content_length_without_body_is_taken_as_0(connection: Connection) -> None:
    assert connection.ask(build("OPTIONS", changes={"Content-Length": None})).status == 200
    connection.assert_alive()


def test_a05_missing_content_length_with_body_gets_400_and_close(connection: Connection) -> None:
    changes = {"Content-Length": None, "Content-Type": "application/sdp"}

    answer = connection.ask(build(changes=changes, body=b"v=0\r\n\r\n" + build("OPTIONS").octets))

    assert (answer.status, answer.phrase) == (400, "Missing Content-Length Header Field")
    connection.assert_closed()


def test_a06_missing_octets_are_waited_for(connection: Connection) -> None:
    request = build(body=b"0123456789")
    connection.send(request.octets[:-1])
    connection.send(request.octets[-1:])

    assert connection.read_answer().status == 302
    connection.assert_alive()


def test_a06_missing_octets_that_never_come_close_without_answer(impatient_router: Router, transport: str) -> None:
    with dial(impatient_router, transport) as connection:
        connection.send(build(body=b"0123456789").octets[:-1])

        connection.assert_closed()


@pytest.mark.parametrize("length", ["-1", "+1", "ten", "1.5", "0x10", "90, 90", ""])
def test_a07_content_length_that_is_no_number_gets_400_and_close(connection: Connection, length: str) -> None:
    request = build(changes={"Content-Length": length})
    connection.send(request.octets + build("OPTIONS").octets)

    answer = connection.read_answer()

    assert (answer.status, answer.phrase) == (400, "Malformed Content-Length Header Field")
    connection.assert_closed()


@pytest.mark.parametrize("other", ["Content-Length: 5", "Content-Length: 13", "l: 5", "CONTENT-LENGTH: 0"])
def test_a08_second_content_length_gets_400_and_close(connection: Connection, other: str) -> None:
    request = build(body=b"Hello, world!").octets.replace(b"Max-Forwards", other.encode() + b"\r\nMax-Forwards")
    connection.send(request + build("OPTIONS").octets)

    assert connection.read_answer().status == 400
    connection.assert_closed()


def test_a09_octets_after_the_body_are_the_next_message(connection: Connection) -> None:
    first, second = build(body=b"v=0\r\n"), build("OPTIONS")
    connection.send(first.octets + second.octets)

    assert connection.read_answer().status == 302
    assert connection.read_answer().value("Call-ID") == second.value("Call-ID")


def test_a09_junk_after_the_body_is_never_merged(connection: Connection) -> None:
    connection.send(build(body=b"v=0\r\n").octets + b"junk\r\n\r\n")

    assert connection.read_answer().status == 302
    connection.assert_closed()


def test_a10_nul_and_bare_lf_in_a_body_do_not_end_it(connection: Connection) -> None:
    connection.send(read_octets("rfc4475/mpart01.dat"))

    assert connection.read_answer().status == 405
    connection.assert_alive()


def test_a10_request_inside_a_body_is_not_read(connection: Connection) -> None:
    body = b"\0\n\r\n\r\n" + build("OPTIONS").octets

    assert connection.ask(build(body=body)).status == 302
    connection.assert_alive()


def test_a11_idle_limit_counts_from_the_last_message(impatient_router: Router, transport: str) -> None:
    # The mechanism with a short limit, and that the limit is by default at least 64*T1.
    with dial(impatient_router, transport) as connection:
        connection.assert_alive()
        asked_at = time.monotonic()
        connection.assert_alive()
        connection.assert_closed()

    assert time.monotonic() - asked_at >= IDLE_SECONDS
    assert Settings().limits.idle_seconds >= 64 * _T1_SECONDS


def test_a12_hundred_requests_share_a_connection(connection: Connection) -> None:
    requests = [build() for _ in range(100)]

    answers = [connection.call(request) for request in requests]

    assert [answer.value("Call-ID") for answer in answers] == [request.value("Call-ID") for request in requests]
    assert {answer.status for answer in answers} == {302}


_JUNK = {
    "tls-client-hello": read_octets("edges/e083-tls-client-hello-on-tcp.dat"),
    "http": b"GET / HTTP/1.1\r\nHost: redirect.example.com\r\n\r\n",
    "http-options": b"OPTIONS * HTTP/1.1\r\nHost: redirect.example.com\r\nContent-Length: 0\r\n\r\n",
    "octets": bytes(range(128, 256)),
    "nul": bytes(64),
    "cr": b"\r\r\r\r",
    "text": b"hello\r\n\r\n",
}


@pytest.mark.parametrize("junk", _JUNK.values(), ids=_JUNK.keys())
def test_a22_what_is_not_sip_closes_without_answer(
    router: Router, connection: Connection, transport: str, junk: bytes
) -> None:
    connection.send(junk)

    connection.assert_closed()
    with dial(router, transport) as other:
        other.assert_alive()


def test_a23_too_large_head_gets_513_and_close(connection: Connection) -> None:
    answer = connection.ask(build(changes={"X-Long": "z" * 70_000}))

    assert answer.status == 513
    connection.assert_closed()


def test_a23_too_many_headers_get_513_on_a_living_connection(connection: Connection) -> None:
    answer = connection.ask(build(changes={f"X-{number}": "z" for number in range(300)}))

    assert answer.status == 513
    connection.assert_alive()


def test_a23_too_long_request_uri_gets_414_on_a_living_connection(connection: Connection) -> None:
    answer = connection.ask(build(uri=f"sip:{'a' * 5000}@redirect.example.com"))

    assert answer.status == 414
    connection.assert_alive()


def test_a23_too_large_body_gets_413_and_close(connection: Connection) -> None:
    answer = connection.ask(build(changes={"Content-Length": "131073"}))

    assert answer.status == 413
    connection.assert_closed()


def test_a23_memory_stays_flat_under_announced_bodies(router: Router, transport: str) -> None:
    huge = read_octets("edges/e099-content-length-huge.dat")
    before = resident_bytes(router.pid)

    for _ in range(20):
        with dial(router, transport) as connection:
            connection.send(huge)
            assert connection.read_answer().status in (400, 413)
            connection.assert_closed()

    assert resident_bytes(router.pid) - before < 4 * _MEGABYTE


def test_a24_request_sent_octet_by_octet_is_answered_beside_others(router: Router, transport: str) -> None:
    octets = read_octets("edges/e001-invite-known-user.dat")
    with dial(router, transport) as slow, dial(router, transport) as quick:
        for position, octet in enumerate(octets):
            slow.send(bytes([octet]))
            if position % 100 == 0:
                quick.assert_alive()

        assert slow.read_answer().status == 302


def test_a24_half_message_is_cut_while_others_are_served(impatient_router: Router, transport: str) -> None:
    with dial(impatient_router, transport) as half, dial(impatient_router, transport) as whole:
        half.send(read_octets("edges/e107-half-message.dat"))
        whole.assert_alive()

        half.assert_closed()
        whole.assert_alive()
