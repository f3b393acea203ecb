"""The directory made quick to ask: every question is a dict look-up, whatever the size. Built once, never changed.

Numbers and names are compared as the product's directory compares them, without regard to case: a number is asked for
by its key, which is the number case-folded (`facts.Party.keys`).
"""

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

from callrouter.directory.model import (
    Directory,
    MailboxDatabase,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
)

_Network = IPv4Network | IPv6Network


class DirectoryLookup:
    """Indexes over one `Directory`."""

    __slots__ = (
        "_auto_attendants",
        "_by_name",
        "_by_network",
        "_databases",
        "_default_hunt_groups",
        "_dial_plans",
        "_hunt_groups",
        "_users",
        "directory",
        "has_dial_plans",
    )

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.has_dial_plans = bool(directory.dial_plans)
        """Whether calls are told apart by number at all."""
        self._by_name = {gateway.fqdn: gateway for gateway in reversed(directory.gateways) if gateway.fqdn}
        self._by_network = _index_networks(directory.gateways)
        self._dial_plans = {plan.name.casefold(): plan for plan in directory.dial_plans}
        self._hunt_groups = {
            (group.um_ip_gateway, group.pilot_identifier.casefold()): group
            for group in reversed(directory.hunt_groups)
            if group.pilot_identifier
        }
        self._default_hunt_groups = {
            group.um_ip_gateway: group for group in reversed(directory.hunt_groups) if not group.pilot_identifier
        }
        self._auto_attendants = {
            (attendant.um_dial_plan, number.casefold()): attendant
            for attendant in reversed(directory.auto_attendants)
            for number in attendant.pilot_identifier_list
        }
        self._users = {
            (user.um_dial_plan, number.casefold()): user
            for user in reversed(directory.users)
            for number in (*user.extensions, user.sip_resource_identifier)
            if number
        }
        self._databases = {database.name: database for database in directory.databases}

    def gateway_by_address(self, address: IPv4Address | IPv6Address) -> UMIPGateway | None:
        """The gateway whose address this is; of several networks the narrowest."""
        return self.gateway_by_number(address.version, int(address))

    def gateway_by_number(self, address_version: int, number: int) -> UMIPGateway | None:
        """The same of an address as a number, with the version of IP."""
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

    def hunt_group(self, gateway: UMIPGateway, keys: Iterable[str]) -> UMHuntGroup | None:
        """The gateway's hunt group with one of these pilots, else its default one (A3, rule 4)."""
        name = gateway.name
        for key in keys:
            group = self._hunt_groups.get((name, key))
            if group is not None:
                return group
        return self._default_hunt_groups.get(name)

    def dial_plan(self, name: str) -> UMDialPlan | None:
        """The dial plan of this name or phone-context."""
        return self._dial_plans.get(name.casefold())

    def auto_attendant(self, dial_plan: UMDialPlan, key: str) -> UMAutoAttendant | None:
        """The auto attendant with this number, enabled or not."""
        return self._auto_attendants.get((dial_plan.name, key))

    def user(self, dial_plan: UMDialPlan, key: str) -> UMMailbox | None:
        """The user with this extension or SIP address."""
        return self._users.get((dial_plan.name, key))

    def database(self, name: str) -> MailboxDatabase | None:
        """The database of this name."""
        return self._databases.get(name)


def _index_networks(gateways: Iterable[UMIPGateway]) -> tuple[tuple[int, int, dict[int, UMIPGateway]], ...]:
    """(IP version, host bits, network number without them -> gateway), narrowest networks first."""
    tables: dict[tuple[int, int], dict[int, UMIPGateway]] = {}
    for gateway in gateways:
        for network in _networks_of(gateway):
            host_bits = network.max_prefixlen - network.prefixlen
            table = tables.setdefault((network.version, host_bits), {})
            table.setdefault(int(network.network_address) >> host_bits, gateway)
    return tuple((version, host_bits, tables[version, host_bits]) for version, host_bits in sorted(tables))


def _networks_of(gateway: UMIPGateway) -> list[_Network]:
    """Where a gateway may call from over TCP: its network, or what its name resolved to."""
    own = [] if gateway.network is None else [gateway.network]
    return own + [ip_network(address) for address in gateway.resolved]
