"""aiosip 0.2.0 writes requests and reads the router's answers; it has to find in them what was put into the request."""

import asyncio
import collections

import pytest

from tests.interop.aiosip_shim import import_aiosip
from tests.interop.conftest import Router
from tests.interop.exchange import CASES, Case, exchange

aiosip = import_aiosip()

_BY_NAME = {case.name: case for case in CASES}


def assert_answers(data: bytes, case: Case, transport: str) -> None:
    """RFC 3261 8.2.6: Via, From, Call-ID and CSeq as they came, To with a tag."""
    answer = aiosip.Response.from_raw_message(data.decode())
    fields = {**case.fields, **case.extra}
    assert isinstance(answer, aiosip.Response)
    assert answer.status_code == case.status
    assert answer.status_message
    assert answer.headers["Via"] == fields["Via"].replace("{transport}", transport)
    assert answer.headers["From"] == fields["From"]
    assert answer.headers["Call-ID"] == fields["Call-ID"]
    assert answer.headers["CSeq"] == fields["CSeq"]
    assert answer.headers["To"].startswith(fields["To"])
    assert answer.to_details["params"]["tag"]
    assert answer.to_details["uri"]["user"] == "4000"
    assert answer.headers["Content-Length"] == "0"
    assert answer.payload is None


def test_aiosip_import_leaves_standard_library_as_it_was() -> None:
    assert not hasattr(collections, "MutableMapping")
    assert not hasattr(asyncio, "coroutine")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_aiosip_answer_over_tcp_is_read_as_meant(router: Router, case: Case) -> None:
    data = await exchange(router.tcp_port, case.build("TCP"))

    assert_answers(data, case, "TCP")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_aiosip_answer_over_tls_is_read_as_meant(router: Router, case: Case) -> None:
    data = await exchange(router.tls_port, case.build("TLS"), router.build_context())

    assert_answers(data, case, "TLS")


@pytest.mark.parametrize(("transport", "port"), [("Tcp", 5062), ("Tls", 5063)])
async def test_aiosip_redirect_contact_names_user_server_port_and_transport(
    router: Router, transport: str, port: int
) -> None:
    context = router.build_context() if transport == "Tls" else None
    own_port = router.tls_port if context else router.tcp_port

    data = await exchange(own_port, _BY_NAME["redirect"].build(transport.upper()), context)

    uri = aiosip.Response.from_raw_message(data.decode()).contact_details["uri"]
    assert (uri["scheme"], uri["user"], uri["host"], uri["port"]) == ("sip", "4000", "mbx1.example.test", port)
    assert uri["params"] == {"transport": transport}


async def test_aiosip_request_of_its_own_is_redirected(router: Router) -> None:
    request = aiosip.Request(
        method="INVITE",
        from_details=aiosip.Contact.from_header('"Gateway" <sip:gateway@127.0.0.1:5060>;tag=own'),
        to_details=aiosip.Contact.from_header("<sip:4000@router.example.test>"),
        contact_details=aiosip.Contact.from_header("<sip:gateway@127.0.0.1:5060>"),
    )

    # Its own transports fill in the protocol in just this way when they send.
    data = await exchange(router.tcp_port, (str(request) % {"protocol": "TCP"}).encode())

    answer = aiosip.Response.from_raw_message(data.decode())
    assert answer.status_code == 302
    assert answer.headers["Call-ID"] == str(request.headers["Call-ID"])
    assert (answer.cseq, answer.method) == (request.cseq, "INVITE")
    assert answer.contact_details["uri"]["user"] == "4000"
