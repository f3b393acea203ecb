import pytest

from callrouter.sip.errors import UriError
from callrouter.sip.uri import (
    OtherUri,
    SipUri,
    TelUri,
    canonical_ipv6,
    equivalent,
    parse_host_port,
    parse_uri,
    unescape,
)


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("sip:a@b", SipUri("sip", "a", "b")),
        ("SIPS:a@B.Example:5061", SipUri("sips", "a", "b.example", 5061)),
        ("sip:b", SipUri("sip", "", "b")),
        ("sip:a:secret@b", SipUri("sip", "a", "b", password="secret")),  # noqa: S106 - a test value
        ("sip:a;b?c@h;LR;x=Y?d=e&f=g", SipUri("sip", "a;b?c", "h", None, (("lr", ""), ("x", "Y")), "d=e&f=g")),
        ("sip:a@[2001:DB8::0:1]:5060", SipUri("sip", "a", "2001:db8::1", 5060)),
        ("sip:%61%00@h", SipUri("sip", "%61%00", "h")),
        ("sip:3213@192.0.2.1;;maddr=h", SipUri("sip", "3213", "192.0.2.1", None, (("maddr", "h"),))),
        ("tel:+1(555)0100;ext=1", TelUri("+1(555)0100", (("ext", "1"),))),
        ("tel:*#0aF-.", TelUri("*#0aF-.")),
        ("mailto:a@b", OtherUri("mailto", "a@b")),
    ],
)  # fmt: skip
def test_parse_uri_sound_text_is_read(text: str, uri: SipUri | TelUri | OtherUri) -> None:
    assert parse_uri(text) == uri


@pytest.mark.parametrize(
    "text",
    [
        *("", "sip", "sip:", "sip:@h", "sip::p@h", "sip:a@", "sip:a@b@c", "sip:a@b c", "sip:a@<b>", "sip:a@\u00e9"),
        *("sip:a[b@h", "sip:a@h:", "sip:a@h:0", "sip:a@h:65536", "sip:a@[::1", "sip:a@[::1]x", "sip:a@[x::1]"),
        *("sip:a@2001:db8::1", "sip:a@h:x", "sip:a@;lr", "sip:a@h\x7f", "://x", "x:", "a b:c", "tel:", "tel:;ext=1"),
        *("tel:+", "tel:a@b", "tel:1/2", "tel:1?x", "tel:+1+2", "tel:x", "\u017fip:a@h"),
    ],
)
def test_parse_uri_malformed_text_raises_uri_error(text: str) -> None:
    with pytest.raises(UriError):
        parse_uri(text)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("SIP:a:secret@B:5060;LR;x=Y?d=e", "sip:a@b:5060;lr;x=Y?d=e"),
        ("sip:[::1]", "sip:[::1]"),
        ("TEL:+1-2;Ext=1;x", "tel:+1-2;ext=1;x"),
        ("Http://X", "http://X"),
    ],
)
def test_uri_text_has_no_password_and_one_spelling(text: str, written: str) -> None:
    assert str(parse_uri(text)) == written


def test_sip_uri_param_is_the_first_of_its_name() -> None:
    uri = SipUri("sip", "", "h", None, (("a", "1"), ("a", "2"), ("lr", "")))
    assert (uri.param("a"), uri.param("lr"), uri.param("b")) == ("1", "", None)


def test_tel_uri_digits_have_no_visual_separators() -> None:
    assert TelUri("+1-(555).01*#").digits == "+155501*#"


@pytest.mark.parametrize(
    ("text", "host_port"),
    [("H", ("h", None)), ("h:1", ("h", 1)), ("[::1]", ("::1", None)), ("[0:0::1]:65535", ("::1", 65535))],
)
def test_parse_host_port_is_canonical(text: str, host_port: tuple[str, int | None]) -> None:
    assert parse_host_port(text) == host_port


@pytest.mark.parametrize("text", ["", ":1", "h:", "h:1:2", "[]", "[::1]:", "[1.2.3.4]", "h h", "\u0661"])
def test_parse_host_port_malformed_text_raises_uri_error(text: str) -> None:
    with pytest.raises(UriError):
        parse_host_port(text)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("2001:DB8:0:0::9", "2001:db8::9"),
        ("2001:db8:::192.0.2.1", canonical_ipv6("2001:db8::192.0.2.1")),
        ("::", "::"),
    ],
)
def test_canonical_ipv6_is_short_and_forgives_three_colons(text: str, canonical: str) -> None:
    assert canonical_ipv6(text) == canonical


@pytest.mark.parametrize("text", ["", ":", "1::2::3", "12345::", "fe80::1%eth0", "::1 ", "1:2:3:4:5:6:7:8:9"])
def test_canonical_ipv6_malformed_text_raises_uri_error(text: str) -> None:
    with pytest.raises(UriError):
        canonical_ipv6(text)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("%61%6a", "aj"),
        ("%2561", "%61"),
        ("%", "%"),
        ("%4", "%4"),
        ("%zz%41", "%zzA"),
        ("a%00b", "a\0b"),
        ("%C3%A9", "\u00e9"),
        ("%ff", "\udcff"),
        ("\udcff%41", "\udcffA"),
        ("%\u0664\u0661", "%\u0664\u0661"),
    ],
)
def test_unescape_undoes_every_escape_once(text: str, plain: str) -> None:
    assert unescape(text) == plain


@pytest.mark.parametrize(
    ("one", "other", "are_equal"),
    [
        ("sip:a@h", "sips:a@h", False),
        ("sip:a%2Db@h", "sip:a-b@h", True),
        ("sip:a%2Fb@h", "sip:a/b@h", False),
        ("sip:a%3bb@h", "sip:a%3Bb@h", True),
        ("sip:a%3Bb@h", "sip:a;b@h", False),
        ("sip:a%C3%a9@h", "sip:a%c3%A9@h", True),
        ("sip:a:p@h", "sip:a:q@h", False),
        ("sip:a:p@h", "sip:a@h", False),
        ("sip:a@h;ttl=1", "sip:a@h", False),
        ("sip:a@h;maddr=x", "sip:a@h", False),
        ("sip:a@h;user=phone", "sip:a@h", False),
        ("sip:a@h;method=INVITE", "sip:a@h", False),
        ("sip:a@h;maddr=X", "sip:a@h;maddr=x", True),
        ("sip:a@[::1]", "sip:a@[0:0::1]", True),
        ("tel:+1-425-555-0100", "tel:+14255550100", True),
        ("tel:+1;ext=1", "tel:+1", False),
        ("tel:+1;EXT=A", "tel:+1;ext=a", True),
        ("tel:+1", "sip:+1@h", False),
        ("http://a", "http://a", True),
        ("http://a", "http://A", False),
    ],
)
def test_equivalent_beyond_the_examples_of_the_rfc(one: str, other: str, are_equal: bool) -> None:
    assert equivalent(parse_uri(one), parse_uri(other)) is are_equal
    assert equivalent(parse_uri(other), parse_uri(one)) is are_equal
