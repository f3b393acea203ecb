"""RFC-REQUIREMENTS section F: CANCEL and ACK (RFC 3261 9.2, 17.1.1.3, 17.2.3)."""

import pytest

from tests.conformance.corpus import read_octets
from tests.conformance.wire import Connection, build, dial
from tests.router import Router


def test_f01_cancel_that_matches_nothing_gets_481(connection: Connection) -> None:
    connection.send(read_octets("edges/e027-cancel-unmatched.dat"))

    assert connection.read_answer().status == 481
    connection.assert_alive()


def test_f02_cancel_after_the_final_answer_changes_nothing(connection: Connection) -> None:
    request = build()
    answer = connection.ask(request)
    connection.send(request.cancel())

    assert connection.read_answer().status == 200
    assert connection.ask(request).octets == answer.octets


def test_f03_cancel_of_a_pending_invite_gets_200_and_487(slow_router: Router, transport: str) -> None:
    request = build()
    with dial(slow_router, transport) as connection:
        assert connection.ask(request).status == 100
        connection.send(request.cancel())
        cancel, invite = connection.read_answer(), connection.read_answer()
        connection.send(request.ack(invite))

        assert (cancel.status, cancel.value("CSeq")) == (200, "1 CANCEL")
        assert (invite.status, invite.value("CSeq")) == (487, "1 INVITE")
        assert cancel.to_tag == invite.to_tag
        # The answer that was held back is due before this one's.
        assert [connection.ask(build()).status, connection.read_answer().status] == [100, 302]


@pytest.mark.parametrize(("old", "new"), [("branch=z9hG4bK", "branch=z9hG4bKother"), ("client.", "other.")])
def test_f04_cancel_matches_by_branch_and_sent_by(connection: Connection, old: str, new: str) -> None:
    request = build()
    connection.ask(request)
    other = request.change({"Via": request.value("Via").replace(old, new)})

    connection.send(other.cancel() + request.cancel())

    assert [connection.read_answer().status for _ in range(2)] == [481, 200]


def test_f05_cancel_of_options_has_no_effect_on_it(connection: Connection) -> None:
    request = build("OPTIONS")
    connection.send(request.octets + request.cancel())

    assert [connection.read_answer().status for _ in range(2)] == [200, 481]


def test_f06_cancel_and_invite_share_the_to_tag(connection: Connection) -> None:
    connection.send(read_octets("edges/e123-invite-then-cancel.dat"))

    invite, cancel = connection.read_answer(), connection.read_answer()

    assert invite.to_tag == cancel.to_tag != ""


_ACKS = {
    "unmatched": build("ACK").octets,
    "with-require": read_octets("edges/e029-ack-with-require.dat"),
    "without-call-id": build("ACK", changes={"Call-ID": None}).octets,
    "malformed": build("ACK", changes={"Via": ";;", "CSeq": "x", "To": '"'}).octets,
    "unknown-scheme": build("ACK", "foo:bar").octets,
    "other-version": build("ACK", version="SIP/7.0").octets,
    "no-version": build("ACK").octets.replace(b" SIP/2.0\r\n", b"\r\n", 1),
    "with-body": build("ACK", body=b"v=0\r\n").octets,
}


@pytest.mark.parametrize("ack", _ACKS.values(), ids=_ACKS.keys())
def test_f07_ack_gets_no_answer(connection: Connection, ack: bytes) -> None:
    connection.send(ack)

    connection.assert_alive()


def test_f07_ack_that_ends_the_stream_gets_no_answer(connection: Connection) -> None:
    connection.send(build("ACK", changes={"Content-Length": "-1"}).octets)

    connection.assert_closed()


def test_f08_ack_ends_the_transaction(connection: Connection) -> None:
    request = build()
    answer = connection.ask(request)
    connection.send(request.cancel())
    assert connection.read_answer().status == 200

    connection.send(request.ack(answer) + request.cancel())

    assert connection.read_answer().status == 481


def test_f08_ack_with_another_branch_ends_nothing(connection: Connection) -> None:
    request = build()
    answer = connection.ask(request)
    other = request.change({"Via": "SIP/2.0/TCP client.example.net;branch=z9hG4bKf08"})

    connection.send(other.ack(answer) + request.cancel())

    assert connection.read_answer().status == 200


def test_f09_ack_of_a_2543_peer_is_matched_without_branch(connection: Connection) -> None:
    request = build(changes={"Via": "SIP/2.0/TCP client.example.net", "From": "<sip:caller@client.example.net>"})
    answer = connection.ask(request)
    wrong = answer.value("To").replace("tag=", "tag=x")

    connection.send(request.ack(answer).replace(answer.value("To").encode(), wrong.encode()) + request.cancel())
    assert connection.read_answer().status == 200
    connection.send(request.ack(answer) + request.cancel())
    assert connection.read_answer().status == 481


@pytest.mark.parametrize("name", ["Require", "Proxy-Require"])
def test_f10_require_in_cancel_is_ignored(connection: Connection, name: str) -> None:
    request = build()
    connection.ask(request)
    connection.send(request.cancel().replace(b"Content-Length", f"{name}: foo\r\nContent-Length".encode()))

    assert connection.read_answer().status == 200
