"""Every IPv6 torture message of RFC 5118 over TCP and over mutual TLS; `vectors/rfc5118.json` says what is accepted."""

import pytest

from tests.conformance.corpus import Vector, load_rfc5118, read_octets
from tests.conformance.exchange import run_vector
from tests.conformance.wire import Connection


@pytest.mark.parametrize("vector", load_rfc5118(), ids=lambda vector: vector.name)
def test_rfc5118_message_gets_an_accepted_answer(connection: Connection, vector: Vector) -> None:
    answers = run_vector(connection, vector)

    assert len(answers) == 1


def test_rfc5118_ambiguous_port_is_part_of_the_address(connection: Connection) -> None:
    ambiguous, plain = (read_octets(f"rfc5118-tcp/{name}.dat") for name in ("port-ambiguous", "port-unambiguous"))

    connection.send(ambiguous + plain)

    assert [connection.read_answer().status for _ in range(2)] == [405, 405]
