"""RFC-REQUIREMENTS section J: sips and TLS (RFC 5630, RFC 3261 19.1.4, 26.4.4)."""

from collections.abc import Iterator

import pytest

from tests.conformance.wire import Connection, build, dial
from tests.router import Router

_SIPS = "sips:alice@redirect.example.com"


@pytest.fixture
def over_tls(router: Router) -> Iterator[Connection]:
    with dial(router, "TLS") as connection:
        yield connection


@pytest.fixture
def over_tcp(router: Router) -> Iterator[Connection]:
    with dial(router, "TCP") as connection:
        yield connection


def test_j01_sips_over_tls_is_redirected_to_sips(over_tls: Connection) -> None:
    answer = over_tls.call(build(uri=_SIPS))

    assert (answer.status, answer.value("Contact")) == (302, "<sips:alice@mbx1.example.test:5063>")


def test_j01_sip_over_tls_is_redirected_to_sip_over_tls(over_tls: Connection) -> None:
    answer = over_tls.call(build())

    assert answer.value("Contact") == "<sip:alice@mbx1.example.test:5063;transport=Tls>"


def test_j02_sips_over_tcp_gets_480_with_warning_380(over_tcp: Connection) -> None:
    answer = over_tcp.call(build(uri=_SIPS))

    assert (answer.status, answer.has("Contact")) == (480, False)
    assert answer.value("Warning") == '380 callrouter "SIPS Not Allowed"'


@pytest.mark.parametrize("value", ["transport=Tls", "transport=Tcp"])
def test_j03_transport_parameter_is_written_as_the_product_does(
    over_tls: Connection, over_tcp: Connection, value: str
) -> None:
    # The documented departure: RFC 5630 5.4 has no transport=tls, Exchange and Lync write it.
    connection = over_tls if value.endswith("Tls") else over_tcp

    assert value in connection.call(build()).value("Contact")


def test_j05_sip_contact_in_a_sips_invite_is_not_judged(over_tls: Connection) -> None:
    changes = {"Contact": "<sip:caller@client.example.net>", "To": "<sip:alice@redirect.example.com>"}

    assert over_tls.call(build(uri=_SIPS, changes=changes)).status == 302


@pytest.mark.parametrize(
    ("uri", "status"),
    [
        ("sips:alice@mbx1.example.test:5063", 404),  # the target itself
        ("sip:alice@mbx1.example.test:5063;transport=tls", 404),  # the target itself
        ("sips:alice@mbx1.example.test:5063;transport=tls", 302),  # only its sip sibling is the target
        ("sip:alice@mbx1.example.test:5063", 302),  # only its sips sibling is the target
    ],
)
def test_j06_sip_and_sips_are_never_equal(over_tls: Connection, uri: str, status: int) -> None:
    assert over_tls.call(build(uri=uri)).status == status


@pytest.mark.parametrize("uri", ["sip:alice@redirect.example.com", _SIPS, "tel:+14255550100"])
def test_j07_tls_caller_is_always_redirected_to_the_tls_port(over_tls: Connection, uri: str) -> None:
    assert ":5063" in over_tls.call(build(uri=uri)).value("Contact")


def test_j08_via_of_tls_is_copied(over_tls: Connection) -> None:
    via = "SIP/2.0/TLS client.example.net:5061;branch=z9hG4bKj08"

    answer = over_tls.call(build(changes={"Via": via}))

    assert (answer.status, answer.value("Via")) == (302, f"{via};received=127.0.0.1")
