"""RFC-REQUIREMENTS section G: server transactions on a reliable transport (RFC 3261 17.2, RFC 6026)."""

import pytest

from callrouter.settings.model import Settings
from tests.conformance.corpus import read_octets
from tests.conformance.wire import Connection, build, dial
from tests.router import Router

_TIMED_OUT = "callrouter_transactions_timed_out_total"
_TIMER_H_SECONDS = 32.0


def test_g01_g02_unacknowledged_302_is_sent_once_and_forgotten_at_timer_h(
    impatient_router: Router, transport: str
) -> None:
    before = impatient_router.read_metric(_TIMED_OUT)
    request = build()
    with dial(impatient_router, transport) as connection:
        answer = connection.ask(request)
        # The line comes with Timer H; until then, and after it, nothing is sent.
        impatient_router.log.wait_for(1, event="transaction timed out", call_id=request.value("Call-ID"))
        connection.send(request.ack(answer) + request.cancel())
        late = connection.read_answer()
        connection.assert_alive()

    assert (answer.status, late.status, late.value("CSeq")) == (302, 481, "1 CANCEL")
    assert impatient_router.read_metric(_TIMED_OUT) == before + 1
    assert Settings().limits.transaction_seconds == _TIMER_H_SECONDS


def test_g01_acknowledged_302_does_not_time_out(impatient_router: Router, transport: str) -> None:
    acknowledged, forgotten = build(), build()
    with dial(impatient_router, transport) as connection:
        assert connection.call(acknowledged).status == 302
        assert connection.ask(forgotten).status == 302
        impatient_router.log.wait_for(1, event="transaction timed out", call_id=forgotten.value("Call-ID"))

    call_id = acknowledged.value("Call-ID")
    assert impatient_router.log.select(event="transaction timed out", call_id=call_id) == []


def test_g03_ack_ends_the_transaction_at_once(connection: Connection) -> None:
    request = build()
    first = connection.call(request)
    connection.send(request.cancel())
    assert connection.read_answer().status == 481

    # A new transaction; its To tag, a hash of the same octets, is that of the first by design (G14).
    assert connection.ask(request).octets == first.octets
    connection.send(request.cancel())
    assert connection.read_answer().status == 200


def test_g04_retransmission_gets_the_same_302(connection: Connection) -> None:
    connection.send(read_octets("edges/e121-invite-retransmit-twice.dat"))

    assert connection.read_answer().octets == connection.read_answer().octets
    connection.assert_alive()


def test_g05_retransmission_while_pending_gets_100_again(slow_router: Router, transport: str) -> None:
    request = build()
    with dial(slow_router, transport) as connection:
        first, again = connection.ask(request), connection.ask(request)
        final = connection.read_answer()

        assert (first.status, final.status) == (100, 302)
        assert first.octets == again.octets
        connection.assert_alive()


def test_g07_repeated_options_gets_two_answers(connection: Connection) -> None:
    request = build("OPTIONS")

    assert connection.ask(request).octets == connection.ask(request).octets
    connection.assert_alive()


def test_g09_same_branch_from_two_senders_is_two_transactions(connection: Connection) -> None:
    connection.send(read_octets("edges/e125-same-branch-other-sent-by.dat"))
    assert [connection.read_answer().status for _ in range(2)] == [200, 200]

    requests = [build(changes={"Via": f"SIP/2.0/TCP h{number}.example.net;branch=z9hG4bKg09"}) for number in (1, 2)]
    answers = [connection.ask(request) for request in requests]

    assert [each.value("Call-ID") for each in answers] == [each.value("Call-ID") for each in requests]


@pytest.mark.parametrize("branch", ["", ";branch=390skdjuw", ";branch=1"])
def test_g10_without_cookie_a_request_is_matched_by_its_fields(connection: Connection, branch: str) -> None:
    request = build(changes={"Via": f"SIP/2.0/TCP client.example.net{branch}"})
    other = build(changes={"Via": f"SIP/2.0/TCP client.example.net{branch}"})

    first, second, third = connection.ask(request), connection.ask(request), connection.ask(other)

    assert first.octets == second.octets
    assert third.value("Call-ID") == other.value("Call-ID")


@pytest.mark.parametrize(("name", "status"), [("wsinv", 481), ("longreq", 302)])
def test_g10_torture_messages_without_cookie_are_handled(connection: Connection, name: str, status: int) -> None:
    connection.send(read_octets(f"rfc4475/{name}.dat"))

    assert connection.read_answer().status == status


@pytest.mark.parametrize("method", ["INVITE", "OPTIONS"])
def test_g11_branch_of_only_the_cookie_is_never_shared(connection: Connection, method: str) -> None:
    requests = [build(method, changes={"Via": "SIP/2.0/TCP client.example.net;branch=z9hG4bK"}) for _ in range(2)]

    answers = [connection.ask(request) for request in requests]

    assert [each.value("Call-ID") for each in answers] == [each.value("Call-ID") for each in requests]
    assert answers[0].to_tag != answers[1].to_tag


def test_g12_invite_repeated_on_a_new_connection_gets_the_same_answer(slow_router: Router, transport: str) -> None:
    # Without state that connections share: the answer is made of the same octets again.
    request = build()
    with dial(slow_router, transport) as connection:
        assert connection.ask(request).status == 100
        connection.reset()
    answers = []
    for _ in range(2):
        with dial(slow_router, transport) as connection:
            assert connection.ask(request).status == 100
            answers.append(connection.read_answer())

    assert answers[0].status == 302
    assert answers[0].octets == answers[1].octets


@pytest.mark.parametrize("uri", ["sip:alice@redirect.example.com", "sip:redirect.example.com", "tel:+14255550100"])
def test_g13_invite_never_gets_2xx(connection: Connection, uri: str) -> None:
    assert connection.call(build(uri=uri)).status == 302


def test_g14_same_octets_get_the_same_to_tag(router: Router, transport: str) -> None:
    request = build("OPTIONS")
    tags = set()
    for _ in range(3):
        with dial(router, transport) as connection:
            tags.add(connection.ask(request).to_tag)

    assert len(tags) == 1


@pytest.mark.parametrize("name", ["unreason", "noreason", "scalarlg", "bigcode", "bcast"])
def test_g15_response_gets_silence(connection: Connection, name: str) -> None:
    connection.send(read_octets(f"rfc4475/{name}.dat"))

    connection.assert_alive()


def test_g15_our_own_answer_sent_back_gets_silence(connection: Connection) -> None:
    answer = connection.ask(build())
    connection.send(answer.octets)

    connection.assert_alive()
