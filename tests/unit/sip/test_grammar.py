import pytest

from callrouter.sip import grammar


@pytest.mark.parametrize("text", ["a", "A-b.c!%*_+`'~9"])
def test_is_token_rfc_characters_are_taken(text: str) -> None:
    assert grammar.is_token(text)


@pytest.mark.parametrize("text", ["", " a", "a\n", "a b", "a/b", "a@b", "\u00e9", "\u212a", 'a"', "a;b", "a\0"])
def test_is_token_other_characters_are_refused(text: str) -> None:
    assert not grammar.is_token(text)


@pytest.mark.parametrize(
    ("text", "is_host"),
    [("a.example.com", True), ("192.0.2.1", True), ("a_b", True), ("", False), ("[::1]", False), ("a b", False)],
)
def test_is_host_name_takes_names_and_ipv4_addresses(text: str, is_host: bool) -> None:
    assert grammar.is_host_name(text) is is_host


@pytest.mark.parametrize(
    ("text", "is_address"), [("::1", True), ("::ffff:192.0.2.1", True), ("192.0.2.1", False), ("fe80::1%eth0", False)]
)
def test_is_ipv6_text_takes_addresses_without_zone(text: str, is_address: bool) -> None:
    assert grammar.is_ipv6_text(text) is is_address


@pytest.mark.parametrize("text", ["", "a b", 'a"b', "a<b", "a>b", "\u00e9", "a\x7f", "a\r"])
def test_is_uri_text_what_no_uri_holds_is_refused(text: str) -> None:
    assert not grammar.is_uri_text(text)


@pytest.mark.parametrize(
    ("text", "is_number"), [("0123456789", True), ("", False), ("-1", False), ("\u0661", False), ("\u00b2", False)]
)
def test_is_digits_takes_ascii_digits_only(text: str, is_number: bool) -> None:
    assert grammar.is_digits(text) is is_number


@pytest.mark.parametrize("text", ["a", "[::1]", "192.0.2.1", '""', '"a;b"', '"a\\"b"', '"\\\\"'])
def test_is_param_value_tokens_hosts_and_quoted_strings_are_taken(text: str) -> None:
    assert grammar.is_param_value(text)


@pytest.mark.parametrize("text", ["", '"', '"\\"', '"a"b"', '"a" "b"', "a b", "a@b", "<a>"])
def test_is_param_value_anything_else_is_refused(text: str) -> None:
    assert not grammar.is_param_value(text)


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("1", 1),
        ("05060", 5060),
        ("65535", 65535),
        ("0", None),
        ("65536", None),
        ("", None),
        ("000001", None),
        ("+1", None),
    ],
)
def test_parse_port_takes_one_to_65535_in_five_digits(text: str, port: int | None) -> None:
    assert grammar.parse_port(text) == port


def test_decode_invalid_utf8_is_kept_for_encode() -> None:
    assert grammar.encode(grammar.decode(b"\xff\xc3\xa9\x00")) == b"\xff\xc3\xa9\x00"
    assert grammar.decode(bytearray(b"\xc3\xa9")) == "\u00e9"


def test_quoted_escapes_quotes_and_backslashes_and_loses_line_ends() -> None:
    assert grammar.quoted('a"b\\c\r\nd\0') == '"a\\"b\\\\c  d "'
