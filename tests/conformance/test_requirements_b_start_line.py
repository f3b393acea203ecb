"""RFC-REQUIREMENTS section B, first part: start line, header names and rows (B01 to B12, B35, B36, B41)."""

import pytest

from tests.conformance.corpus import read_octets
from tests.conformance.wire import Answer, Connection, Request, build

_SHORT = {"Via": "v", "From": "f", "To": "t", "Call-ID": "i", "Content-Length": "l"}


def _ask_vector(connection: Connection, file: str) -> Answer:
    connection.send(read_octets(f"{file}.dat"))
    return connection.read_answer()


def _respell(request: Request, names: dict[str, str]) -> Request:
    fields = tuple((names.get(name, name), value) for name, value in request.fields)
    return Request(request.method, request.uri, fields, request.body)


@pytest.mark.parametrize("name", ["ltgtruri", "lwsruri", "lwsstart", "trws"])
def test_b01_request_line_with_white_space_or_brackets_gets_400(connection: Connection, name: str) -> None:
    answer = _ask_vector(connection, f"rfc4475/{name}")

    assert answer.status == 400
    connection.assert_alive()


@pytest.mark.parametrize("line", ["INVITE\tsip:a@b.example\tSIP/2.0", " INVITE sip:a@b.example SIP/2.0"])
def test_b01_request_line_with_other_separators_gets_400(connection: Connection, line: str) -> None:
    request = build().octets.split(b"\r\n", 1)[1]
    connection.send(line.encode() + b"\r\n" + request)

    answer = connection.read_answer()

    assert (answer.status, answer.phrase) == (400, "Malformed Request-Line")
    connection.assert_alive()


@pytest.mark.parametrize("version", ["sip/2.0", "Sip/2.0", "SIP/2.0"])
def test_b02_version_is_compared_without_case_and_sent_in_upper_case(connection: Connection, version: str) -> None:
    answer = connection.call(build(version=version))

    assert answer.octets.startswith(b"SIP/2.0 302 ")


@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/1.0", "SIP/2.1", "SIP/2.00", "SIP/3"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER", "CANCEL"])
def test_b03_other_version_gets_505(connection: Connection, method: str, version: str) -> None:
    answer = connection.ask(build(method, version=version))

    assert answer.octets.startswith(b"SIP/2.0 505 ")
    connection.assert_alive()


@pytest.mark.parametrize("method", ["invite", "Invite", "options", "cancel", "ack"])
def test_b04_method_in_another_case_is_another_method(connection: Connection, method: str) -> None:
    assert connection.ask(build(method)).status == 501
    connection.assert_alive()


def test_b05_continuation_lines_are_unfolded(connection: Connection) -> None:
    answer = _ask_vector(connection, "edges/e053-folded-headers")

    assert answer.status == 302
    assert answer.value("Via") == "SIP/2.0/TCP client.example.net; branch=z9hG4bKfold1;received=127.0.0.1"
    assert answer.value("From") == "<sip:c@client.example.net> ;tag=fold1"
    assert answer.value("CSeq") == "1 INVITE"


def test_b06_white_space_before_the_colon_is_accepted(connection: Connection) -> None:
    answer = _ask_vector(connection, "edges/e055-space-before-colon")

    assert (answer.status, answer.value("Call-ID")) == (302, "edge053@client.example.net")


@pytest.mark.parametrize("space", ["", " ", "\t", " \t "])
def test_b06_white_space_after_the_colon_is_accepted(connection: Connection, space: str) -> None:
    octets = build().octets.replace(b"\r\nCall-ID: ", b"\r\nCall-ID:" + space.encode())
    connection.send(octets)

    assert connection.read_answer().status == 302


@pytest.mark.parametrize("spell", [str.upper, str.lower, str.swapcase])
def test_b07_header_names_are_compared_without_case(connection: Connection, spell: object) -> None:
    assert callable(spell)
    request = build()
    names = {name: spell(name) for name, _ in request.fields}

    answer = connection.ask(_respell(request, names))

    assert (answer.status, answer.value("From")) == (302, request.value("From"))


def test_b07_parameter_names_are_compared_without_case(connection: Connection) -> None:
    request = build(changes={"To": "<sip:alice@redirect.example.com>;TAG=given"})

    answer = connection.ask(request)

    assert (answer.status, answer.value("To")) == (481, request.value("To"))


def test_b07_branch_in_another_case_is_the_same_transaction(connection: Connection) -> None:
    request = build(changes={"Via": "SIP/2.0/TCP client.example.net;branch=z9hG4bKcase"})
    upper = request.change({"Via": "SIP/2.0/TCP CLIENT.example.net;BRANCH=Z9HG4BKCASE"})

    first, second = connection.ask(request), connection.ask(upper)

    assert first.octets == second.octets


def test_b08_vias_in_rows_and_lists_keep_their_order(connection: Connection) -> None:
    names = [f"p{number}.example.net" for number in range(5)]
    via = [f"SIP/2.0/TCP {name};branch=z9hG4bKb08{name}" for name in names]
    octets = build(changes={"Via": f"{via[0]}, {via[1]}"}).octets
    octets = octets.replace(b"\r\nMax-Forwards", f"\r\nv: {via[2]}\r\nvia: {via[3]},{via[4]}\r\nMax-Forwards".encode())
    connection.send(octets)

    answer = connection.read_answer()

    assert answer.status == 302
    got = [value.strip() for row in answer.values("Via") for value in row.split(",")]
    assert got == [f"{via[0]};received=127.0.0.1", *via[1:]]


def test_b08_tortuous_vias_come_back_in_order(connection: Connection) -> None:
    answer = _ask_vector(connection, "rfc4475/longreq")

    assert [row.split()[1].split(";")[0] for row in answer.values("Via")[:3]] == [
        "sip33.example.com",
        "sip32.example.com",
        "sip31.example.com",
    ]
    assert len(answer.values("Via")) == 34


def test_b09_repeated_parameter_gets_400(connection: Connection) -> None:
    answer = _ask_vector(connection, "edges/e139-duplicate-param")

    assert (answer.status, answer.phrase) == (400, "Malformed Via Header Field")
    connection.assert_alive()


@pytest.mark.parametrize(
    ("name", "value"),
    [("Retry-After", "5"), ("WWW-Authenticate", 'Digest realm="x"'), ("Unsupported", "foo"), ("Server", "peer/1")],
)
def test_b10_header_of_the_wrong_class_is_ignored(connection: Connection, name: str, value: str) -> None:
    answer = connection.call(build(changes={name: value}))

    assert answer.status == 302
    assert value not in answer.values(name)


def test_b11_short_names_are_accepted(connection: Connection) -> None:
    request = build()

    answer = connection.ask(_respell(request, _SHORT))

    assert answer.status == 302
    assert answer.value("Call-ID") == request.value("Call-ID")
    assert answer.value("CSeq") == request.value("CSeq")


def test_b11_short_and_long_name_are_one_field(connection: Connection) -> None:
    # Two Call-IDs under two spellings are two Call-IDs.
    octets = build().octets.replace(b"\r\nCSeq", b"\r\ni: other@client.example.net\r\nCSeq")
    connection.send(octets)

    assert connection.read_answer().status == 400


def test_b12_unknown_headers_are_ignored(connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e059-ms-headers").status == 302


def test_b35_lf_only_input_closes_without_answer(connection: Connection) -> None:
    connection.send(read_octets("edges/e103-lf-only.dat"))

    connection.assert_closed()


def test_b35_cr_only_input_closes_without_answer(connection: Connection) -> None:
    connection.send(build("OPTIONS").octets.replace(b"\r\n", b"\r") + b"\r\n\r\n")

    connection.assert_closed()


@pytest.mark.parametrize("line", [b"no colon here", b": value", b"two words: value", b'"quoted": value'])
def test_b36_line_without_header_name_gets_400(connection: Connection, line: bytes) -> None:
    connection.send(build().octets.replace(b"\r\nMax-Forwards", b"\r\n" + line + b"\r\nMax-Forwards"))

    answer = connection.read_answer()

    assert (answer.status, answer.phrase) == (400, "Malformed Header Line")
    connection.assert_alive()


def test_b36_continuation_right_after_the_start_line_gets_400(connection: Connection) -> None:
    connection.send(build().octets.replace(b"\r\nVia", b"\r\n folded: nothing\r\nVia", 1))

    assert connection.read_answer().status == 400
    connection.assert_alive()


def test_b41_request_line_without_version_gets_400(connection: Connection) -> None:
    connection.send(build().octets.replace(b" SIP/2.0\r\nVia", b"\r\nVia", 1))

    assert connection.read_answer().status == 400
    connection.assert_alive()


def test_b41_archive_test_without_version_and_via_closes(connection: Connection) -> None:
    connection.send(read_octets("rfc4475-extra/archive-test.dat"))

    connection.assert_closed()
