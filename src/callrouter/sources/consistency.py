"""What no single entry of a directory shows: names and numbers used twice, references to nothing, numbers out of place.

Works on the Directory, whose tuples are in the order of the document, so that positions are those of the document.
References are compared as they stand: whoever built the directory wrote each as the name that it refers to. Large
directories are the common case: each table is gone through once. EXCHANGE-UM A3 rules 4 to 9, B 2.3 to 2.5, B 3.1.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from callrouter.directory.model import Directory, UMDialPlan, UMHuntGroup, VoipSecurity
from callrouter.sources.number import explain_pilot_misfit, find_user_misfits
from callrouter.sources.problem import Finding, KeyPath, format_key

MAX_PORT = 65535
MAX_GATEWAYS_OF_DIAL_PLAN = 200
"""With more the product's UM service does not start (EXCHANGE-UM B 2.3)."""

_MOST_SUGGESTIONS = 20
"""How many unknown names of one table are compared with all known ones, which is slow."""


class Named(Protocol):
    """An entry of any table."""

    @property
    def name(self) -> str:
        """What references call it."""


class PlacedHuntGroup(NamedTuple):
    """A hunt group and the entry that asks for it: of `hunt_groups`, or a gateway with a dial plan."""

    entry: KeyPath
    group: UMHuntGroup

    @property
    def pilot_path(self) -> KeyPath:
        """Where its pilot is, or what stands for it."""
        return (*self.entry, "pilot_identifier" if self.entry[0] == "hunt_groups" else "um_dial_plan")


def find_inconsistencies(
    directory: Directory, groups: Sequence[PlacedHuntGroup], *, port_offset: int
) -> Iterator[Finding]:
    """Everything wrong with a directory whose single entries are sound.

    groups: the hunt groups of the directory, each with the entry that it came from.
    port_offset: what the servers' ports have been moved up by.
    """
    plans = _Names("dial plan", directory.dial_plans)
    servers = _Names("server", directory.servers)
    plan_of = {plan.name: plan for plan in reversed(directory.dial_plans)}
    yield from _find_repeated_names("gateways", directory.gateways)
    yield from _find_repeated_addresses(directory)
    yield from _find_repeated_names("servers", directory.servers)
    yield from _find_ports_out_of_range(directory, port_offset)
    yield from _find_repeated_names("dial_plans", directory.dial_plans)
    yield from _find_repeated_names("hunt_groups", directory.hunt_groups[: _count_own(groups)])
    yield from _check_hunt_groups(groups, plans, _Names("gateway", directory.gateways), plan_of)
    yield from _find_repeated_pilots(groups)
    yield from _check_gateways_of_dial_plans(directory, groups, plan_of)
    yield from _find_repeated_names("auto_attendants", directory.auto_attendants)
    yield from _check_auto_attendants(directory, plans, plan_of)
    yield from _find_repeated_names("users", directory.users)
    yield from _check_users(directory, plans, plan_of)
    yield from _find_repeated_numbers(directory)
    yield from _find_repeated_names("databases", directory.databases)
    yield from _check_databases(directory, servers)


class _Names:
    """The names of one table, and what to say of a name that is not among them."""

    def __init__(self, noun: str, entries: Sequence[Named]) -> None:
        self._noun = noun
        self._names = {entry.name: None for entry in entries}
        self._described: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def describe_unknown(self, name: str) -> str:
        """Say that nothing has this name, and what was probably meant."""
        if name not in self._described:
            near = difflib.get_close_matches(name, self._names, n=1) if len(self._described) < _MOST_SUGGESTIONS else []
            meant = f"; did you mean {near[0]}?" if near else ""
            self._described[name] = f"there is no {self._noun} {name!r}{meant}"
        return self._described[name]


def _count_own(groups: Sequence[PlacedHuntGroup]) -> int:
    """How many groups are entries of their own; the other ones have names that nobody chose."""
    return sum(placed.entry[0] == "hunt_groups" for placed in groups)


def _find_repeated_names(table: str, entries: Sequence[Named]) -> Iterator[Finding]:
    first_index: dict[str, int] = {}
    for index, entry in enumerate(entries):
        # Exchange compares names without regard to case.
        first = first_index.setdefault(entry.name.casefold(), index)
        if first != index:
            message = f"the name {entry.name!r} is already used by {table}[{first}]"
            yield Finding((table, index, "name"), message)


def _find_repeated_addresses(directory: Directory) -> Iterator[Finding]:
    first_index: dict[str, int] = {}
    for index, gateway in enumerate(directory.gateways):
        address = gateway.fqdn if gateway.network is None else str(gateway.network)
        first = first_index.setdefault(address, index)
        if first != index:
            message = f"{address} is already the address of gateways[{first}] (event 1175: duplicate peer address)"
            yield Finding(("gateways", index, "address"), message)


def _find_ports_out_of_range(directory: Directory, port_offset: int) -> Iterator[Finding]:
    for index, server in enumerate(directory.servers):
        for key, moved in (("tcp_port", server.tcp_port), ("tls_port", server.tls_port)):
            if not 1 <= moved <= MAX_PORT:
                port = moved - port_offset
                message = f"{port} with the port offset {port_offset} is {moved}, not within 1..{MAX_PORT}"
                yield Finding(("servers", index, key), message)


def _check_hunt_groups(
    groups: Sequence[PlacedHuntGroup], plans: _Names, gateways: _Names, plan_of: dict[str, UMDialPlan]
) -> Iterator[Finding]:
    for entry, group in groups:
        if group.um_ip_gateway not in gateways:
            yield Finding((*entry, "um_ip_gateway"), gateways.describe_unknown(group.um_ip_gateway))
        plan = plan_of.get(group.um_dial_plan)
        if plan is None:
            yield Finding((*entry, "um_dial_plan"), plans.describe_unknown(group.um_dial_plan))
        elif group.pilot_identifier:
            misfit = explain_pilot_misfit(plan.uri_type, group.pilot_identifier)
            if misfit:
                yield Finding((*entry, "pilot_identifier"), misfit)


def _find_repeated_pilots(groups: Sequence[PlacedHuntGroup]) -> Iterator[Finding]:
    first_entry: dict[tuple[str, str], KeyPath] = {}
    for placed in groups:
        group = placed.group
        first = first_entry.setdefault((group.um_ip_gateway, group.pilot_identifier.casefold()), placed.entry)
        if first is not placed.entry:
            pilot = group.pilot_identifier
            what = f"a hunt group with the pilot {pilot!r}" if pilot else "a default hunt group (one without a pilot)"
            message = f"the gateway {group.um_ip_gateway!r} already has {what}: {first[0]}[{first[1]}]"
            yield Finding(placed.pilot_path, message)


def _check_gateways_of_dial_plans(
    directory: Directory, groups: Sequence[PlacedHuntGroup], plan_of: dict[str, UMDialPlan]
) -> Iterator[Finding]:
    plans_of: dict[str, set[str]] = {}
    gateways_of: dict[str, set[str]] = {}
    for _, group in groups:
        plans_of.setdefault(group.um_ip_gateway, set()).add(group.um_dial_plan)
        gateways_of.setdefault(group.um_dial_plan, set()).add(group.um_ip_gateway)
    for index, gateway in enumerate(directory.gateways):
        named = (plan_of.get(name) for name in sorted(plans_of.get(gateway.name, ())))
        secured = [plan for plan in named if plan is not None and plan.voip_security is not VoipSecurity.UNSECURED]
        if gateway.network is not None and secured:
            plan = secured[0]
            message = f"must be a host name (FQDN), because the dial plan {plan.name!r} is {plan.voip_security}"
            yield Finding(("gateways", index, "address"), message)
    for index, plan in enumerate(directory.dial_plans):
        count = len(gateways_of.get(plan.name, ()))
        if count > MAX_GATEWAYS_OF_DIAL_PLAN:
            message = f"{count} gateways lead here; a dial plan has at most {MAX_GATEWAYS_OF_DIAL_PLAN}"
            yield Finding(("dial_plans", index), message)


def _check_auto_attendants(directory: Directory, plans: _Names, plan_of: dict[str, UMDialPlan]) -> Iterator[Finding]:
    for index, attendant in enumerate(directory.auto_attendants):
        plan = plan_of.get(attendant.um_dial_plan)
        if plan is None:
            path = ("auto_attendants", index, "um_dial_plan")
            yield Finding(path, plans.describe_unknown(attendant.um_dial_plan))
            continue
        for place, number in enumerate(attendant.pilot_identifier_list):
            misfit = explain_pilot_misfit(plan.uri_type, number)
            if misfit:
                yield Finding(("auto_attendants", index, "pilot_identifier_list", place), misfit)


def _check_users(directory: Directory, plans: _Names, plan_of: dict[str, UMDialPlan]) -> Iterator[Finding]:
    databases = _Names("database", directory.databases)
    for index, user in enumerate(directory.users):
        plan = plan_of.get(user.um_dial_plan)
        if plan is None:
            yield Finding(("users", index, "um_dial_plan"), plans.describe_unknown(user.um_dial_plan))
        else:
            for key, message in find_user_misfits(plan, user):
                yield Finding(("users", index, *key), message)
        if user.database and user.database not in databases:
            yield Finding(("users", index, "database"), databases.describe_unknown(user.database))


def _find_repeated_numbers(directory: Directory) -> Iterator[Finding]:
    """Numbers that lead to two users or auto attendants of one dial plan."""
    first_of: dict[str, dict[str, KeyPath]] = {}
    for plan, number, path in _list_numbers(directory):
        first = first_of.setdefault(plan, {}).setdefault(number.casefold(), path)
        if first is not path:
            yield Finding(path, f"{number!r} is already {format_key(first)}, in the same dial plan")


def _list_numbers(directory: Directory) -> Iterator[tuple[str, str, KeyPath]]:
    """Dial plan, number and place of every number that leads to a user or an auto attendant."""
    for index, attendant in enumerate(directory.auto_attendants):
        for place, number in enumerate(attendant.pilot_identifier_list):
            yield attendant.um_dial_plan, number, ("auto_attendants", index, "pilot_identifier_list", place)
    for index, user in enumerate(directory.users):
        for place, number in enumerate(user.extensions):
            yield user.um_dial_plan, number, ("users", index, "extensions", place)
        address = user.sip_resource_identifier
        if address and address not in user.extensions:
            yield user.um_dial_plan, address, ("users", index, "sip_resource_identifier")


def _check_databases(directory: Directory, servers: _Names) -> Iterator[Finding]:
    for index, database in enumerate(directory.databases):
        if database.active not in servers:
            yield Finding(("databases", index, "active"), servers.describe_unknown(database.active))
        for place, name in enumerate(database.passive):
            if name not in servers:
                yield Finding(("databases", index, "passive", place), servers.describe_unknown(name))
            elif name in (database.active, *database.passive[:place]):
                message = f"{name!r} already holds a copy of this database"
                yield Finding(("databases", index, "passive", place), message)
