from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.sources.host import (
    parse_address,
    parse_gateway_address,
    parse_host_name,
    parse_target_address,
    tell_target_apart,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("MBX1.Example.COM", "mbx1.example.com"),
        ("mbx1.example.com.", "mbx1.example.com"),
        ("localhost", "localhost"),
        ("10-0-0-1.example.net", "10-0-0-1.example.net"),
        ("3com.com", "3com.com"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_parse_host_name_valid_gives_one_form(text: str, expected: str) -> None:
    assert parse_host_name(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("*.example.com", "wildcards"),
        ("10.0.0.1", "is an address"),
        ("[::1]", "is an address"),
        ("10.0.0.300", "not a valid host name"),
        ("", "not a valid host name"),
        (".", "not a valid host name"),
        ("a..b", "not a valid host name"),
        ("-a.example", "not a valid host name"),
        ("a-.example", "not a valid host name"),
        ("a_b.example", "not a valid host name"),
        ("host:5060", "no port"),
        ("b\u00fccher.example", "not a valid host name"),
        ("a" * 64 + ".example", "not a valid host name"),
        (".".join(["a" * 63] * 4), "at most 253"),
    ],
)
def test_parse_host_name_invalid_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_host_name(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_parse_address_valid_is_canonical(text: str, expected: str) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(("text", "message"), [("[::1]", "without brackets"), ("localhost", "not an IPv4 or IPv6")])
def test_parse_address_invalid_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_address(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [("fe80::1%eth0", "zone"), ("0.0.0.0", "one host"), ("::", "one host"), ("224.0.0.1", "one host")],
)
def test_parse_target_address_that_no_caller_reaches_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_target_address(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10.0.0.1", IPv4Network("10.0.0.1/32")),
        ("10.0.0.0/8", IPv4Network("10.0.0.0/8")),
        ("0.0.0.0/0", IPv4Network("0.0.0.0/0")),
        ("::1", IPv6Network("::1/128")),
        ("fc00::/7", IPv6Network("fc00::/7")),
        ("::/0", IPv6Network("::/0")),
        ("::ffff:10.0.0.1", IPv4Network("10.0.0.1/32")),
        ("::ffff:10.0.0.0/104", IPv4Network("10.0.0.0/8")),
        ("::ffff:0:0/96", IPv4Network("0.0.0.0/0")),
        ("SBC.example.com", "sbc.example.com"),
    ],
)
def test_parse_gateway_address_valid_tells_the_forms_apart(text: str, expected: object) -> None:
    assert parse_gateway_address(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("10.1.2.3/8", r"host bits set; the network is 10\.0\.0\.0/8"),
        ("fe80::1/10", "host bits set; the network is fe80::/10"),
        ("10.0.0.0/33", "not a network in CIDR form"),
        ("10.0.0.0/255.0.0.0", "not a network in CIDR form"),
        ("10.0.0.0/", "not a network in CIDR form"),
        ("sbc.example.com/24", "not a network in CIDR form"),
        ("[::1]", "without brackets"),
        ("fe80::1%eth0", "zone"),
        ("fe80::%eth0/10", "zone"),
        ("10.0.0.300", "neither an address nor a network"),
        ("*.example.com", "wildcards"),
        ("", "neither an address nor a network"),
    ],
)
def test_parse_gateway_address_invalid_says_why(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_gateway_address(text)


@given(st.text() | st.text("0123456789abcdef.:/%[]*-"))
def test_parse_gateway_address_of_anything_is_stable_or_value_error(text: str) -> None:
    try:
        first = parse_gateway_address(text)
    except ValueError:
        return
    assert parse_gateway_address(str(first)) == first


@given(st.ip_addresses())
def test_parse_gateway_address_of_any_address_is_a_network_of_one(address: object) -> None:
    parsed = parse_gateway_address(str(address))
    assert not isinstance(parsed, str)
    assert parsed.num_addresses == 1
    mapped = getattr(address, "ipv4_mapped", None)
    assert parsed == ip_network(str(mapped or address))


@pytest.mark.parametrize(
    ("host", "fqdn_and_address"),
    [
        ("", ("", "")),
        ("mbx1.example.com", ("mbx1.example.com", "")),
        ("192.0.2.7", ("", "192.0.2.7")),
        ("2001:DB8::7", ("", "2001:db8::7")),
    ],
)
def test_tell_target_apart_gives_one_of_the_two(host: str, fqdn_and_address: tuple[str, str]) -> None:
    assert tell_target_apart(host) == fqdn_and_address
