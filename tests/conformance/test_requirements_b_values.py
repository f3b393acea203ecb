"""RFC-REQUIREMENTS section B, second part: header values and URIs (B13 to B34, B37 to B43)."""

import pytest

from tests.conformance.corpus import Vector, load_rfc5118, read_octets
from tests.conformance.wire import Answer, Connection, build
from tests.router import Router


def _ask_vector(connection: Connection, file: str) -> Answer:
    connection.send(read_octets(f"{file}.dat"))
    return connection.read_answer()


def _target(connection: Connection, user: str) -> str:
    """The Contact of a redirect of `user`."""
    host = (
        "sip:{user}@mbx1.example.test:5063;transport=Tls"
        if connection.is_tls
        else ("sip:{user}@mbx1.example.test:5062;transport=Tcp")
    )
    return f"<{host.format(user=user)}>"


@pytest.mark.parametrize(
    ("name", "value"),
    [("Date", "yesterday"), ("Contact", "<sip:[bad"), ("Expires", "-1"), ("Supported", ",,;"), ("Route", '"'),
     ("Content-Type", "nothing"), ("Diversion", '"open <sip:x>'), ("User-Agent", "\x01\x7f")],
)  # fmt: skip
def test_b13_malformed_header_that_is_not_needed_is_ignored(connection: Connection, name: str, value: str) -> None:
    assert connection.call(build(changes={name: value})).status == 302
    connection.assert_alive()


def test_b13_baddate_is_redirected(connection: Connection) -> None:
    assert _ask_vector(connection, "rfc4475/baddate").status == 302


@pytest.mark.parametrize("name", ["To", "From", "CSeq", "Call-ID"])
@pytest.mark.parametrize("method", ["INVITE", "OPTIONS", "REGISTER"])
def test_b14_b15_missing_header_gets_400_that_names_it(connection: Connection, method: str, name: str) -> None:
    answer = connection.ask(build(method, changes={name: None}))

    assert (answer.status, answer.phrase) == (400, f"Missing {name} Header Field")
    assert not answer.has(name)
    connection.assert_alive()


def test_b14_missing_via_closes_without_answer(connection: Connection) -> None:
    connection.send(read_octets("edges/e069-missing-via.dat"))

    connection.assert_closed()


def test_b14_missing_max_forwards_is_a_peer_of_rfc_2543(connection: Connection) -> None:
    assert connection.call(build(changes={"Max-Forwards": None})).status == 302


@pytest.mark.parametrize(
    ("changes", "phrase"),
    [
        ({"CSeq": "one INVITE"}, "Malformed CSeq Header Field"),
        ({"From": "<sip:caller@client.example.net;tag=x"}, "Malformed From Header Field"),
        ({"Max-Forwards": "many"}, "Malformed Max-Forwards Header Field"),
        ({"CSeq": "1 OPTIONS"}, "CSeq Method Does Not Match Request Method"),
    ],
)
def test_b15_phrase_of_a_400_says_what_was_wrong(connection: Connection, changes: dict[str, str], phrase: str) -> None:
    assert connection.ask(build(changes=changes)).phrase == phrase


@pytest.mark.parametrize(("number", "status"), [("0", 302), ("4294967295", 302), ("4294967296", 400), ("-1", 400)])
def test_b16_cseq_number_has_32_bits(connection: Connection, number: str, status: int) -> None:
    answer = connection.ask(build(changes={"CSeq": f"{number} INVITE"}))

    assert (answer.status, answer.value("CSeq")) == (status, f"{number} INVITE")


def test_b16_mismatched_method_leaves_no_invite_transaction(connection: Connection) -> None:
    request = build("OPTIONS", changes={"CSeq": "1 INVITE"})

    assert connection.ask(request).status == 400
    connection.send(request.cancel())
    assert connection.read_answer().status == 481


def test_b17_call_ids_that_differ_in_case_are_two_calls(connection: Connection) -> None:
    # All else that a merged request is known by is equal; only the branch tells the transactions apart.
    common = {"From": "<sip:caller@client.example.net>;tag=same", "Max-Forwards": "70"}

    first = connection.ask(build(changes={**common, "Call-ID": "CaSe@client.example.net"}))
    second = connection.ask(build(changes={**common, "Call-ID": "case@client.example.net"}))

    assert (first.status, second.status) == (302, 302)


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_b18_single_value_header_given_twice_gets_400(connection: Connection, name: str) -> None:
    request = build()
    row = f"\r\n{name}: {request.value(name)}\r\n".encode()
    connection.send(request.octets.replace(row, row + row[2:]))

    answer = connection.read_answer()

    assert (answer.status, answer.phrase) == (400, f"Repeated {name} Header Field")
    connection.assert_alive()


def test_b19_extra_separators_in_via_get_400_that_echoes_it(connection: Connection) -> None:
    answer = _ask_vector(connection, "rfc4475/badinv01")

    assert (answer.status, answer.value("Via")) == (400, "SIP/2.0/UDP 192.0.2.15;;,;,,")
    connection.assert_alive()


def test_b20_unterminated_quoted_string_in_to_gets_400(connection: Connection) -> None:
    answer = _ask_vector(connection, "rfc4475/quotbal")

    assert (answer.status, answer.phrase) == (400, "Malformed To Header Field")
    connection.assert_alive()


def test_b21_quoted_pairs_and_control_octets_survive(connection: Connection) -> None:
    octets = read_octets("rfc4475/intmeth.dat")
    to = next(line for line in octets.split(b"\r\n") if line.startswith(b"To: "))
    from_ = next(line for line in octets.split(b"\r\n") if line.startswith(b"From: "))
    connection.send(octets)

    answer = connection.read_answer()

    assert b"\x00" in to
    assert b"\r\n" + to + b";tag=" in answer.octets
    assert b"\r\n" + from_ + b"\r\n" in answer.octets


def test_b21_utf8_display_name_comes_back_octet_for_octet(connection: Connection) -> None:
    octets = read_octets("edges/e067-utf8-display-name.dat")
    connection.send(octets)

    answer = connection.read_answer()

    assert answer.status == 302
    assert next(line for line in octets.split(b"\r\n") if line.startswith(b"From: ")) in answer.octets


def test_b22_percent_in_a_method_is_no_escape(connection: Connection) -> None:
    answer = _ask_vector(connection, "rfc4475/esc02")

    assert answer.status == 501
    assert answer.has("Allow")


def test_b23_token_directly_before_the_bracket_is_a_display_name(connection: Connection) -> None:
    assert _ask_vector(connection, "rfc4475/lwsdisp").status == 200


def test_b24_escaped_headers_of_the_request_uri_go_nowhere(connection: Connection) -> None:
    uri = "sip:alice@redirect.example.com?Route=%3Csip:evil.example%3E&Contact=%3Csip:evil%3E"

    answer = connection.call(build(uri=uri))

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, "alice"))
    assert not answer.has("Route")


@pytest.mark.parametrize("vector", load_rfc5118(), ids=lambda vector: vector.name)
def test_b25_b26_only_the_bad_ipv6_reference_gets_400(connection: Connection, vector: Vector) -> None:
    connection.send(vector.octets)

    assert (connection.read_answer().status == 400) == (vector.name == "ipv6-bad")


def test_b27_bare_cr_makes_no_header_line(connection: Connection) -> None:
    answer = _ask_vector(connection, "edges/e105-bare-cr-in-header")

    assert (answer.status, answer.phrase) == (400, "Bare CR or LF In Header")
    assert b"evil" not in answer.octets


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Via"])
@pytest.mark.parametrize("line_end", ["\r", "\n", "\n\r"])
def test_b27_bare_line_end_in_a_copied_value_reaches_no_answer(
    connection: Connection, name: str, line_end: str
) -> None:
    request = build()
    value = f"{request.value(name)}{line_end}X-Injected: 1"

    answer = connection.ask(request.change({name: value}))

    assert answer.status == 400
    assert not answer.has("X-Injected")
    assert answer.octets.count(b"\r") == answer.octets.count(b"\n") == answer.octets.count(b"\r\n")


@pytest.mark.parametrize("uri", ["SIP:alice@redirect.example.com", "sip:alice@REDIRECT.EXAMPLE.COM"])
def test_b28_scheme_and_host_are_compared_without_case(connection: Connection, uri: str) -> None:
    answer = connection.call(build(uri=uri))

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, "alice"))


@pytest.mark.parametrize("user", ["ALICE", "Alice", "%61lice", "alic%65", "a%2Cb"])
def test_b28_user_is_repeated_as_it_was_written(connection: Connection, user: str) -> None:
    # The stated policy: case and escapes of the user are neither compared nor changed here.
    answer = connection.call(build(uri=f"sip:{user}@redirect.example.com"))

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, user))


@pytest.mark.parametrize(
    ("uri", "user"),
    [
        ("sip:alice@redirect.example.com;transport=tcp;lr;user=phone;unknown=x", "alice"),
        ("sip:user;par=u%40example.net@example.com", "user;par=u%40example.net"),
        ("sip:alice@redirect.example.com:5060", "alice"),
    ],
)
def test_b29_parameters_of_the_request_uri_stay_out_of_the_contact(connection: Connection, uri: str, user: str) -> None:
    assert connection.call(build(uri=uri)).value("Contact") == _target(connection, user)


def test_b29_request_uri_without_user_is_redirected_without_user(connection: Connection) -> None:
    answer = connection.call(build(uri="sip:redirect.example.com"))

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, "").replace(":@", ":"))


def test_b29_password_is_neither_repeated_nor_logged(router: Router, connection: Connection) -> None:
    connection.send(read_octets("edges/e039-password-in-uri.dat"))

    answer = connection.read_answer()

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, "alice"))
    lines = router.log.wait_for(1, event="call", call_id=answer.value("Call-ID"))
    assert "secret" not in str(lines)


@pytest.mark.parametrize("number", ["+14255550100", "4000;phone-context=example.com"])
def test_b30_tel_request_uri_is_redirected(connection: Connection, number: str) -> None:
    answer = connection.call(build(uri=f"tel:{number}"))

    assert (answer.status, answer.value("Contact")) == (302, _target(connection, number.split(";", maxsplit=1)[0]))


@pytest.mark.parametrize("user", ["sips%3Auser%40example.com", "null-%00-null", "%00%00", "%2541"])
def test_b31_escapes_are_neither_undone_nor_cut(router: Router, connection: Connection, user: str) -> None:
    answer = connection.call(build(uri=f"sip:{user}@redirect.example.com"))

    assert answer.value("Contact") == _target(connection, user)
    [line] = router.log.wait_for(1, event="call", call_id=answer.value("Call-ID"))
    assert f"<{line['contact']}>" == _target(connection, user)


@pytest.mark.parametrize(("name", "status"), [("regbadct", 405), ("badaspec", 200)])
def test_b32_badly_bracketed_uri_that_is_not_needed_is_tolerated(
    connection: Connection, name: str, status: int
) -> None:
    answer = _ask_vector(connection, f"rfc4475/{name}")

    assert answer.status in (400, status)
    connection.assert_alive()


@pytest.mark.parametrize("name", ["regaut01", "cparam01", "cparam02", "regescrt"])
def test_b33_register_gets_405_with_allow(connection: Connection, name: str) -> None:
    answer = _ask_vector(connection, f"rfc4475/{name}")

    assert (answer.status, answer.has("Allow")) == (405, True)


def test_b33_authorization_is_ignored(connection: Connection) -> None:
    assert _ask_vector(connection, "edges/e133-authorization-junk").status == 302


def test_b34_from_without_tag_comes_back_without_tag(connection: Connection) -> None:
    request = build(changes={"From": "<sip:caller@client.example.net>"})

    answer = connection.call(request)

    assert (answer.status, answer.value("From")) == (302, request.value("From"))


@pytest.mark.parametrize("name", ["From", "Call-ID", "X-Text"])
def test_b37_octets_that_are_no_utf8_survive(connection: Connection, name: str) -> None:
    values = {"From": '"\xff\xfe\xc3" <sip:c@client.example.net>;tag=1', "Call-ID": "\xe9\x80", "X-Text": "\xc0\xaf"}
    request = build(changes={name: values[name]})

    answer = connection.call(request)

    assert answer.status == 302
    assert answer.value("From") == request.value("From")
    assert answer.value("Call-ID") == request.value("Call-ID")


@pytest.mark.parametrize(
    "via",
    [
        'SIP/2.0/TCP client.example.net;x-note="a b / c ; d : e, f";branch=z9hG4bKb38a',
        "SIP/2.0/TCP client.example.net;flag;x=y;branch=z9hG4bKb38b",
        "SIP/2.0/TCP [2001:db8::9]:5060;branch=z9hG4bKb38c",
        "SIP/2.0/TCP client.example.net;branch=Z9HG4bKb38d",
    ],
)
def test_b38_parameters_of_via_come_back_as_written(connection: Connection, via: str) -> None:
    answer = connection.call(build(changes={"Via": via}))

    assert (answer.status, answer.value("Via")) == (302, f"{via};received=127.0.0.1")


@pytest.mark.parametrize(("method", "status"), [("INVITE", 302), ("OPTIONS", 200)])
def test_b39_empty_require_requires_nothing(connection: Connection, method: str, status: int) -> None:
    assert connection.ask(build(method, changes={"Require": ""})).status == status
    connection.assert_alive()


def test_b40_body_without_content_type_is_passed_over(connection: Connection) -> None:
    assert connection.call(build(body=b"v=0\r\n")).status == 302
    connection.assert_alive()


def test_b42_long_values_come_back_whole(connection: Connection) -> None:
    request = build(changes={"From": f'"{"n" * 4000}" <sip:{"u" * 4000}@client.example.net>;tag={"t" * 4000}'})

    answer = connection.call(request)

    assert (answer.status, answer.value("From")) == (302, request.value("From"))


def test_b43_scanner_gets_what_every_caller_gets(connection: Connection) -> None:
    request = build(
        "OPTIONS", "sip:100@127.0.0.1", {"User-Agent": "friendly-scanner", "To": '"sipvicious"<sip:100@1.1.1.1>'}
    )

    answer = connection.ask(request)

    assert answer.status == 200
