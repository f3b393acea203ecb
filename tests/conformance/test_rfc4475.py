"""Every torture message of RFC 4475 over TCP and over mutual TLS; `vectors/rfc4475.json` says what is accepted."""

import pytest

from tests.conformance.corpus import TIMEOUT, Vector, load_rfc4475, read_octets
from tests.conformance.exchange import run_vector
from tests.conformance.wire import Connection, dial
from tests.router import Router

_VECTORS = load_rfc4475()
_WHOLE = [vector for vector in _VECTORS if vector.ends != TIMEOUT]
_UNFINISHED = [vector for vector in _VECTORS if vector.ends == TIMEOUT]


@pytest.mark.parametrize("vector", _WHOLE, ids=lambda vector: vector.name)
def test_rfc4475_message_gets_an_accepted_answer(connection: Connection, vector: Vector) -> None:
    answers = run_vector(connection, vector)

    assert len(answers) == len(vector.answers)


@pytest.mark.parametrize("vector", _UNFINISHED, ids=lambda vector: vector.name)
def test_rfc4475_unfinished_message_is_cut_off_without_answer(
    impatient_router: Router, transport: str, vector: Vector
) -> None:
    closed_before = impatient_router.read_metric(_timeouts(transport))

    with dial(impatient_router, transport) as connection:
        assert run_vector(connection, vector) == []

    assert impatient_router.read_metric(_timeouts(transport)) == closed_before + 1


def _timeouts(transport: str) -> str:
    return f'callrouter_connections_closed_total{{reason="message-timeout",transport="{transport}"}}'


@pytest.mark.parametrize("name", ["unkscm", "novelsc"])
def test_rfc4475_unserved_scheme_is_not_routed_by_to(connection: Connection, name: str) -> None:
    connection.send(read_octets(f"rfc4475/{name}.dat"))

    answer = connection.read_answer()

    assert (answer.status, answer.has("Contact")) == (416, False)


def test_rfc4475_badvers_is_answered_in_our_own_version(connection: Connection) -> None:
    connection.send(read_octets("rfc4475/badvers.dat"))

    answer = connection.read_answer()

    assert answer.octets.startswith(b"SIP/2.0 505 ")
    assert answer.value("Via").startswith("SIP/7.0/UDP")


def test_rfc4475_escruri_contact_carries_no_escaped_header(connection: Connection) -> None:
    connection.send(read_octets("rfc4475/escruri.dat"))

    answer = connection.read_answer()

    assert "Route" not in "".join(answer.values("Contact"))
    assert not answer.has("Route")


def test_rfc4475_mcl01_leaves_no_second_message_to_answer(router: Router, transport: str) -> None:
    # The request at fault, and behind it one that must never be read.
    with dial(router, transport) as connection:
        connection.send(read_octets("rfc4475/mcl01.dat") + read_octets("rfc4475/zeromf.dat"))

        assert connection.read_answer().status == 400
        connection.assert_closed()
