import asyncio
import socket
from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from callrouter.directory.model import Directory, GatewayIPAddressFamily, UMIPGateway, UMMailbox
from callrouter.sources.resolve import LOOKUPS_AT_ONCE, IPAddress, Lookup, look_up, resolve_gateways


def answering(*answers: tuple[str, list[str]]) -> Lookup:
    """A name service that knows these names, in every family."""
    known = dict(answers)

    async def answer(name: str, family: socket.AddressFamily) -> list[IPAddress]:
        assert family in (socket.AF_INET, socket.AF_INET6, socket.AF_UNSPEC)
        if name not in known:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [ip_address(text) for text in known[name]]

    return answer


def named(name: str, *resolved: str, family: str = "Any") -> UMIPGateway:
    addresses = tuple(map(ip_address, resolved))
    return UMIPGateway(name, fqdn=f"{name}.test", ip_address_family=GatewayIPAddressFamily(family), resolved=addresses)


def addresses_of(directory: Directory) -> list[list[str]]:
    return [[str(address) for address in gateway.resolved] for gateway in directory.gateways]


async def test_resolve_gateways_fills_in_addresses_and_keeps_the_rest() -> None:
    numeric = UMIPGateway("n", ip_network("192.0.2.0/24"))
    before = Directory((numeric, named("a")), users=(UMMailbox("u", "p"),))
    directory, problems = await resolve_gateways(
        before, lookup=answering(("a.test", ["2001:db8::1", "192.0.2.2", "192.0.2.1", "192.0.2.1", "::ffff:192.0.2.3"]))
    )
    assert problems == ()
    assert addresses_of(directory) == [[], ["192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"]]
    assert replace(directory, gateways=before.gateways) == before
    assert before.gateways[1].resolved == ()


@pytest.mark.parametrize(
    ("family", "asked", "found"),
    [
        ("IPv4Only", socket.AF_INET, ["192.0.2.1"]),
        ("IPv6Only", socket.AF_INET6, ["2001:db8::1"]),
        ("Any", socket.AF_UNSPEC, ["192.0.2.1", "2001:db8::1"]),
    ],
)
async def test_resolve_gateways_honours_the_ip_address_family(
    family: str, asked: socket.AddressFamily, found: list[str]
) -> None:
    families = []

    async def answer(_name: str, family: socket.AddressFamily) -> list[IPAddress]:
        families.append(family)
        return [ip_address("192.0.2.1"), ip_address("2001:db8::1")]

    directory, _ = await resolve_gateways(Directory((named("a", family=family),)), lookup=answer)
    assert families == [asked]
    assert addresses_of(directory) == [found]


async def test_resolve_gateways_name_without_answer_keeps_its_addresses_and_is_told() -> None:
    before = Directory((named("a", "192.0.2.1"), named("b"), named("c", "192.0.2.3", family="IPv6Only")))
    lookup = answering(("b.test", ["192.0.2.2"]), ("c.test", ["192.0.2.4"]))
    directory, problems = await resolve_gateways(before, lookup=lookup)
    assert addresses_of(directory) == [["192.0.2.1"], ["192.0.2.2"], ["192.0.2.3"]]
    assert problems == (
        "gateways[0].address: a.test cannot be resolved: Name or service not known",
        "gateways[2].address: c.test has no address that ip_address_family IPv6Only allows",
    )


async def test_resolve_gateways_name_that_no_server_could_be_asked_for_is_told() -> None:
    async def refuse(name: str, _family: socket.AddressFamily) -> list[IPAddress]:
        raise UnicodeError(f"label too long in {name}")

    _, problems = await resolve_gateways(Directory((named("a"),)), lookup=refuse)
    assert problems == ("gateways[0].address: a.test cannot be resolved: label too long in a.test",)


async def test_resolve_gateways_does_not_wait_for_a_name_server_that_is_silent() -> None:
    async def wait(name: str, _family: socket.AddressFamily) -> list[IPAddress]:
        if name == "a.test":
            await asyncio.Event().wait()
        return [ip_address("192.0.2.2")]

    before = Directory((named("a", "192.0.2.1"), named("b")))
    directory, problems = await resolve_gateways(before, lookup=wait, timeout_seconds=0.01)
    assert addresses_of(directory) == [["192.0.2.1"], ["192.0.2.2"]]
    assert problems == ("gateways[0].address: a.test was not resolved within 0.01 s",)


async def test_resolve_gateways_two_names_of_one_address_the_first_keeps_it() -> None:
    lookup = answering(("a.test", ["192.0.2.1"]), ("b.test", ["192.0.2.1", "192.0.2.2"]))
    directory, problems = await resolve_gateways(Directory((named("a"), named("b"))), lookup=lookup)
    assert addresses_of(directory) == [["192.0.2.1"], ["192.0.2.2"]]
    assert problems == (
        (
            "gateways[1].address: b.test is 192.0.2.1, already an address of the gateway 'a' "
            "(event 1175: duplicate peer address)"
        ),
    )


async def test_resolve_gateways_address_that_is_written_down_stays_with_its_gateway() -> None:
    gateways = (named("a"), UMIPGateway("n", ip_network("192.0.2.1")), UMIPGateway("net", ip_network("192.0.2.0/30")))
    lookup = answering(("a.test", ["192.0.2.1", "192.0.2.2"]))
    directory, (problem,) = await resolve_gateways(Directory(gateways), lookup=lookup)
    assert addresses_of(directory) == [["192.0.2.2"], [], []]
    assert "already an address of the gateway 'n' (event 1175" in problem


def blocking(reached: asyncio.Event, go_on: asyncio.Event) -> tuple[Lookup, Callable[[], int]]:
    """A name service that answers nobody before `go_on`, and sets `reached` when as many ask as may."""
    asking = most = 0

    async def answer(name: str, _family: socket.AddressFamily) -> list[IPAddress]:
        nonlocal asking, most
        asking += 1
        most = max(most, asking)
        if asking == LOOKUPS_AT_ONCE:
            reached.set()
        await go_on.wait()
        asking -= 1
        return [ip_address(int(name.removesuffix(".test").removeprefix("g")))]

    return answer, lambda: most


async def test_resolve_gateways_asks_for_so_many_names_at_once_and_no_more() -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()
    lookup, most = blocking(reached, go_on)
    gateways = tuple(named(f"g{number}") for number in range(1, 51))
    task = asyncio.create_task(resolve_gateways(Directory(gateways), lookup=lookup))
    async with asyncio.timeout(5):
        await reached.wait()
        go_on.set()
        directory, problems = await task
    assert most() == LOOKUPS_AT_ONCE
    assert problems == ()
    assert all(len(gateway.resolved) == 1 for gateway in directory.gateways)


async def test_resolve_gateways_without_names_asks_nobody() -> None:
    async def fail(_name: str, _family: socket.AddressFamily) -> list[IPAddress]:
        raise AssertionError("nobody should be asked")

    before = Directory((UMIPGateway("n", ip_network("192.0.2.1")),))
    assert await resolve_gateways(before, lookup=fail) == (before, ())


async def test_look_up_asks_the_system_in_the_family() -> None:
    assert ip_address("127.0.0.1") in await look_up("localhost", socket.AF_INET)
    assert await look_up("::1", socket.AF_INET6) == [ip_address("::1")]
    with pytest.raises(socket.gaierror):
        await look_up("127.0.0.1", socket.AF_INET6)
