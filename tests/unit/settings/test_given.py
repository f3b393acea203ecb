from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.settings.given import Given, read_document, read_environment, read_overrides
from callrouter.settings.keys import list_keys, name_variable
from callrouter.sources.problem import Problem
from callrouter.sources.toml_text import parse_toml


def read_variable(name: str, text: str) -> Given | Problem:
    (item,) = read_environment({name: text})
    return item


def read_override(override: str) -> Given | Problem:
    (item,) = read_overrides([override])
    return item


def test_read_document_yields_each_value_with_its_line_and_folder() -> None:
    document = parse_toml('[log]\ncalls = false\nfile = "x"\n', name="a.toml")
    items = list(read_document(document, Path("config")))
    assert [(item.key, item.value, item.where()) for item in items if isinstance(item, Given)] == [
        ("log.calls", False, "a.toml:2"),
        ("log.file", "x", "a.toml:3"),
    ]
    assert {item.folder for item in items if isinstance(item, Given)} == {Path("config")}


def test_read_document_reports_unknown_names_and_groups_that_are_no_tables() -> None:
    document = parse_toml("pool = 3\n[ruoter]\nx = 1\n[router]\nport_offset = 1\n", name="a.toml")
    assert list(map(str, read_document(document, None))) == [
        "a.toml:1: pool: must be a table: [pool]",
        "a.toml:2: ruoter: unknown group; did you mean router?",
        "a.toml:5: router.port_offset: unknown setting; did you mean mailbox.port_offset?",
    ]


@pytest.mark.parametrize("name", ["CALLROUTER_ADMIN__PORT", "callrouter_admin__port", "Callrouter_Admin__Port"])
def test_read_environment_takes_names_in_any_case(name: str) -> None:
    item = read_variable(name, "81")
    assert isinstance(item, Given)
    assert (item.key, item.value, item.where()) == ("admin.port", "81", f"environment {name}")


@pytest.mark.parametrize(
    "name", ["CALLROUTER_PORT", "CALLROUTER_SERVICE_HOST", "CALLROUTER", "PATH", "MY_CALLROUTER_ADMIN__PORT", ""]
)
def test_read_environment_ignores_what_is_not_addressed_to_us(name: str) -> None:
    assert list(read_environment({name: "tcp://10.0.0.1:5060"})) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CALLROUTER_ADMIN__PROT", "admin.prot: unknown setting; did you mean CALLROUTER_ADMIN__PORT?"),
        ("CALLROUTER__ADMIN__PORT", "admin.port: unknown setting; did you mean CALLROUTER_ADMIN__PORT?"),
        ("CALLROUTER_ADMIN__PORT__", "admin.port: unknown setting; did you mean CALLROUTER_ADMIN__PORT?"),
        ("CALLROUTER_QQQQ__ZZZZ", "qqqq.zzzz: unknown setting"),
    ],
)
def test_read_environment_with_name_of_no_setting_is_a_problem(name: str, expected: str) -> None:
    assert str(read_variable(name, "1")) == f"environment {name}: {expected}"


def test_read_environment_with_one_setting_twice_is_a_problem() -> None:
    items = list(read_environment({"CALLROUTER_ADMIN__PORT": "1", "callrouter_admin__port": "2"}))
    assert [type(item) for item in items] == [Given, Problem]


def test_read_environment_reads_lists_as_json_and_all_else_as_text() -> None:
    dial_plans = read_variable("CALLROUTER_ROUTER__DIAL_PLANS", '["a", "b"]')
    profile = read_variable("CALLROUTER_REDIRECT__PROFILE", "2013")
    header = read_variable("CALLROUTER_REDIRECT__SERVER_HEADER", "")
    assert isinstance(dial_plans, Given)
    assert isinstance(profile, Given)
    assert isinstance(header, Given)
    assert (dial_plans.value, profile.value, header.value) == (["a", "b"], "2013", "")


@pytest.mark.parametrize(
    ("text", "message"), [("[", "must be JSON: "), ("[" * 100_000, "nested too deeply"), ("a,b", "must be JSON: ")]
)
def test_read_environment_with_broken_json_is_a_problem(text: str, message: str) -> None:
    item = read_variable("CALLROUTER_ROUTER__DIAL_PLANS", text)
    assert isinstance(item, Problem)
    assert item.key == "router.dial_plans"
    assert message in item.message


@given(key=st.sampled_from(list_keys()), text=st.text())
def test_read_environment_of_any_text_keeps_key_and_origin(key: str, text: str) -> None:
    name = name_variable(*key.split("."))
    item = read_variable(name, text)
    assert item.key == key
    assert (item.where() if isinstance(item, Given) else item.where) == f"environment {name}"


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("admin.port=81", "81"),
        (" admin.port =81", "81"),
        ("redirect.profile=2013", "2013"),
        ("redirect.profile='2013'", "2013"),
        ('redirect.server_header=""', ""),
        ("redirect.server_header=", ""),
        ("redirect.server_header=a=b", "a=b"),
        ("log.file=var/x.log", "var/x.log"),
        ('router.dial_plans=["a"]', ["a"]),
        ("directory.servers=[{name='m'}]", [{"name": "m"}]),
        ("log.file='a'\nother = 'b'", "'a'\nother = 'b'"),
        ("log.file=" + "[" * 100_000, "[" * 100_000),
    ],
)
def test_read_overrides_reads_toml_where_it_says_more_than_text(override: str, value: object) -> None:
    item = read_override(override)
    assert isinstance(item, Given)
    assert item.value == value
    assert item.where() == "--set"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("admin.port", "--set: admin.port: must have the form group.key=value"),
        ("admin.prot=1", "--set: admin.prot: unknown setting; did you mean admin.port?"),
        ("port=1", "--set: port: unknown setting; did you mean admin.port?"),
        ("=", "--set: unknown setting"),
    ],
)
def test_read_overrides_that_set_nothing_are_problems(override: str, expected: str) -> None:
    assert str(read_override(override)) == expected
