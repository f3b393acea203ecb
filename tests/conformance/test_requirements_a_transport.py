"""RFC-REQUIREMENTS section A, second half: ports, TLS, and the connection that answers go out on (A13 to A28)."""

import socket
import ssl
from collections.abc import Iterator

import pytest

from callrouter.settings.model import Settings
from tests.conformance.conftest import StartVariant
from tests.conformance.corpus import read_octets
from tests.conformance.process_sockets import read_sockets
from tests.conformance.wire import ANSWER_SECONDS, Connection, build, dial
from tests.router import Router


@pytest.fixture(scope="module")
def one_way_router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant(tls={"require_client_certificate": False}) as router:
        yield router


@pytest.fixture
def one_way(one_way_router: Router) -> Iterator[Connection]:
    """TLS without a client certificate."""
    context = ssl.create_default_context(cafile=one_way_router.certificates / "ca.pem")
    stream = socket.create_connection(("127.0.0.1", one_way_router.tls_port), ANSWER_SECONDS)
    with Connection(context.wrap_socket(stream, server_hostname="localhost")) as connection:
        yield connection


@pytest.mark.parametrize("table", ["udp", "udp6"])
def test_a13_a15_router_has_no_udp_socket(router: Router, connection: Connection, table: str) -> None:
    connection.assert_alive()

    assert read_sockets(router.pid, table) == []
    assert [row for row in read_sockets(router.pid, "tcp") if row.local_port == router.tcp_port]


def test_a14_router_listens_for_tcp_and_tls(router: Router) -> None:
    listening = {row.local_port for row in read_sockets(router.pid, "tcp") if row.is_listening}

    assert listening == {router.tcp_port, router.tls_port, router.admin_port}
    for transport in ("TCP", "TLS"):
        with dial(router, transport) as connection:
            connection.assert_alive()
    defaults = Settings().router
    assert (defaults.sip_tcp_listening_port, defaults.sip_tls_listening_port) == (5060, 5061)


def test_a16_tls_works_one_way_by_configuration(one_way: Connection) -> None:
    assert one_way.call(build()).status == 302
    one_way.assert_alive()


def test_a16_tls_works_with_both_certificates(router: Router) -> None:
    with dial(router, "TLS") as connection:
        assert connection.call(build()).status == 302


def test_a17_certificate_names_the_host(router: Router) -> None:
    # The context of `dial` checks the name itself; this reads it.
    with dial(router, "TLS") as connection:
        certificate = connection.tls.getpeercert()

    assert certificate is not None
    assert ("DNS", "localhost") in certificate["subjectAltName"]


def test_a18_sips_is_served_over_tls(router: Router) -> None:
    with dial(router, "TLS") as connection:
        assert connection.call(build(uri="sips:alice@redirect.example.com")).status == 302


def test_a20_cancel_and_ack_are_never_challenged(connection: Connection) -> None:
    connection.send(read_octets("edges/e029-ack-with-require.dat") + read_octets("edges/e027-cancel-unmatched.dat"))

    answer = connection.read_answer()

    assert (answer.status, answer.value("CSeq")) == (481, "1 CANCEL")
    assert not answer.has("WWW-Authenticate")


def test_a21_reset_before_the_answer_leaves_the_router_serving(slow_router: Router, transport: str) -> None:
    failures = slow_router.read_metric("callrouter_session_failures_total")
    for _ in range(10):
        with dial(slow_router, transport) as connection:
            assert connection.ask(build()).status == 100
            connection.reset()

    with dial(slow_router, transport) as connection:
        # Held back as long as those before it, so that their time is over when this answer comes.
        assert [connection.ask(build()).status, connection.read_answer().status] == [100, 302]
        connection.assert_alive()
    assert slow_router.read_metric("callrouter_session_failures_total") == failures == 0


def test_a25_alias_in_via_is_kept(connection: Connection) -> None:
    answer = connection.call(build(changes={"Via": "SIP/2.0/TCP client.example.net;branch=z9hG4bKalias;alias"}))

    assert answer.value("Via") == "SIP/2.0/TCP client.example.net;branch=z9hG4bKalias;alias;received=127.0.0.1"
    connection.assert_alive()


def test_a26_answer_uses_the_connection_of_the_request(connection: Connection) -> None:
    files = ("e109-via-rport-empty", "e111-via-received-forged", "e113-via-udp-over-tcp")
    for name in files:
        connection.send(read_octets(f"edges/{name}.dat"))

    assert [connection.read_answer().status for _ in files] == [200, 200, 200]


def test_a27_lost_connection_is_not_replaced_by_one_of_ours(slow_router: Router) -> None:
    with socket.create_server(("127.0.0.1", 0)) as sent_by:
        sent_by.setblocking(False)
        via = f"SIP/2.0/TCP 127.0.0.1:{sent_by.getsockname()[1]};branch=z9hG4bKgone"
        with dial(slow_router) as connection:
            assert connection.ask(build(changes={"Via": via})).status == 100
            connection.reset()
        with dial(slow_router) as connection:
            # This one's answer is due after that one's.
            assert [connection.ask(build()).status, connection.read_answer().status] == [100, 302]

        with pytest.raises(BlockingIOError):
            sent_by.accept()
    _assert_no_outgoing_connection(slow_router)


def test_a28_maddr_in_via_does_not_steer_the_answer(connection: Connection) -> None:
    via = "SIP/2.0/TCP client.example.net;maddr=239.1.2.3;ttl=1;branch=z9hG4bKmaddr"

    answer = connection.call(build(changes={"Via": via}))

    assert (answer.status, answer.value("Via")) == (302, f"{via};received=127.0.0.1")


def _assert_no_outgoing_connection(router: Router) -> None:
    own = {router.tcp_port, router.tls_port, router.admin_port}
    for table in ("tcp", "tcp6"):
        assert [row for row in read_sockets(router.pid, table) if row.local_port not in own] == []
