from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.directory.lookup import DirectoryLookup
from callrouter.sources.consistency import MAX_GATEWAYS_OF_DIAL_PLAN
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory

PLANS = [
    {"name": "Tel"},
    {"name": "Whole", "uri_type": "E164"},
    {"name": "Sip", "uri_type": "SipName", "voip_security": "SIPSecured"},
]
GATEWAYS = [{"name": "gw", "address": "gw.test"}, {"name": "other", "address": "192.0.2.1"}]


def problems_of(**lists: Any) -> list[str]:
    """What is wrong with these lists; dial plans and gateways are the ones above unless given."""
    document = DirectoryDocument.model_validate({"dial_plans": PLANS, "gateways": GATEWAYS} | lists)
    try:
        build_directory(document, port_offset=0)
    except DirectoryError as error:
        return list(error.problems)
    return []


def group(name: str, plan: str = "Tel", gateway: str = "gw", pilot: str = "") -> dict[str, str]:
    return {"name": name, "um_dial_plan": plan, "um_ip_gateway": gateway, "pilot_identifier": pilot}


def user(name: str, *extensions: str, plan: str = "Tel", **more: str) -> dict[str, object]:
    return {"name": name, "um_dial_plan": plan, "extensions": extensions, **more}


def attendant(name: str, *pilots: str, plan: str = "Tel") -> dict[str, object]:
    return {"name": name, "um_dial_plan": plan, "pilot_identifier_list": pilots}


@pytest.mark.parametrize(
    ("table", "entry"),
    [
        ("dial_plans", {}),
        ("hunt_groups", group("x", "nowhere")),
        ("auto_attendants", attendant("x")),
        ("users", user("x", "12345")),
        ("databases", {"active": "m"}),
    ],
)
def test_names_used_twice_are_reported_without_regard_to_case(table: str, entry: dict[str, object]) -> None:
    problems = problems_of(**{table: [entry | {"name": "Name"}, entry | {"name": "nAME"}]})
    assert f"{table}[1].name: the name 'nAME' is already used by {table}[0]" in problems


def test_references_to_nothing_are_all_reported_with_what_was_probably_meant() -> None:
    assert problems_of(
        servers=[{"name": "MBX1"}],
        databases=[{"name": "DB1", "active": "MXB1", "passive": ["mbx1", "zzz"]}],
        gateways=[*GATEWAYS, {"name": "third", "address": "::1", "um_dial_plan": "Tell"}],
        hunt_groups=[group("h", "Tl", "gwx")],
        auto_attendants=[attendant("a", "1", plan="Whol")],
        users=[user("u", "12345", plan="Q", database="DB2")],
    ) == [
        "hunt_groups[0].um_ip_gateway: there is no gateway 'gwx'; did you mean gw?",
        "hunt_groups[0].um_dial_plan: there is no dial plan 'Tl'; did you mean Tel?",
        "gateways[2].um_dial_plan: there is no dial plan 'Tell'; did you mean Tel?",
        "auto_attendants[0].um_dial_plan: there is no dial plan 'Whol'; did you mean Whole?",
        "users[0].um_dial_plan: there is no dial plan 'Q'",
        "users[0].database: there is no database 'DB2'; did you mean DB1?",
        "databases[0].active: there is no server 'MXB1'; did you mean MBX1?",
        "databases[0].passive[1]: there is no server 'zzz'",
    ]


def test_references_to_very_many_names_that_are_nothing_are_reported_without_suggestions_for_all() -> None:
    problems = problems_of(users=[user(f"u{index}", f"{index:05}", plan=f"Tel{index}") for index in range(100)])
    assert len(problems) == 100
    assert problems[0].endswith("did you mean Tel?")
    assert problems[-1].endswith("there is no dial plan 'Tel99'")


def test_phone_contexts_that_name_no_dial_plan_are_allowed() -> None:
    assert problems_of(dial_plans=[{"name": "a", "equivalent_dial_plan_phone_contexts": ["a.example.com"]}]) == []


@pytest.mark.parametrize("security", ["SIPSecured", "Secured"])
def test_gateway_by_address_of_a_secured_dial_plan_is_reported(security: str) -> None:
    plans = [{"name": "Safe", "voip_security": security}, {"name": "Open"}]
    groups = [group("1", "Open", "other", "1"), group("2", "safe", "OTHER", "2"), group("3", "Safe", "gw")]
    assert problems_of(dial_plans=plans, hunt_groups=groups) == [
        f"gateways[1].address: must be a host name (FQDN), because the dial plan 'Safe' is {security}"
    ]


def test_gateway_by_address_with_a_secured_dial_plan_of_its_own_is_reported() -> None:
    gateways = [{"name": "net", "address": "192.0.2.0/24", "um_dial_plan": "Sip"}]
    (problem,) = problems_of(gateways=gateways)
    assert problem.startswith("gateways[0].address: must be a host name (FQDN)")


def test_dial_plan_with_too_many_gateways_is_reported() -> None:
    count = MAX_GATEWAYS_OF_DIAL_PLAN + 1
    gateways = [{"name": f"g{n}", "address": f"g{n}.test", "um_dial_plan": "Tel"} for n in range(count)]
    assert problems_of(gateways=gateways) == ["dial_plans[0]: 201 gateways lead here; a dial plan has at most 200"]
    # A second hunt group of a gateway is no second gateway.
    assert problems_of(gateways=gateways[1:], hunt_groups=[group("h", gateway="g1", pilot="1")]) == []


def test_hunt_groups_of_a_gateway_with_the_same_pilot_are_reported() -> None:
    groups = [
        group("1", "Sip", pilot="Mail@x.test"),
        group("2", "Sip", pilot="mail@X.test"),
        group("3", "Tel", "other", pilot="5000"),
    ]
    gateways = [GATEWAYS[0], {"name": "other", "address": "o.test"}]
    assert problems_of(hunt_groups=groups, gateways=gateways) == [
        (
            "hunt_groups[1].pilot_identifier: the gateway 'gw' already has a hunt group with the pilot 'mail@X.test': "
            "hunt_groups[0]"
        )
    ]


def test_second_default_hunt_group_of_a_gateway_is_reported() -> None:
    gateways = [{"name": "gw", "address": "gw.test", "um_dial_plan": "Tel"}]
    what = "the gateway 'gw' already has a default hunt group (one without a pilot): hunt_groups[0]"
    assert problems_of(gateways=gateways, hunt_groups=[group("1", "Whole"), group("2")]) == [
        f"hunt_groups[1].pilot_identifier: {what}",
        f"gateways[0].um_dial_plan: {what}",
    ]


def test_numbers_used_twice_in_a_dial_plan_are_reported() -> None:
    assert problems_of(
        auto_attendants=[attendant("a", "11111", "22222"), attendant("b", "22222")],
        users=[
            user("u", "33333", "33333"),
            user("v", "11111"),
            user("w", "44444", "33333"),
            user("x", plan="Sip", sip_resource_identifier="x@x.test"),
            user("y", plan="Sip", sip_resource_identifier="X@x.test"),
        ],
    ) == [
        (
            "auto_attendants[1].pilot_identifier_list[0]: '22222' is already "
            "auto_attendants[0].pilot_identifier_list[1], in the same dial plan"
        ),
        "users[0].extensions[1]: '33333' is already users[0].extensions[0], in the same dial plan",
        "users[1].extensions[0]: '11111' is already auto_attendants[0].pilot_identifier_list[0], in the same dial plan",
        "users[2].extensions[1]: '33333' is already users[0].extensions[0], in the same dial plan",
        (
            "users[4].sip_resource_identifier: 'X@x.test' is already users[3].sip_resource_identifier, "
            "in the same dial plan"
        ),
    ]


def test_numbers_used_in_two_dial_plans_or_twice_for_one_user_are_allowed() -> None:
    plans = [{"name": "a"}, {"name": "b"}, PLANS[1]]
    users = [
        user("u", "12345", plan="a"),
        user("v", "12345", plan="b"),
        user("w", "+1425", plan="Whole", sip_resource_identifier="+1425"),
    ]
    assert problems_of(dial_plans=plans, users=users) == []


def test_numbers_that_do_not_fit_their_dial_plan_are_reported() -> None:
    assert problems_of(
        hunt_groups=[group("1", "Tel", pilot="u@x.test"), group("2", "Whole", pilot="5000")],
        auto_attendants=[attendant("a", "5000", "menu"), attendant("b", "sip:m", plan="Sip")],
        users=[user("u", "1234"), user("v", plan="Sip"), user("w", "12345", plan="Whole")],
    ) == [
        "hunt_groups[0].pilot_identifier: 'u@x.test' is not a number, as a TelExtn dial plan needs",
        "hunt_groups[1].pilot_identifier: '5000' is not a plus with digits, as an E164 dial plan needs",
        "auto_attendants[0].pilot_identifier_list[1]: 'menu' is not a number, as a TelExtn dial plan needs",
        (
            "auto_attendants[1].pilot_identifier_list[0]: 'sip:m' is neither a name nor of the form user@domain, "
            "as a SipName dial plan needs"
        ),
        "users[0].extensions[0]: '1234' has not 5 digits, as the dial plan 'Tel' needs",
        (
            "users[1].sip_resource_identifier: a user of the SipName dial plan 'Sip' needs an address of the form "
            "user@domain"
        ),
        "users[2].sip_resource_identifier: a user of the E164 dial plan 'Whole' needs a number of the form +digits",
    ]


def test_database_with_two_copies_on_one_server_is_reported() -> None:
    servers = [{"name": "a"}, {"name": "b"}]
    databases = [{"name": "1", "active": "a", "passive": ["b", "A", "b"]}]
    assert problems_of(servers=servers, databases=databases) == [
        "databases[0].passive[1]: 'a' already holds a copy of this database",
        "databases[0].passive[2]: 'b' already holds a copy of this database",
    ]


_NAMES = st.sampled_from(["a", "A", "b"])


@given(
    groups=st.lists(st.tuples(_NAMES, _NAMES, st.sampled_from(["", "1", "2"])), max_size=3),
    users=st.lists(st.tuples(_NAMES, st.lists(st.sampled_from(["1", "2", "33"]), max_size=2)), max_size=3),
)
def test_directory_without_problems_lets_lookups_find_every_entry(
    groups: list[tuple[str, str, str]], users: list[tuple[str, list[str]]]
) -> None:
    lists: dict[str, Any] = {
        "gateways": [{"name": "a", "address": "::1"}, {"name": "b", "address": "::2"}],
        "dial_plans": [{"name": name, "number_of_digits_in_extension": 1} for name in ("A", "B")],
        "hunt_groups": [group(f"h{n}", plan, gateway, pilot) for n, (plan, gateway, pilot) in enumerate(groups)],
        "users": [user(f"u{n}", *extensions, plan=plan) for n, (plan, extensions) in enumerate(users)],
    }
    try:
        directory = build_directory(DirectoryDocument.model_validate(lists), port_offset=0)
    except DirectoryError as error:
        assert error.problems  # noqa: PT017 - either outcome is right
        return
    lookup = DirectoryLookup(directory)
    gateways = {gateway.name: gateway for gateway in directory.gateways}
    for each in directory.hunt_groups:
        assert lookup.hunt_group(gateways[each.um_ip_gateway], each.pilot_identifier) is each
    for mailbox in directory.users:
        plan = lookup.dial_plan(mailbox.um_dial_plan)
        assert plan is not None
        assert all(lookup.numbers(plan).users.get(number) is mailbox for number in mailbox.extensions)
