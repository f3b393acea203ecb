"""Who may connect: addresses and networks as people write them, put in order so that every format can take them."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Network, IPv6Network, collapse_addresses
from typing import TypeAlias

from callrouter.sources.host import parse_gateway_address
from callrouter.sources.problem import escape

Source: TypeAlias = IPv4Network | IPv6Network


class SourceError(Exception):
    """Texts that are neither address nor network; `problems` has one line for each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def parse_sources(texts: Iterable[str]) -> tuple[Source, ...]:
    """Networks in CIDR form, and addresses; IPv4 comes first, and none is part of another. Mapped IPv4 becomes IPv4.

    Raises:
        SourceError: some are neither; all of them are named.
    """
    networks: list[Source] = []
    problems = []
    for text in texts:
        try:
            networks.append(_parse_source(text))
        except ValueError as error:
            problems.append(f"{escape(text)}: {error}")
    if problems:
        raise SourceError(tuple(problems))
    return (
        *collapse_addresses(each for each in networks if isinstance(each, IPv4Network)),
        *collapse_addresses(each for each in networks if isinstance(each, IPv6Network)),
    )


def split_families(sources: Sequence[Source]) -> Iterator[tuple[int, tuple[Source, ...]]]:
    """The sources of IP version 4, then those of version 6, each if there are any."""
    for version in (4, 6):
        if family := tuple(source for source in sources if source.version == version):
            yield version, family


def _parse_source(text: str) -> Source:
    network = parse_gateway_address(text)
    if isinstance(network, str):
        raise ValueError("a firewall knows no host names; give an address or a network")  # noqa: TRY004 - about a text
    return network
