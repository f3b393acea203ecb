"""Every edge message over TCP and over mutual TLS; `edges_expected.json` says what is accepted.

The users of the index (alice, multi, gone, loop) are not known to the router: it redirects every user. What depends
on them waits for the directory of users.
"""

import ssl
from contextlib import suppress

import pytest

from bench.process import resident_bytes
from tests.conformance.corpus import TIMEOUT, Vector, load_edges, read_octets
from tests.conformance.exchange import run_vector
from tests.conformance.wire import dial
from tests.router import Router

_USERS_TO_COME = {
    "e003-invite-user-without-target": "480 needs a directory of users: every user has a target today",
    "e127-multi-target-user": "several Contacts need users with several targets: every user has one today",
    "e129-loop-equivalent-uri": "the user loop, whose target is the Request-URI, needs a directory of users",
}
_ENDLESS = "e087-endless-header-line"
_MEGABYTE = 1 << 20


def _params(*, unfinished: bool) -> list[object]:
    return [
        pytest.param(
            transport,
            vector,
            id=f"{vector.name}-{transport}",
            marks=[pytest.mark.xfail(strict=True, reason=_USERS_TO_COME[vector.name])]
            if vector.name in _USERS_TO_COME
            else [],
        )
        for transport in ("TCP", "TLS")
        for vector in load_edges(transport)
        if (vector.ends == TIMEOUT) == unfinished and vector.name != _ENDLESS
    ]


@pytest.mark.parametrize(("over", "vector"), _params(unfinished=False))
def test_edges_message_gets_an_accepted_answer(router: Router, over: str, vector: Vector) -> None:
    with dial(router, over) as connection:
        answers = run_vector(connection, vector)

        assert len(answers) == len(vector.answers)
        if vector.name.startswith("e127"):
            assert len(answers[0].values("Contact")) > 1


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
