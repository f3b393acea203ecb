"""What a call comes to, over the wire: status, the reason that the Warning header field names, and the Contacts."""

import re
import socket
from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from tests.conformance.wire import ANSWER_SECONDS, Answer, Connection, build
from tests.router import Router

FITTING_CALLER = "<sip:+14255550999@client.example.net>;tag=f1"
"""Fits the dial plans of every URI type, and is nobody's number."""

_WARNING = re.compile(r'([0-9]{3}) \S+ "([^":]*)(?:: [^"]*)?"')


class Outcome(NamedTuple):
    """The answer to one call."""

    status: int
    reason: str = ""
    """As the Warning header field names it; "" where there is none."""
    contacts: tuple[str, ...] = ()


def place_call(
    connection: Connection, uri: str, rows: Iterable[tuple[str, str]] = (), from_: str = FITTING_CALLER
) -> Outcome:
    """Place a call with these rows beside those that every INVITE has."""
    request = build(uri=uri, changes={"From": from_, "To": f"<{uri.partition('?')[0]}>"})
    return read_outcome(connection.call(replace(request, fields=request.fields + tuple(rows))))


def read_outcome(answer: Answer) -> Outcome:
    """The outcome that an answer tells."""
    warnings = [_WARNING.fullmatch(value) for value in answer.values("Warning")]
    assert len(warnings) <= 1
    reason = ""
    for warning in warnings:
        assert warning is not None, answer.octets
        assert warning[1] == ("380" if warning[2] == "SIPS Not Allowed" else "399")
        reason = warning[2]
    return Outcome(answer.status, reason, tuple(answer.values("Contact")))


def dial_from(router: Router, address: str) -> Connection:
    """Connect over TCP from another address of this host."""
    target = (router.address, router.tcp_port)
    return Connection(socket.create_connection(target, ANSWER_SECONDS, source_address=(address, 0)))


def redirect_to(server: str, user: str, transport: str) -> Outcome:
    """A 302 to a server of the tests' directories."""
    port, spelt = (5063, "Tls") if transport == "TLS" else (5062, "Tcp")
    return Outcome(302, contacts=(f"<sip:{user}@{server}.example.test:{port};transport={spelt}>",))
