"""RFC-REQUIREMENTS section E: how a redirect server behaves (RFC 3261 8.3, 13.3.1.2, 20.10, 21.3)."""

import re
from collections.abc import Iterator

import pytest

from tests.conformance.conftest import StartVariant
from tests.conformance.corpus import read_octets
from tests.conformance.process_sockets import read_sockets
from tests.conformance.wire import Connection, Request, build, dial
from tests.router import Router

_CONTACT = re.compile(r"<sip:alice@mbx1\.example\.test:506[23];transport=T(?:cp|ls)>")
_REFUSED = (
    build(uri="foo:bar"),
    build(uri="sip:nobody@nowhere.example", changes={"To": "<sip:nobody@nowhere.example>;tag=x"}),
    build("BYE"),
    build("REGISTER"),
    build("FETCH"),
    build(changes={"CSeq": "1 BYE"}),
    build("OPTIONS", changes={"Require": "foo"}),
    build(version="SIP/7.0"),
)


@pytest.fixture(scope="module")
def draining_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(router={"component_state": "Draining"}) as router:
        yield router


def test_e01_no_request_is_ever_sent(router: Router, connection: Connection) -> None:
    for request in (build(), build(uri="sip:alice@127.0.0.1:9"), build(changes={"Route": "<sip:127.0.0.1:9;lr>"})):
        assert connection.call(request).status == 302
    connection.assert_alive()

    own = {router.tcp_port, router.tls_port, router.admin_port}
    for table in ("tcp", "tcp6"):
        assert {row.local_port for row in read_sockets(router.pid, table)} <= own


def test_e02_redirect_names_a_target(connection: Connection) -> None:
    connection.send(read_octets("edges/e001-invite-known-user.dat"))

    answer = connection.read_answer()

    assert answer.status == 302
    assert _CONTACT.fullmatch(answer.value("Contact"))


def test_e03_302_carries_contact(connection: Connection) -> None:
    connection.send(read_octets("edges/e127-multi-target-user.dat"))

    answer = connection.read_answer()

    assert (answer.status, len(answer.values("Contact"))) == (302, 1)


def _target_uri(connection: Connection) -> str:
    return connection.call(build()).value("Contact").strip("<>")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("mbx1", "MBX1"),
        ("alice", "%61lice"),
        ("transport=T", "transport=t"),
        (";transport", ";unknown;transport"),
    ],
)
def test_e04_redirect_to_the_request_uri_itself_gets_404(connection: Connection, old: str, new: str) -> None:
    answer = connection.ask(build(uri=_target_uri(connection).replace(old, new, 1)))

    assert (answer.status, answer.has("Contact")) == (404, False)


@pytest.mark.parametrize(
    "uri",
    [
        "sip:alice@mbx1.example.test",
        "sip:alice@mbx1.example.test:5062",
        "sip:alice@mbx1.example.test:5063",
        "sip:alice@mbx1.example.test:5070;transport=tcp",
        "sip:alice@mbx2.example.test:5062;transport=Tcp",
    ],
)
def test_e05_same_user_and_host_with_another_port_or_transport_is_another_target(
    connection: Connection, uri: str
) -> None:
    assert connection.call(build(uri=uri)).status == 302


@pytest.mark.parametrize("changes", [{"Require": "foo"}, {"X-Unknown": "?"}, {"Supported": "foo"}, {"Allow": "FETCH"}])
def test_e06_what_is_not_understood_is_ignored(connection: Connection, changes: dict[str, str]) -> None:
    assert connection.call(build(changes=changes)).status == 302


def test_e07_cancel_gets_200(connection: Connection) -> None:
    connection.send(read_octets("edges/e123-invite-then-cancel.dat"))

    assert [connection.read_answer().status for _ in range(2)] == [302, 200]
    connection.assert_alive()


def test_e08_transaction_is_remembered_until_its_ack(connection: Connection) -> None:
    request = build()
    first = connection.ask(request)

    for _ in range(3):
        assert connection.ask(request).octets == first.octets
    connection.send(request.ack(first) + request.cancel())
    assert connection.read_answer().status == 481


def test_e09_e10_e13_contact_has_no_expires_and_no_q(connection: Connection) -> None:
    answer = connection.call(build())

    assert not answer.has("Expires")
    assert answer.value("Contact").endswith(">")


def test_e11_e12_redirect_is_302(connection: Connection) -> None:
    answer = connection.call(build())

    assert (answer.status, answer.phrase) == (302, "Moved Temporarily")


@pytest.mark.parametrize("user", ["a%2Cb", "a,b", "a;b=c", "a?b"])
def test_e14_contact_is_in_angle_brackets(connection: Connection, user: str) -> None:
    answer = connection.call(build(uri=f"sip:{user}@redirect.example.com"))

    assert answer.value("Contact").startswith(f"<sip:{user}@mbx1.example.test:")
    assert answer.value("Contact").endswith(">")


def test_e15_contact_has_neither_lr_nor_method(connection: Connection) -> None:
    answer = connection.call(build(uri="sip:alice@redirect.example.com;lr;method=BYE;ttl=3?Subject=x"))

    assert _CONTACT.fullmatch(answer.value("Contact"))


def test_e15_maddr_is_repeated_where_the_request_uri_has_one(connection: Connection) -> None:
    answer = connection.call(build(uri="sip:3213@redirect.example.com;;maddr=pool.example.test"))

    assert answer.value("Contact").endswith(";maddr=pool.example.test>")


def test_e18_answers_are_deterministic(connection: Connection) -> None:
    request = build()

    assert len({connection.call(request).octets for _ in range(100)}) == 1


def test_e20_draining_router_answers_503_with_retry_after(draining_router: Router, transport: str) -> None:
    with dial(draining_router, transport) as connection:
        answer = connection.call(build())

    assert answer.status == 503
    assert re.fullmatch(r"[1-9][0-9]*", answer.value("Retry-After"))


@pytest.mark.parametrize("refused", _REFUSED, ids=lambda request: request.method)
def test_e20_other_refusals_have_no_retry_after(connection: Connection, refused: Request) -> None:
    assert not connection.ask(refused).has("Retry-After")


def test_e21_overload_gets_503_and_passes(impatient_router: Router, transport: str) -> None:
    with dial(impatient_router, transport) as connection:
        open_calls = [build() for _ in range(5)]
        answers = [connection.ask(request) for request in open_calls]
        refused = connection.ask(build())
        connection.send(open_calls[0].ack(answers[0]))

        assert {each.status for each in answers} == {302}
        assert (refused.status, refused.has("Retry-After")) == (503, True)
        assert connection.call(build()).status == 302


def test_e23_expires_of_the_invite_limits_no_redirect(connection: Connection) -> None:
    answer = connection.call(build(changes={"Expires": "1"}))

    assert (answer.status, answer.has("Expires")) == (302, False)


@pytest.mark.parametrize("refused", _REFUSED, ids=lambda request: request.method)
def test_e24_refusal_is_never_6xx(connection: Connection, refused: Request) -> None:
    assert 400 <= connection.ask(refused).status < 600
