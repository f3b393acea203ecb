"""Every list of the directory over HTTP: read, put, patched, deleted and replaced, whole or not at all."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from callrouter.admin.api import create_api
from callrouter.admin.entries import MAX_ENTRIES, Annex, EntryList, entries_router, list_nouns
from callrouter.admin.models import PoolServer, PoolStatus
from callrouter.sources.document import DirectoryDocument
from tests.unit.admin.fake_control import FakeControl, ask
from tests.unit.admin.samples import READY, FakeRouter

CONTENT: dict[str, list[dict[str, Any]]] = {
    "gateways": [{"name": "gw1", "address": "192.0.2.1/32"}, {"name": "spare", "address": "gw2.example.test"}],
    "servers": [{"name": "mbx1", "fqdn": "mbx1.example.test"}, {"name": "spare"}],
    "dial_plans": [{"name": "dp1"}, {"name": "spare"}],
    "hunt_groups": [{"name": "hg1", "um_dial_plan": "dp1", "um_ip_gateway": "gw1"}],
    "auto_attendants": [{"name": "aa1", "um_dial_plan": "dp1", "pilot_identifier_list": ["70000"]}],
    "users": [{"name": "alice", "um_dial_plan": "dp1", "extensions": ["10001"], "database": "db1"}],
    "databases": [{"name": "db1", "active": "mbx1"}, {"name": "spare", "active": "mbx1"}],
}


@dataclass(frozen=True)
class Case:
    """What a noun is tested with.

    new: an entry that fits into `CONTENT`. patch: a change of it. bad: a change that no entry of the noun can bear.
    """

    noun: str
    attribute: str
    new: dict[str, Any]
    patch: dict[str, Any]
    bad: dict[str, Any]

    @property
    def url(self) -> str:
        return f"/api/v1/{self.noun}"

    @property
    def entry_url(self) -> str:
        return f"{self.url}/{self.new['name']}"


CASES = [
    Case(
        "gateways",
        "gateways",
        {"name": "gw/9", "address": "192.0.2.9/32"},
        {"status": "Disabled"},
        {"address": "not an address"},
    ),
    Case("servers", "servers", {"name": "mbx9", "address": "192.0.2.99"}, {"weight": 2.5}, {"weight": 0}),
    Case("dial-plans", "dial_plans", {"name": "dp9"}, {"uri_type": "E164"}, {"uri_type": "H323"}),
    Case(
        "hunt-groups",
        "hunt_groups",
        {"name": "hg9", "um_dial_plan": "dp1", "um_ip_gateway": "gw1", "pilot_identifier": "50000"},
        {"pilot_identifier": "50001"},
        {"um_ip_gateway": 7},
    ),
    Case(
        "auto-attendants",
        "auto_attendants",
        {"name": "aa9", "um_dial_plan": "dp1", "pilot_identifier_list": ["70009"]},
        {"status": "Enabled"},
        {"status": "Perhaps"},
    ),
    Case(
        "users",
        "users",
        {"name": "bob", "um_dial_plan": "dp1", "extensions": ["10009"]},
        {"extensions": ["10008", "10009"]},
        {"extensions": "10009"},
    ),
    Case("databases", "databases", {"name": "db9", "active": "mbx1"}, {"passive": ["spare"]}, {"active": None}),
]


@pytest.fixture
def control(control: FakeControl) -> FakeControl:
    control.start_over(DirectoryDocument.model_validate(CONTENT))
    return control


@pytest.fixture(params=CASES, ids=lambda case: case.noun)
def case(request: pytest.FixtureRequest) -> Case:
    assert isinstance(request.param, Case)
    return request.param


def problems_of(response: httpx.Response, status: int = 422) -> list[str]:
    assert response.status_code == status
    problems: list[str] = response.json()["problems"]
    assert problems
    return problems


def names_in(control: FakeControl, attribute: str) -> list[str]:
    return [entry.name for entry in getattr(control.directory, attribute)]


def test_every_list_of_the_directory_is_a_noun() -> None:
    assert {(noun.path, noun.attribute) for noun in list_nouns()} == {(case.noun, case.attribute) for case in CASES}
    assert {noun.attribute: noun.singular for noun in list_nouns()}["hunt_groups"] == "hunt_group"


async def test_list_holds_the_entries_with_all_their_fields(controller: httpx.AsyncClient, case: Case) -> None:
    response = await controller.get(case.url)
    assert response.status_code == 200
    body = response.json()
    assert body["total"] == len(CONTENT[case.attribute])
    for shown, written in zip(body[case.attribute], CONTENT[case.attribute], strict=True):
        assert shown.items() >= written.items()


async def test_put_creates_and_put_again_changes_nothing(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    created = await controller.put(case.entry_url, json=case.new)
    after_first = control.directory
    again = await controller.put(case.entry_url, json=case.new)
    assert (created.status_code, again.status_code) == (201, 200)
    assert created.json() == again.json() == (await controller.get(case.entry_url)).json()
    assert created.json().items() >= case.new.items()
    assert control.directory == after_first
    assert names_in(control, case.attribute)[-1] == case.new["name"]


async def test_put_of_a_name_in_another_case_replaces_the_entry_where_it_stands(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    await controller.put(case.entry_url, json=case.new)
    first = getattr(control.directory, case.attribute)[0]
    changed = first.model_dump(mode="json") | {"name": first.name.upper()}
    # Who refers to an entry may write its name in another case as well.
    response = await controller.put(f"{case.url}/{first.name}", json=changed)
    assert response.status_code == 200
    assert names_in(control, case.attribute)[0] == first.name.upper()
    assert len(names_in(control, case.attribute)) == len(CONTENT[case.attribute]) + 1


async def test_patch_changes_the_given_fields_alone(controller: httpx.AsyncClient, case: Case) -> None:
    before = (await controller.put(case.entry_url, json=case.new)).json()
    response = await controller.patch(case.entry_url, json=case.patch)
    assert (response.status_code, response.json()) == (200, before | case.patch)
    assert (await controller.get(case.entry_url)).json() == before | case.patch
    assert (await controller.patch(case.entry_url, json={})).json() == before | case.patch


async def test_body_with_a_bad_value_names_it_and_changes_nothing(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    await controller.put(case.entry_url, json=case.new)
    before = control.directory
    [field] = case.bad
    for method, url, body in (
        ("PUT", case.entry_url, case.new | case.bad),
        ("PATCH", case.entry_url, case.patch | case.bad),
        ("PUT", case.url, [case.new, case.new | case.bad]),
    ):
        [problem] = problems_of(await controller.request(method, url, json=body))
        assert problem.startswith(f"[1].{field}:" if isinstance(body, list) else f"{field}:")
    assert control.directory is before


async def test_body_with_an_unknown_field_or_a_line_end_is_refused(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    before = control.directory
    [unknown] = problems_of(await controller.put(case.entry_url, json=case.new | {"colour": "red"}))
    assert unknown == "colour: unknown key"
    [hidden] = problems_of(await controller.put(f"{case.url}/a%0Db", json=case.new | {"name": "a\rb"}))
    assert hidden.startswith("name: must not contain control characters")
    assert control.directory is before


async def test_body_with_another_name_than_the_path_is_refused(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    before = control.directory
    problems_of(await controller.put(f"{case.url}/other", json=case.new))
    taken = CONTENT[case.attribute][0]["name"]
    [problem] = problems_of(await controller.patch(f"{case.url}/{taken}", json={"name": "other"}))
    assert problem == f"name: is 'other', but the path names {taken!r}"
    assert control.directory is before


async def test_unknown_name_is_404(controller: httpx.AsyncClient, case: Case) -> None:
    for method in ("GET", "PATCH", "DELETE"):
        response = await controller.request(method, f"{case.url}/nobody", json={} if method == "PATCH" else None)
        assert problems_of(response, 404) == [f"no {case.attribute.removesuffix('s')} has the name 'nobody'"]


async def test_deleted_entry_is_gone(controller: httpx.AsyncClient, control: FakeControl, case: Case) -> None:
    before = control.directory
    await controller.put(case.entry_url, json=case.new)
    response = await controller.delete(case.entry_url)
    assert (response.status_code, response.content) == (204, b"")
    assert (await controller.get(case.entry_url)).status_code == 404
    assert control.directory == before


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("gateways/gw1", "hunt_groups[0].um_ip_gateway"),
        ("dial-plans/dp1", "users[0].um_dial_plan"),
        ("databases/db1", "users[0].database"),
        ("servers/mbx1", "databases[0].active"),
    ],
)
async def test_delete_of_an_entry_that_is_referred_to_is_refused_and_names_where(
    controller: httpx.AsyncClient, control: FakeControl, path: str, place: str
) -> None:
    before = control.directory
    problems = problems_of(await controller.delete(f"/api/v1/{path}"))
    assert any(problem.startswith(f"{place}: ") for problem in problems)
    assert control.directory is before


async def test_put_that_contradicts_another_entry_is_refused(
    controller: httpx.AsyncClient, control: FakeControl
) -> None:
    before = control.directory
    body = {"name": "gw9", "address": "192.0.2.1"}
    [problem] = problems_of(await controller.put("/api/v1/gateways/gw9", json=body))
    assert problem.startswith("gateways[2].address: 192.0.2.1/32 is already the address of gateways[0]")
    assert control.directory is before


async def test_put_of_the_whole_list_replaces_it(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    whole = [*CONTENT[case.attribute], case.new]
    for _ in range(2):
        response = await controller.put(case.url, json=whole)
        assert (response.status_code, response.json()) == (200, {"total": len(whole)})
        assert names_in(control, case.attribute) == [entry["name"] for entry in whole]


async def test_put_of_a_list_with_a_name_twice_is_refused(
    controller: httpx.AsyncClient, control: FakeControl, case: Case
) -> None:
    before = control.directory
    renamed = case.new | {"name": CONTENT[case.attribute][0]["name"].upper()}
    problems = problems_of(await controller.put(case.url, json=[*CONTENT[case.attribute], renamed]))
    place = f"{case.attribute}[{len(CONTENT[case.attribute])}].name"
    assert any(problem.startswith(f"{place}: ") for problem in problems)
    assert control.directory is before


async def test_put_of_what_a_list_shows_is_taken(controller: httpx.AsyncClient, case: Case) -> None:
    shown = (await controller.get(case.url)).json()
    assert (await controller.put(case.url, json=shown[case.attribute])).status_code == 200
    assert (await controller.get(case.url)).json() == shown


async def test_list_is_shown_page_by_page(controller: httpx.AsyncClient) -> None:
    users = [{"name": f"user{n}", "um_dial_plan": "dp1", "extensions": [f"2000{n}"]} for n in range(5)]
    assert (await controller.put("/api/v1/users", json=users)).status_code == 200
    page = (await controller.get("/api/v1/users", params={"limit": 2, "offset": 3})).json()
    beyond = (await controller.get("/api/v1/users", params={"offset": 9})).json()
    assert ([user["name"] for user in page["users"]], page["total"]) == (["user3", "user4"], 5)
    assert beyond == {"users": [], "total": 5}


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": str(MAX_ENTRIES + 1)}, {"offset": "-1"}, {"offset": "x"}])
async def test_page_out_of_range_is_refused(controller: httpx.AsyncClient, params: dict[str, str]) -> None:
    [problem] = problems_of(await controller.get("/api/v1/users", params=params))
    assert problem.startswith(f"{next(iter(params))}: ")


# --- what a list shows beside its entries


def create_router(control: FakeControl) -> tuple[FakeRouter, FastAPI]:
    router = FakeRouter()
    return router, create_api(dataclasses.replace(router.build_sources(), control=control))


async def test_list_of_servers_shows_their_health_as_it_is_now(control: FakeControl) -> None:
    router, api = create_router(control)
    async with ask(api) as client:
        first = (await client.get("/api/v1/servers")).json()
        assert first["health"] == [{"name": "MBX1", "state": "Active", "usable": True, "detail": ""}]
        down = PoolServer(name="MBX1", state="Down", usable=False, detail="TCP: connection refused")
        router.state = READY.model_copy(update={"pool": PoolStatus(servers=(down,))})
        second = (await client.get("/api/v1/servers")).json()
    assert second["health"] == [{"name": "MBX1", "state": "Down", "usable": False, "detail": "TCP: connection refused"}]
    assert (first["servers"], first["total"]) == (second["servers"], second["total"])


async def test_health_is_shown_whole_beside_a_page_of_the_servers(controller: httpx.AsyncClient) -> None:
    beyond = (await controller.get("/api/v1/servers", params={"limit": 1, "offset": 9})).json()
    assert (beyond["servers"], beyond["total"], len(beyond["health"])) == ([], 2, 1)


async def test_other_lists_show_their_entries_only(controller: httpx.AsyncClient, case: Case) -> None:
    shown = (await controller.get(case.url)).json()
    assert set(shown) == {case.attribute, "total", *(["health"] if case.noun == "servers" else [])}


async def test_annex_is_read_for_each_list_and_named_in_the_openapi_document(control: FakeControl) -> None:
    noun = next(noun for noun in list_nouns() if noun.attribute == "databases")
    values = iter(((1,), (2, 3)))
    api = FastAPI()
    api.include_router(entries_router(noun, control, Annex("extra", tuple[int, ...], "Why.", lambda: next(values))))
    async with ask(api) as client:
        assert (await client.get("/api/v1/databases")).json()["extra"] == [1]
        assert (await client.get("/api/v1/databases")).json()["extra"] == [2, 3]
        schema = (await client.get("/openapi.json")).json()["components"]["schemas"]["Databases"]
    assert (schema["properties"]["extra"]["type"], schema["properties"]["extra"]["description"]) == ("array", "Why.")
    assert "extra" in schema["required"]


def test_entry_list_takes_over_the_other_entries_and_lists_as_they_are(control: FakeControl) -> None:
    noun = next(noun for noun in list_nouns() if noun.attribute == "users")
    users, before = EntryList(control, noun), control.directory
    bob = noun.entry.model_validate({"name": "bob", "um_dial_plan": "dp1", "extensions": ["10009"]})
    assert users.put(bob) is True
    assert control.directory.users[0] is before.users[0]
    assert control.directory.users[1] is bob
    assert control.directory.gateways is before.gateways


def test_entry_list_follows_a_directory_that_somebody_else_replaced(control: FakeControl) -> None:
    users = EntryList(control, next(noun for noun in list_nouns() if noun.attribute == "users"))
    assert users.find("ALICE") is control.directory.users[0]
    control.directory = DirectoryDocument()
    assert users.find("alice") is None
