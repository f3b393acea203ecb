"""The addresses behind the names of gateways, for calls over TCP. Over TLS the name itself is what counts.

As in the product a name is looked up when the directory is loaded, and two gateways at one address are event 1175
(EXCHANGE-UM B 3.1). Whoever owns the directory decides when to ask again; nothing here keeps anything.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeAlias

from callrouter.directory.model import Directory, GatewayIPAddressFamily, UMIPGateway
from callrouter.sources.problem import Problem

LOOKUPS_AT_ONCE = 16
LOOKUP_SECONDS = 5.0

IPAddress: TypeAlias = IPv4Address | IPv6Address
Lookup: TypeAlias = Callable[[str, socket.AddressFamily], Awaitable[Iterable[IPAddress]]]
"""Finds the addresses of a name in a family (AF_UNSPEC: in any). OSError or UnicodeError where there are none."""

_FAMILIES = {
    GatewayIPAddressFamily.IPV4_ONLY: socket.AF_INET,
    GatewayIPAddressFamily.IPV6_ONLY: socket.AF_INET6,
    GatewayIPAddressFamily.ANY: socket.AF_UNSPEC,
}


async def look_up(name: str, family: socket.AddressFamily) -> list[IPAddress]:
    """Ask the system, through the running loop.

    Raises:
        OSError: the name has no address in this family, or cannot be looked up.
        UnicodeError: no name server could be asked for such a name.
    """
    found = await asyncio.get_running_loop().getaddrinfo(name, None, family=family, type=socket.SOCK_STREAM)
    # The zone of a link-local address says on which interface; a caller's address comes without.
    return [ip_address(str(sockaddr[0]).partition("%")[0]) for *_, sockaddr in found]


async def resolve_gateways(
    directory: Directory, *, lookup: Lookup = look_up, timeout_seconds: float = LOOKUP_SECONDS
) -> tuple[Directory, tuple[str, ...]]:
    """Look up every gateway that is known by name, some at once, each for at most `timeout_seconds`.

    Returns:
        The directory with `resolved` filled in, and one line for each name that could not be looked up (its gateway
        keeps the addresses that it had) or that leads to an address of another gateway (which the first one keeps).
    """
    gate = asyncio.Semaphore(LOOKUPS_AT_ONCE)

    async def find_addresses(gateway: UMIPGateway) -> tuple[IPAddress, ...] | str:
        async with gate:
            return await _find_addresses(gateway, lookup, timeout_seconds)

    named = [(index, gateway) for index, gateway in enumerate(directory.gateways) if gateway.fqdn]
    answers = await asyncio.gather(*(find_addresses(gateway) for _, gateway in named))
    gateways = list(directory.gateways)
    # An address that is written down is its gateway's, wherever that stands in the list.
    owners = {
        gateway.network.network_address: gateway.name
        for gateway in reversed(gateways)
        if gateway.network is not None and gateway.network.num_addresses == 1
    }
    problems: list[str] = []
    for (index, gateway), answer in zip(named, answers, strict=True):
        wanted = gateway.resolved if isinstance(answer, str) else answer
        messages = [answer] if isinstance(answer, str) else []
        taken = [address for address in wanted if owners.setdefault(address, gateway.name) != gateway.name]
        messages += [_describe_duplicate(gateway, address, owners[address]) for address in taken]
        resolved = tuple(address for address in wanted if address not in taken)
        gateways[index] = replace(gateway, resolved=resolved)
        problems += [str(Problem("", f"gateways[{index}].address", message)) for message in messages]
    return replace(directory, gateways=tuple(gateways)), tuple(problems)


async def _find_addresses(gateway: UMIPGateway, lookup: Lookup, timeout_seconds: float) -> tuple[IPAddress, ...] | str:
    """The gateway's addresses in an order of their own, as name servers shuffle them; or why there are none."""
    family = gateway.ip_address_family
    try:
        async with asyncio.timeout(timeout_seconds):
            found = await lookup(gateway.fqdn, _FAMILIES[family])
    except TimeoutError:
        return f"{gateway.fqdn} was not resolved within {timeout_seconds:g} s"
    except (OSError, UnicodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else "") or str(error) or type(error).__name__
        return f"{gateway.fqdn} cannot be resolved: {reason}"
    addresses = {_unmap(address) for address in found}
    fitting = [address for address in addresses if _is_of_family(address, family)]
    if not fitting:
        return f"{gateway.fqdn} has no address that ip_address_family {family} allows"
    return tuple(sorted(fitting, key=lambda address: (address.version, int(address))))


def _unmap(address: IPAddress) -> IPAddress:
    """What is mapped IPv4 as IPv4, as it is in `Peer.address`."""
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _is_of_family(address: IPAddress, family: GatewayIPAddressFamily) -> bool:
    if family is GatewayIPAddressFamily.ANY:
        return True
    return (address.version == 4) is (family is GatewayIPAddressFamily.IPV4_ONLY)  # noqa: PLR2004 - IP's own number


def _describe_duplicate(gateway: UMIPGateway, address: IPAddress, owner: str) -> str:
    return (
        f"{gateway.fqdn} is {address}, already an address of the gateway {owner!r} (event 1175: duplicate peer address)"
    )
