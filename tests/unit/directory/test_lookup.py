from ipaddress import ip_address, ip_network

import pytest

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    Directory,
    MailboxDatabase,
    UMAutoAttendant,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
)

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
    assert not lookup.has_dial_plans
    assert lookup.hunt_group(GW, ("300", "")) is None
    assert lookup.dial_plan("") is None
    assert lookup.numbers(PLAN).auto_attendants.get("300") is None
    assert lookup.numbers(PLAN).users.get("") is None
    assert lookup.database("") is None


def test_gateway_by_address_is_one_that_its_name_resolved_to() -> None:
    resolved = UMIPGateway("named", None, "gw.test", resolved=(ip_address("192.0.2.9"), ip_address("2001:db8::9")))
    lookup = DirectoryLookup(Directory((resolved, UMIPGateway("net", ip_network("192.0.2.0/24")))))
    assert lookup.gateway_by_address(ip_address("192.0.2.9")) is resolved
    assert lookup.gateway_by_address(ip_address("2001:db8::9")) is resolved
    assert lookup.gateway_by_address(ip_address("192.0.2.8")) is not resolved


def test_gateway_known_twice_is_the_first_of_them() -> None:
    first, second = (
        UMIPGateway("a", ip_network("192.0.2.1"), "gw.test"),
        UMIPGateway("b", ip_network("192.0.2.1"), "gw.test"),
    )
    lookup = DirectoryLookup(Directory((first, second)))
    assert lookup.gateway_by_address(ip_address("192.0.2.1")) is first
    assert lookup.gateway_by_names(["gw.test"]) is first


# --- what hangs on dial plans

GW, OTHER_GW = UMIPGateway("GW"), UMIPGateway("Other")
PLAN, OTHER = UMDialPlan("Plan"), UMDialPlan("Other")
GROUPS = (
    UMHuntGroup("pilot", "Plan", "GW", "300"),
    UMHuntGroup("name", "Other", "GW", "UM@corp.test"),
    UMHuntGroup("default", "Plan", "GW"),
    UMHuntGroup("again", "Other", "GW", "300"),
    UMHuntGroup("default again", "Other", "GW"),
    UMHuntGroup("elsewhere", "Plan", "Other", "301"),
)
ATTENDANTS = (UMAutoAttendant("menu", "Plan", ("310", "Menu@corp.test")), UMAutoAttendant("again", "Plan", ("310",)))
USERS = (
    UMMailbox("one", "Plan", ("301", "302"), "Alice@corp.test"),
    UMMailbox("two", "Plan", ("301",)),
    UMMailbox("three", "Other", ("303",)),
)
DATABASES = (MailboxDatabase("DB1", "MBX1"), MailboxDatabase("DB2", "MBX2"))
NUMBERED = DirectoryLookup(Directory((GW, OTHER_GW), (), (PLAN, OTHER), GROUPS, ATTENDANTS, USERS, DATABASES))


@pytest.mark.parametrize(
    ("gateway", "called", "name"),
    [
        (GW, ("300",), "pilot"),
        (GW, ("300@h", "300"), "pilot"),
        (GW, ("um@corp.test", "300"), "name"),
        (GW, ("999",), "default"),
        (GW, ("",), "default"),
        (GW, (), "default"),
        (OTHER_GW, ("301",), "elsewhere"),
        (OTHER_GW, ("300",), None),
    ],
)
def test_hunt_group_is_that_of_the_first_pilot_else_the_default_one(
    gateway: UMIPGateway, called: tuple[str, ...], name: str | None
) -> None:
    group = NUMBERED.hunt_group(gateway, called)
    assert (group and group.name) == name


@pytest.mark.parametrize(
    ("name", "plan"), [("Plan", PLAN), ("pLAN", PLAN), ("Other", OTHER), ("None", None), ("", None)]
)
def test_dial_plan_is_found_without_regard_to_case(name: str, plan: UMDialPlan | None) -> None:
    assert NUMBERED.has_dial_plans
    assert NUMBERED.dial_plan(name) == plan


@pytest.mark.parametrize(
    ("plan", "number", "attendant", "user"),
    [
        (PLAN, "310", "menu", None),
        (PLAN, "menu@corp.test", "menu", None),
        (OTHER, "310", None, None),
        (PLAN, "301", None, "one"),
        (PLAN, "302", None, "one"),
        (PLAN, "alice@corp.test", None, "one"),
        (OTHER, "301", None, None),
        (OTHER, "303", None, "three"),
        (PLAN, "", None, None),
    ],
)
def test_attendant_and_user_are_those_with_the_number_in_the_dial_plan(
    plan: UMDialPlan, number: str, attendant: str | None, user: str | None
) -> None:
    numbers = NUMBERED.numbers(plan)
    found, somebody = numbers.auto_attendants.get(number), numbers.users.get(number)
    assert (found and found.name, somebody and somebody.name) == (attendant, user)


def test_numbers_tell_whether_an_address_is_among_them() -> None:
    def of(**directory: object) -> bool:
        return DirectoryLookup(Directory(dial_plans=(PLAN,), **directory)).numbers(PLAN).has_addresses  # type: ignore[arg-type]

    assert NUMBERED.numbers(PLAN).has_addresses
    assert not NUMBERED.numbers(OTHER).has_addresses
    assert not NUMBERED.numbers(UMDialPlan("None")).has_addresses
    assert of(users=(UMMailbox("a", "Plan", (), "a@h"), UMMailbox("b", "Plan", ("1",))))
    assert of(auto_attendants=(UMAutoAttendant("a", "Plan", ("menu@h", "2")),))
    assert not of(users=(UMMailbox("b", "Plan", ("1",)),), auto_attendants=(UMAutoAttendant("a", "Plan", ("2",)),))


def test_dial_plan_of_two_with_one_name_is_the_last_however_it_is_spelt() -> None:
    upper, lower = UMDialPlan("PLAN", number_of_digits_in_extension=3), UMDialPlan("plan")
    lookup = DirectoryLookup(Directory(dial_plans=(upper, lower)))
    assert lookup.dial_plan("PLAN") is lookup.dial_plan("plan") is lookup.dial_plan("Plan") is lower


@pytest.mark.parametrize(
    ("name", "database"), [("DB1", DATABASES[0]), ("DB2", DATABASES[1]), ("", None), ("DB3", None)]
)
def test_database_is_that_of_the_name(name: str, database: MailboxDatabase | None) -> None:
    assert NUMBERED.database(name) == database
