"""Every edge message over TCP and over mutual TLS; `edges_expected.json` says what is accepted.

Most go to the router of all conformance tests, which redirects every user. The messages to multi, gone and loop go to
routers that know these users (`directories/edges.toml`), or whose only Mailbox server is the router itself.
"""

import os
import signal
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bench.process import resident_bytes
from tests.conformance.conftest import StartVariant
from tests.conformance.corpus import TIMEOUT, Vector, load_edges, read_octets
from tests.conformance.exchange import run_vector
from tests.conformance.wire import build, dial
from tests.router import Group, Router

_DIRECTORIES = Path(__file__).parent / "directories"
_OWN_NAME = "redirect.example.com"
_TO_KNOWN_USERS = ("e003-invite-user-without-target", "e127-multi-target-user")
_TO_OURSELVES = ("e129-loop-equivalent-uri",)
_ENDLESS = "e087-endless-header-line"
_MEGABYTE = 1 << 20

_GATEWAYS = """
[[gateways]]
name = "loopback"
address = "127.0.0.0/8"

[[gateways]]
name = "client"
address = "client.callrouter.test"
"""
_OURSELVES = """
[[servers]]
name = "the router itself"
fqdn = "{name}"
tcp_port = {tcp_port}
tls_port = {tls_port}
"""


@pytest.fixture(scope="module")
def users_router(start_variant: StartVariant) -> Iterator[Router]:
    """Knows alice, multi and gone, offers every server, and answers 480 for a user without target."""
    settings: dict[str, Group] = {
        "directory": {"file": str(_DIRECTORIES / "edges.toml")},
        "redirect": {"contacts": "all"},
        "redirect.reasons.no-such-number": {"status": 480},
    }
    with start_variant(**settings) as router:
        yield router


@pytest.fixture(scope="module")
def looping_router(start_variant: StartVariant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Router]:
    """Its only Mailbox server is itself, by the name that it goes by."""
    file = tmp_path_factory.mktemp("loop") / "directory.toml"
    file.write_text(_GATEWAYS, "utf-8")
    with start_variant(directory={"file": str(file)}, router={"external_host_fqdn": _OWN_NAME}) as router:
        # The ports are known only now.
        servers = _OURSELVES.format(name=_OWN_NAME, tcp_port=router.tcp_port, tls_port=router.tls_port)
        file.write_text(_GATEWAYS + servers, "utf-8")
        os.kill(router.pid, signal.SIGHUP)
        router.log.wait_for(1, event="reloaded")
        yield router


def _params(*, unfinished: bool = False, names: tuple[str, ...] = ()) -> list[object]:
    elsewhere = (*_TO_KNOWN_USERS, *_TO_OURSELVES, _ENDLESS)
    return [
        pytest.param(transport, vector, id=f"{vector.name}-{transport}")
        for transport in ("TCP", "TLS")
        for vector in load_edges(transport)
        if (vector.ends == TIMEOUT) == unfinished and (vector.name in names if names else vector.name not in elsewhere)
    ]


@pytest.mark.parametrize(("over", "vector"), _params())
def test_edges_message_gets_an_accepted_answer(router: Router, over: str, vector: Vector) -> None:
    with dial(router, over) as connection:
        assert len(run_vector(connection, vector)) == len(vector.answers)


@pytest.mark.parametrize(("over", "vector"), _params(names=_TO_KNOWN_USERS))
def test_edges_message_to_a_known_user_gets_all_targets_or_480(users_router: Router, over: str, vector: Vector) -> None:
    with dial(users_router, over) as connection:
        [answer] = run_vector(connection, vector)
        port, transport = (5063, "Tls") if over == "TLS" else (5062, "Tcp")
        contacts = answer.values("Contact")
        if answer.status == 480:
            assert contacts == []
            assert "no-such-number" in answer.value("Warning")
        else:
            hosts = ["mbx1.example.test", "mbx2.example.test"]
            uris = [f"<sip:multi@{host}:{port};transport={transport}>" for host in hosts]
            assert sorted(contact.partition(";q=")[0] for contact in contacts) == uris
            assert [contact.rpartition(">")[2] for contact in contacts] == [";q=1.000", ";q=0.500"]


@pytest.mark.parametrize(("over", "vector"), _params(names=_TO_OURSELVES))
def test_edges_message_whose_only_target_is_this_router_gets_404(
    looping_router: Router, over: str, vector: Vector
) -> None:
    with dial(looping_router, over) as connection:
        [answer] = run_vector(connection, vector)
        assert answer.values("Contact") == []
        assert "self-redirect" in answer.value("Warning")


@pytest.mark.parametrize("user", ["nobody@redirect.example.com", "alice@elsewhere.example.com", "redirect.example.com"])
def test_edges_message_to_nobody_gets_404(users_router: Router, transport: str, user: str) -> None:
    with dial(users_router, transport) as connection:
        answer = connection.call(build(uri=f"sip:{user}"))
        assert (answer.status, answer.values("Contact")) == (404, [])
        assert "no-hunt-group" in answer.value("Warning")


def test_edges_message_to_alice_is_redirected_where_users_are_known(users_router: Router, transport: str) -> None:
    with dial(users_router, transport) as connection:
        answer = connection.call(build(uri="sip:alice@redirect.example.com"))
        assert (answer.status, len(answer.values("Contact"))) == (302, 2)


@pytest.mark.parametrize(("over", "vector"), _params(unfinished=True))
def test_edges_unfinished_message_is_cut_off_without_answer(
    impatient_router: Router, over: str, vector: Vector
) -> None:
    with dial(impatient_router, over) as connection:
        assert run_vector(connection, vector) == []


def test_edges_endless_header_line_is_cut_off_without_memory_growth(router: Router, transport: str) -> None:
    octets = read_octets(f"edges/{_ENDLESS}.dat")
    _send_endless(router, transport, octets)  # what one such message costs for good, in buffers kept for the next
    before = resident_bytes(router.pid)

    for _ in range(10):
        _send_endless(router, transport, octets)

    assert resident_bytes(router.pid) - before < 4 * _MEGABYTE
    with dial(router, transport) as connection:
        connection.assert_alive()


def _send_endless(router: Router, transport: str, octets: bytes) -> None:
    # The router stops reading at limits.max_head_bytes, so that writing the rest may meet a closed connection.
    with dial(router, transport) as connection, suppress(ConnectionError, ssl.SSLError):
        connection.send(octets)
        connection.assert_closed()
