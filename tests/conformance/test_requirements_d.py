"""RFC-REQUIREMENTS section D: how answers are made (RFC 3261 8.2.6). Copying is checked with every vector as well."""

import re
import time
from collections.abc import Iterator

import pytest
import sipmessage

from tests.conformance.conftest import DELAY_SECONDS, StartVariant
from tests.conformance.corpus import read_octets
from tests.conformance.wire import Answer, Connection, Request, build, dial
from tests.router import Router

_STATUS_LINE = re.compile(rb"SIP/2\.0 [1-6][0-9][0-9] .*\r\n")
_REQUESTS = {
    "302": build(),
    "200": build("OPTIONS"),
    "400": build(changes={"Max-Forwards": "x"}),
    "405": build("REGISTER"),
    "416": build(uri="foo:bar"),
    "420": build("OPTIONS", changes={"Require": "foo, bar"}),
    "481": build("BYE"),
    "501": build("FETCH"),
    "505": build(version="SIP/7.0"),
}


@pytest.fixture(params=list(_REQUESTS.values()), ids=list(_REQUESTS))
def asked(request: pytest.FixtureRequest) -> Request:
    asked: Request = request.param
    return asked


@pytest.fixture
def answer(connection: Connection, asked: Request) -> Answer:
    return connection.ask(asked)


@pytest.fixture(scope="module")
def nameless_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(redirect={"server_header": ""}) as router:
        yield router


@pytest.fixture(scope="module")
def renamed_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(redirect={"server_header": "conformance/1.0"}) as router:
        yield router


def test_d01_from_is_copied(asked: Request, answer: Answer) -> None:
    assert answer.value("From") == asked.value("From")


def test_d02_call_id_is_copied(asked: Request, answer: Answer) -> None:
    assert answer.value("Call-ID") == asked.value("Call-ID")


def test_d03_cseq_is_copied(asked: Request, answer: Answer) -> None:
    assert answer.value("CSeq") == asked.value("CSeq")


def test_d03_leading_zeros_of_cseq_are_kept(connection: Connection) -> None:
    connection.send(read_octets("edges/e079-cseq-leading-zeros.dat"))

    assert connection.read_answer().value("CSeq") == "0009 INVITE"


def test_d04_only_the_top_via_changes(connection: Connection) -> None:
    connection.send(read_octets("rfc4475/transports.dat"))

    asked = [line[5:] for line in read_octets("rfc4475/transports.dat").decode().split("\r\n") if line[:5] == "Via: "]
    assert connection.read_answer().values("Via") == [f"{asked[0]};received=127.0.0.1", *asked[1:]]


def test_d04_comma_in_a_quoted_via_parameter_splits_nothing(connection: Connection) -> None:
    connection.send(read_octets("edges/e057-via-quoted-comma.dat"))

    assert connection.read_answer().value("Via") == (
        'SIP/2.0/TCP p1.example.net;branch=z9hG4bKedge055;x="a,b;c";received=127.0.0.1, '
        "SIP/2.0/UDP p2.example.net;branch=z9hG4bKold"
    )


def test_d05_to_gains_one_tag(asked: Request, answer: Answer) -> None:
    assert re.fullmatch(re.escape(asked.value("To")) + ";tag=[0-9a-f]{10}", answer.value("To"))


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "BYE", "REGISTER"])
def test_d06_tag_of_to_is_kept(connection: Connection, method: str) -> None:
    request = build(method, changes={"To": "<sip:alice@redirect.example.com>;x=y;tag=given1;z"})

    assert connection.ask(request).value("To") == request.value("To")


def test_d07_retransmission_and_cancel_share_the_to_tag(connection: Connection) -> None:
    connection.send(read_octets("edges/e121-invite-retransmit-twice.dat"))
    retransmitted = [connection.read_answer().to_tag for _ in range(2)]
    connection.send(read_octets("edges/e123-invite-then-cancel.dat"))
    cancelled = [connection.read_answer().to_tag for _ in range(2)]

    assert len(set(retransmitted)) == len(set(cancelled)) == 1
    assert retransmitted[0] != cancelled[0]


def test_d08_to_tags_are_unique_and_long(connection: Connection) -> None:
    tags = []
    for _ in range(20):
        requests = [build() for _ in range(50)]
        connection.send(b"".join(request.octets for request in requests))
        answers = [connection.read_answer() for _ in requests]
        connection.send(b"".join(request.ack(each) for request, each in zip(requests, answers, strict=True)))
        tags += [each.to_tag for each in answers]

    assert len(set(tags)) == 1000
    assert min(len(tag) for tag in tags) >= 8


def test_d08_to_tag_depends_on_the_router(router: Router, slow_router: Router) -> None:
    request = build("OPTIONS")
    with dial(router) as one, dial(slow_router) as other:
        assert one.ask(request).to_tag != other.ask(request).to_tag


@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "MESSAGE", "PUBLISH", "PRACK", "BYE"])
def test_d09_d10_d11_non_invite_gets_its_final_answer_at_once(slow_router: Router, transport: str, method: str) -> None:
    with dial(slow_router, transport) as connection:
        answer = connection.ask(build(method))

        assert answer.status in (200, 405, 481)
        connection.assert_alive()


def test_d12_held_back_answer_is_announced_by_100_without_to_tag(slow_router: Router, transport: str) -> None:
    request = build()
    with dial(slow_router, transport) as connection:
        asked_at = time.monotonic()
        trying, final = connection.ask(request), connection.read_answer()
        answered_at = time.monotonic()

    assert (trying.status, trying.to_tag, trying.value("To")) == (100, "", request.value("To"))
    assert final.status == 302
    assert answered_at - asked_at >= DELAY_SECONDS


def test_d12_quick_answer_is_not_announced(connection: Connection) -> None:
    assert connection.ask(build()).status == 302


def test_d13_timestamp_is_copied_to_100(slow_router: Router, transport: str) -> None:
    with dial(slow_router, transport) as connection:
        connection.send(read_octets("edges/e063-timestamp.dat"))

        trying, final = connection.read_answer(), connection.read_answer()

    # The 100 goes out at once: there was no delay to add.
    assert (trying.status, trying.value("Timestamp")) == (100, "54.21")
    assert final.status == 302


def test_d14_server_header_is_the_products(answer: Answer) -> None:
    assert answer.value("Server") == "RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017"


def test_d14_server_header_can_be_left_out(nameless_router: Router, asked: Request) -> None:
    with dial(nameless_router) as connection:
        assert not connection.ask(asked).has("Server")


def test_d14_server_header_can_be_replaced(renamed_router: Router, asked: Request) -> None:
    with dial(renamed_router) as connection:
        assert connection.ask(asked).value("Server") == "conformance/1.0"


def test_d15_answers_hold_no_header_without_an_entry_in_the_tables(connection: Connection) -> None:
    request = build(changes={"Record-Route": "<sip:p1.example.net;lr>", "Route": "<sip:x.example;lr>"})

    answers = [connection.ask(request)]
    connection.send(request.cancel())
    answers.append(connection.read_answer())

    assert [(each.status, each.has("Contact")) for each in answers] == [(302, True), (200, False)]
    assert not any(each.has(name) for each in answers for name in ("Record-Route", "Route", "Require", "Max-Forwards"))


def test_d16_status_line_is_well_formed(answer: Answer) -> None:
    assert _STATUS_LINE.match(answer.octets)


def test_d17_independent_parser_reads_the_answer(asked: Request, answer: Answer) -> None:
    message = sipmessage.Message.parse(answer.octets)

    assert isinstance(message, sipmessage.Response)
    assert message.code == answer.status
    assert message.call_id == asked.value("Call-ID")
    assert all(contact.uri.host == "mbx1.example.test" for contact in message.contact)
    assert answer.octets.count(b"\r") == answer.octets.count(b"\n") == answer.octets.count(b"\r\n")
