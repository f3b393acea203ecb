"""The directory made quick to ask: every question is a dict look-up, whatever the size. Built once, never changed."""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from callrouter.directory.model import Directory, UMIPGateway


class DirectoryLookup:
    """Indexes over one `Directory`."""

    __slots__ = ("_by_name", "_by_network", "directory")

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self._by_name = {gateway.fqdn: gateway for gateway in directory.gateways if gateway.fqdn}
        self._by_network = _index_networks(directory.gateways)

    def gateway_by_address(self, address: IPv4Address | IPv6Address) -> UMIPGateway | None:
        """The gateway whose address this is; of several networks the narrowest."""
        number, address_version = int(address), address.version
        for version, host_bits, gateways in self._by_network:
            if version == address_version:
                gateway = gateways.get(number >> host_bits)
                if gateway is not None:
                    return gateway
        return None

    def gateway_by_names(self, names: Iterable[str]) -> UMIPGateway | None:
        """The gateway whose FQDN is one of these lower-case names; compared whole, no wildcards (A3, rule 2)."""
        for name in names:
            gateway = self._by_name.get(name)
            if gateway is not None:
                return gateway
        return None


def _index_networks(gateways: Iterable[UMIPGateway]) -> tuple[tuple[int, int, dict[int, UMIPGateway]], ...]:
    """(IP version, host bits, network number without them -> gateway), narrowest networks first."""
    tables: dict[tuple[int, int], dict[int, UMIPGateway]] = {}
    for gateway in gateways:
        network = gateway.network
        if network is not None:
            host_bits = network.max_prefixlen - network.prefixlen
            table = tables.setdefault((network.version, host_bits), {})
            table.setdefault(int(network.network_address) >> host_bits, gateway)
    return tuple((version, host_bits, tables[version, host_bits]) for version, host_bits in sorted(tables))
