from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.firewall.source import SourceError, parse_sources, split_families

ADDRESSES = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)),
    # Up to ::ffff:0:0/96, which holds mapped IPv4, nothing but IPv6.
    st.tuples(st.ip_addresses(v=6, network="2000::/3"), st.integers(0, 128)),
)
NETWORKS = ADDRESSES.map(lambda pair: ip_network(pair, strict=False))


@given(st.lists(NETWORKS, max_size=6))
def test_sources_allow_whom_the_texts_allow_each_once_and_ipv4_first(networks: list[IPv4Network | IPv6Network]) -> None:
    sources = parse_sources(map(str, networks))
    assert list(sources) == sorted(sources, key=lambda each: (each.version, int(each.network_address)))
    for network in networks:
        assert any(type(each) is type(network) and network.subnet_of(each) for each in sources)  # type: ignore[arg-type]
    for one, other in pairwise(sources):
        assert one.version != other.version or not one.overlaps(other)
    for source in sources:
        ends: list[IPv4Address | IPv6Address] = [source[0], source[-1]]
        assert all(any(end in network for network in networks) for end in ends)


@given(st.lists(NETWORKS, max_size=6))
def test_families_are_the_sources_again(networks: list[IPv4Network | IPv6Network]) -> None:
    sources = parse_sources(map(str, networks))
    families = dict(split_families(sources))
    assert tuple(source for family in families.values() for source in family) == sources
    assert list(families) == sorted({source.version for source in sources})


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([], []),
        (["192.0.2.7"], ["192.0.2.7/32"]),
        (["2001:DB8:0::/32", "10.0.0.0/8"], ["10.0.0.0/8", "2001:db8::/32"]),
        (["10.1.0.0/16", "10.0.0.0/8", "10.1.2.3"], ["10.0.0.0/8"]),
        (["10.0.0.0/9", "10.128.0.0/9"], ["10.0.0.0/8"]),
        (["::ffff:192.0.2.7"], ["192.0.2.7/32"]),
        (["::/0", "0.0.0.0/0", "::1"], ["0.0.0.0/0", "::/0"]),
    ],
)
def test_sources_are_written_in_one_form(texts: list[str], expected: list[str]) -> None:
    assert [str(source) for source in parse_sources(texts)] == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("gw.example.com", "gw.example.com: a firewall knows no host names; give an address or a network"),
        ("10.0.0.1/8", "10.0.0.1/8: '10.0.0.1/8' has host bits set; the network is 10.0.0.0/8"),
        ("10.0.0.0/33", "10.0.0.0/33: '10.0.0.0/33' is not a network in CIDR form"),
        ("[::1]", "[::1]: write IPv6 addresses without brackets"),
        ("fe80::1%eth0/64", "fe80::1%eth0/64: leave out the zone; it means nothing in the address of a peer"),
    ],
)
def test_source_that_is_neither_address_nor_network_is_refused(text: str, problem: str) -> None:
    with pytest.raises(SourceError) as caught:
        parse_sources([text])
    assert caught.value.problems == (problem,)


def test_sources_that_are_wrong_are_named_all_at_once() -> None:
    with pytest.raises(SourceError) as caught:
        parse_sources(["", "192.0.2.1", "a b", "x\n"])
    assert [problem.partition(": ")[0] for problem in caught.value.problems] == ["", "a b", "x\\n"]
    assert str(caught.value).count("\n") == 2


@given(st.text(max_size=12))
def test_source_of_any_text_is_a_network_or_refused_in_one_printable_line(text: str) -> None:
    try:
        [source] = parse_sources([text])
    except SourceError as error:
        [problem] = error.problems
        assert problem.isprintable()
    else:
        assert ip_network(str(source)) == source
