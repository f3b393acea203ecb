from ipaddress import ip_address, ip_network

import pytest

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory, UMIPGateway

LOOKUP = DirectoryLookup(
    Directory(
        (
            UMIPGateway("wide", ip_network("192.0.0.0/8")),
            UMIPGateway("one", ip_network("192.0.2.7"), "gw.test"),
            UMIPGateway("narrow", ip_network("192.0.2.0/24")),
            UMIPGateway("again", ip_network("192.0.2.0/24")),
            UMIPGateway("six", ip_network("2001:db8::/32")),
            UMIPGateway("zero", ip_network("0.0.0.0/32")),
            UMIPGateway("named", None, "only.name.test"),
        )
    )
)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "one"),
        ("192.0.2.8", "narrow"),
        ("192.9.9.9", "wide"),
        ("203.0.113.1", None),
        ("2001:db8::1", "six"),
        ("2001:db9::1", None),
        ("0.0.0.0", "zero"),
        ("::", None),
        ("::c000:207", None),
    ],
)
def test_gateway_by_address_is_that_of_the_narrowest_network(address: str, name: str | None) -> None:
    gateway = LOOKUP.gateway_by_address(ip_address(address))
    assert (gateway and gateway.name) == name


@pytest.mark.parametrize(
    ("names", "name"),
    [
        (("gw.test",), "one"),
        (("x.test", "only.name.test", "gw.test"), "named"),
        (("x.gw.test", "*.test", "gw.test."), None),
        (("",), None),
        ((), None),
    ],
)
def test_gateway_by_names_is_the_first_that_is_known_whole(names: tuple[str, ...], name: str | None) -> None:
    gateway = LOOKUP.gateway_by_names(names)
    assert (gateway and gateway.name) == name


def test_lookup_of_an_empty_directory_knows_nobody() -> None:
    lookup = DirectoryLookup(Directory())
    assert lookup.gateway_by_address(ip_address("192.0.2.1")) is None
    assert lookup.gateway_by_names(["", "gw.test"]) is None
