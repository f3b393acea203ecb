"""sipmessage 0.7.1 writes requests and reads the router's answers; it has to find in them what the request held."""

import dataclasses
import ssl

import pytest
import sipmessage

from tests.interop.conftest import Router
from tests.interop.exchange import CASES, Case, exchange

_BY_NAME = {case.name: case for case in CASES}


def parse_request(data: bytes) -> sipmessage.Request:
    message = sipmessage.Message.parse(data)
    assert isinstance(message, sipmessage.Request)
    return message


def parse_answer(data: bytes) -> sipmessage.Response:
    message = sipmessage.Message.parse(data)
    assert isinstance(message, sipmessage.Response)
    return message


def drop_tag(address: sipmessage.Address) -> sipmessage.Address:
    parameters = {name: value for name, value in address.parameters.items() if name != "tag"}
    return dataclasses.replace(address, parameters=sipmessage.Parameters(**parameters))


def read_allow(answer: sipmessage.Response) -> set[str]:
    """The one field that sipmessage has no accessor for."""
    return {method.strip() for value in answer.headers.getlist("Allow") for method in value.split(",")}


def assert_answers(answer: sipmessage.Response, case: Case, transport: str) -> None:
    """RFC 3261 8.2.6: Via, From, Call-ID and CSeq as they came, To with a tag."""
    # sipmessage takes a request of SIP/2.0 with a Request-URI that it knows, and not every case has that.
    plain = dataclasses.replace(case, uri="sip:4000@router.example.test", version="SIP/2.0")
    request = parse_request(plain.build(transport))
    assert answer.code == case.status
    assert answer.via == request.via
    assert answer.from_address == request.from_address
    assert drop_tag(answer.to_address) == drop_tag(request.to_address)
    assert answer.to_address.parameters.get("tag")
    assert answer.call_id == request.call_id
    assert answer.cseq == request.cseq
    assert answer.content_length == len(answer.body) == 0
    assert answer.server


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_sipmessage_answer_over_tcp_is_read_as_meant(router: Router, case: Case) -> None:
    data = await exchange(router.tcp_port, case.build("TCP"))

    assert_answers(parse_answer(data), case, "TCP")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_sipmessage_answer_over_tls_is_read_as_meant(router: Router, case: Case) -> None:
    data = await exchange(router.tls_port, case.build("TLS"), router.build_context())

    assert_answers(parse_answer(data), case, "TLS")


@pytest.mark.parametrize(("transport", "port"), [("Tcp", 5062), ("Tls", 5063)])
async def test_sipmessage_redirect_contact_names_user_server_port_and_transport(
    router: Router, transport: str, port: int
) -> None:
    context: ssl.SSLContext | None = router.build_context() if transport == "Tls" else None
    own_port = router.tls_port if context else router.tcp_port

    data = await exchange(own_port, _BY_NAME["redirect"].build(transport.upper()), context)

    (contact,) = parse_answer(data).contact
    assert contact.uri == sipmessage.URI(
        scheme="sip",
        user="4000",
        host="mbx1.example.test",
        port=port,
        parameters=sipmessage.Parameters(transport=transport),
    )


async def test_sipmessage_redirect_of_escaped_user_is_the_same_user(router: Router) -> None:
    case = _BY_NAME["redirect-escaped-user"]

    data = await exchange(router.tcp_port, case.build("TCP"))

    (contact,) = parse_answer(data).contact
    assert contact.uri.user == sipmessage.URI.parse(case.uri).user == "desk.4000"
    assert b"<sip:desk%2E4000@" in data


async def test_sipmessage_options_answer_lists_capabilities(router: Router) -> None:
    data = await exchange(router.tcp_port, _BY_NAME["options"].build("TCP"))

    answer = parse_answer(data)
    assert {"INVITE", "ACK", "CANCEL", "OPTIONS"} <= read_allow(answer)
    assert [str(kind) for kind in answer.accept or ()] == ["application/sdp"]
    assert answer.supported == []


@pytest.mark.parametrize("name", ["register", "unknown-method"])
async def test_sipmessage_refused_method_answer_lists_allowed_ones(router: Router, name: str) -> None:
    data = await exchange(router.tcp_port, _BY_NAME[name].build("TCP"))

    assert {"INVITE", "ACK", "CANCEL", "OPTIONS"} <= read_allow(parse_answer(data))


async def test_sipmessage_unknown_extension_answer_names_it(router: Router) -> None:
    data = await exchange(router.tcp_port, _BY_NAME["options-unknown-require"].build("TCP"))

    assert parse_answer(data).unsupported == ["no-such-extension"]


async def test_sipmessage_request_of_its_own_is_redirected(router: Router) -> None:
    request = sipmessage.Request("INVITE", sipmessage.URI.parse("sip:4000@router.example.test;transport=tcp"))
    branch = sipmessage.Parameters(branch="z9hG4bKown-request", rport=None)
    request.via = [sipmessage.Via(transport="TCP", host="127.0.0.1", port=5060, parameters=branch)]
    request.max_forwards = 70
    request.from_address = sipmessage.Address.parse('"Günther" <sip:guenther@example.test>;tag=1')
    request.to_address = sipmessage.Address.parse("<sip:4000@router.example.test>")
    request.call_id = "own-request"
    request.cseq = sipmessage.CSeq(sequence=1, method="INVITE")
    request.contact = [sipmessage.Address.parse("<sip:guenther@127.0.0.1>")]
    request.content_length = 0

    answer = parse_answer(await exchange(router.tcp_port, bytes(request)))

    assert answer.code == 302
    assert answer.from_address == request.from_address
    # RFC 3581 4: a client that writes rport is told where the request came from.
    assert answer.via[0].parameters["received"] == "127.0.0.1"
    assert int(answer.via[0].parameters["rport"] or "0") > 0
