"""RFC-REQUIREMENTS sections H and I: Via, received and rport (RFC 3261 18.2.1, RFC 3581), and OPTIONS (11)."""

import socket
from collections.abc import Iterator

import pytest

from tests.conformance.conftest import StartVariant
from tests.conformance.corpus import read_octets
from tests.conformance.wire import Connection, build, dial
from tests.router import Router

_CAPABILITIES = ("Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported")


@pytest.fixture(scope="module")
def as_invite_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(redirect={"options_to_user": "as-invite"}) as router:
        yield router


@pytest.fixture(scope="module")
def ipv6_router(start_variant: StartVariant) -> Iterator[Router]:
    if not _has_ipv6():
        pytest.skip("this host has no IPv6")
    with start_variant(router={"bind_address": "::1"}) as router:
        yield router


def _has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("sent_by", ["client.example.net", "192.0.2.77:5099", "[2001:db8::9]", "localhost"])
def test_h01_other_sent_by_gains_received(connection: Connection, sent_by: str) -> None:
    via = f"SIP/2.0/TCP {sent_by};branch=z9hG4bKh01"

    answer = connection.ask(build("OPTIONS", changes={"Via": via}))

    assert answer.value("Via") == f"{via};received=127.0.0.1"


@pytest.mark.parametrize("sent_by", ["127.0.0.1", "127.0.0.1:5060"])
def test_h01_true_sent_by_gains_nothing(connection: Connection, sent_by: str) -> None:
    via = f"SIP/2.0/TCP {sent_by};branch=z9hG4bKh01"

    assert connection.ask(build("OPTIONS", changes={"Via": via})).value("Via") == via


def test_h02_forged_received_is_replaced(connection: Connection) -> None:
    connection.send(read_octets("edges/e111-via-received-forged.dat"))

    assert connection.read_answer().value("Via") == (
        "SIP/2.0/TCP 192.0.2.77:5099;branch=z9hG4bKedge105;received=127.0.0.1"
    )


def test_h02_forged_received_beside_a_true_sent_by_is_not_kept(connection: Connection) -> None:
    answer = connection.ask(
        build("OPTIONS", changes={"Via": "SIP/2.0/TCP 127.0.0.1;received=203.0.113.9;branch=z9hG4bKx"})
    )

    assert "203.0.113.9" not in answer.value("Via")


def test_h03_empty_rport_is_filled_in(connection: Connection) -> None:
    connection.send(read_octets("edges/e109-via-rport-empty.dat"))

    assert connection.read_answer().value("Via") == (
        f"SIP/2.0/TCP 192.0.2.77:5099;rport={connection.local_port};branch=z9hG4bKedge103;received=127.0.0.1"
    )


def test_h03_rport_brings_received_even_where_sent_by_is_true(connection: Connection) -> None:
    via = f"SIP/2.0/TCP 127.0.0.1:{connection.local_port};branch=z9hG4bKh03;rport"

    answer = connection.ask(build("OPTIONS", changes={"Via": via}))

    assert answer.value("Via") == f"{via}={connection.local_port};received=127.0.0.1"


def test_h03_forged_rport_is_replaced(connection: Connection) -> None:
    via = "SIP/2.0/TCP client.example.net;branch=z9hG4bKh03;rport=1"

    answer = connection.ask(build("OPTIONS", changes={"Via": via}))

    assert answer.value("Via").endswith(f";rport={connection.local_port};received=127.0.0.1")


def test_h04_no_rport_is_added_unasked(connection: Connection) -> None:
    assert "rport" not in connection.ask(build("OPTIONS")).value("Via")


@pytest.mark.parametrize(
    "via",
    [
        "SIP / 2.0 / TCP  client.example.net : 5060 ;branch=z9hG4bKh05",
        "SIP/2.0/TCP \tclient.example.net ; branch = z9hG4bKh05",
        "SIP /2.0/ TCP client.example.net: 5060;branch=z9hG4bKh05",
    ],
)
def test_h05_white_space_inside_via_is_legal(connection: Connection, via: str) -> None:
    answer = connection.ask(build(changes={"Via": via}))

    assert (answer.status, answer.value("Via")) == (302, f"{via};received=127.0.0.1")


@pytest.mark.parametrize("name", ["via-received-param-with-delim", "via-received-param-no-delim"])
def test_h06_ipv6_received_is_accepted_with_and_without_brackets(connection: Connection, name: str) -> None:
    connection.send(read_octets(f"rfc5118-tcp/{name}.dat"))

    answer = connection.read_answer()

    assert answer.status in (200, 481)
    assert answer.value("Via").endswith(";received=127.0.0.1")


def test_h06_ipv6_received_is_written_without_brackets(ipv6_router: Router, transport: str) -> None:
    with dial(ipv6_router, transport) as connection:
        answer = connection.ask(build())

    assert answer.status == 302
    assert answer.value("Via").endswith(";received=::1")


@pytest.mark.parametrize("uri", ["sip:redirect.example.com", "sip:alice@redirect.example.com"])
def test_i01_options_gets_200_with_capabilities(connection: Connection, uri: str) -> None:
    answer = connection.ask(build("OPTIONS", uri))

    assert answer.status == 200
    assert [len(answer.values(name)) for name in _CAPABILITIES] == [1, 1, 1, 1, 1]
    assert answer.value("Accept") == "application/sdp"


def test_i02_options_to_a_user_gets_what_invite_would_by_setting(as_invite_router: Router, transport: str) -> None:
    with dial(as_invite_router, transport) as connection:
        invite, options = connection.call(build()), connection.ask(build("OPTIONS"))
        server = connection.ask(build("OPTIONS", "sip:redirect.example.com"))

    assert (invite.status, options.status, server.status) == (302, 302, 200)
    assert options.value("Contact") == invite.value("Contact")


def test_i02_options_to_a_user_gets_200_by_default(connection: Connection) -> None:
    connection.send(read_octets("edges/e007-options-known-user.dat"))

    assert connection.read_answer().status == 200


def test_i03_200_has_no_contact(connection: Connection) -> None:
    assert not connection.ask(build("OPTIONS")).has("Contact")


def test_i04_options_inside_a_dialog_gets_200(connection: Connection) -> None:
    request = build("OPTIONS", changes={"To": "<sip:alice@redirect.example.com>;tag=given"})

    answer = connection.ask(request)

    assert (answer.status, answer.value("To")) == (200, request.value("To"))


def test_i05_allow_lists_every_method(connection: Connection) -> None:
    allow = connection.ask(build("OPTIONS")).value("Allow").split(", ")

    assert sorted(allow) == ["ACK", "BYE", "CANCEL", "INVITE", "OPTIONS"]
