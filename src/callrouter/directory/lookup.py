"""The directory made quick to ask: every question is a dict look-up, whatever the size. Built once, never changed.

Numbers and names are compared as the product's directory compares them, without regard to case: a number is asked for
by its key, which is the number case-folded (`facts.Party.keys`).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
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


@dataclass(slots=True)
class Numbers:
    """What the numbers of one dial plan lead to, by their keys; a key need not name the plan."""

    auto_attendants: dict[str, UMAutoAttendant] = field(default_factory=dict)
    """Enabled or not."""
    users: dict[str, UMMailbox] = field(default_factory=dict)
    has_addresses: bool = False
    """Whether one of them is more than a number, as user@domain; where none is, such a key need not be asked for."""

    def add_auto_attendant(self, number: str, attendant: UMAutoAttendant) -> None:
        """Enter a number of an auto attendant; the first one keeps it."""
        self.auto_attendants.setdefault(self._key_of(number), attendant)

    def add_user(self, number: str, user: UMMailbox) -> None:
        """Enter an extension or SIP address of a user; the first one keeps it."""
        self.users.setdefault(self._key_of(number), user)

    def _key_of(self, number: str) -> str:
        self.has_addresses = self.has_addresses or "@" in number
        return number.casefold()


_NO_NUMBERS = Numbers()


class DirectoryLookup:
    """Indexes over one `Directory`."""

    __slots__ = (
        "_by_name",
        "_by_network",
        "_databases",
        "_default_hunt_groups",
        "_dial_plans",
        "_dial_plans_as_named",
        "_numbers",
        "_pilots",
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
        self._dial_plans_as_named = {plan.name: self._dial_plans[plan.name.casefold()] for plan in directory.dial_plans}
        self._pilots: dict[str, dict[str, UMHuntGroup]] = {}
        """By the name of the gateway."""
        self._default_hunt_groups: dict[str, UMHuntGroup] = {}
        for group in directory.hunt_groups:
            if group.pilot_identifier:
                pilots = self._pilots.setdefault(group.um_ip_gateway, {})
                pilots.setdefault(group.pilot_identifier.casefold(), group)
            else:
                self._default_hunt_groups.setdefault(group.um_ip_gateway, group)
        numbers: defaultdict[str, Numbers] = defaultdict(Numbers)
        for attendant in directory.auto_attendants:
            for number in attendant.pilot_identifier_list:
                numbers[attendant.um_dial_plan].add_auto_attendant(number, attendant)
        for user in directory.users:
            for number in (*user.extensions, user.sip_resource_identifier):
                if number:
                    numbers[user.um_dial_plan].add_user(number, user)
        self._numbers = dict(numbers)
        """By the name of the dial plan."""
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
        pilots = self._pilots.get(gateway.name)
        if pilots is not None:
            for key in keys:
                group = pilots.get(key)
                if group is not None:
                    return group
        return self._default_hunt_groups.get(gateway.name)

    def dial_plan(self, name: str) -> UMDialPlan | None:
        """The dial plan of this name or phone-context."""
        return self._dial_plans_as_named.get(name) or self._dial_plans.get(name.casefold())

    def numbers(self, dial_plan: UMDialPlan) -> Numbers:
        """The numbers of this dial plan."""
        return self._numbers.get(dial_plan.name, _NO_NUMBERS)

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
