"""The emulated Mailbox servers over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from callrouter.sources.document import DirectoryDocument
from tests.unit.admin.fake_control import FakeControl, FakeMailbox, ask, create_controlled_api

WORKER = {
    "server": "MBX1",
    "worker": 1,
    "ports": {"TCP": 5065},
    "calls": 2,
    "draining_calls": 0,
    "max_calls_allowed": 100,
}
OTHER = "rack%203%2FMBX2"


@pytest.fixture
def mailbox() -> FakeMailbox:
    return FakeMailbox()


@pytest.fixture
def api(control: FakeControl, mailbox: FakeMailbox) -> FastAPI:
    control.start_over(DirectoryDocument.model_validate({"servers": [{"name": "MBX1"}, {"name": "rack 3/MBX2"}]}))
    return create_controlled_api(control, mailbox=mailbox)


@pytest.fixture
async def client(api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with ask(api) as client:
        yield client


def problems_of(response: httpx.Response, status: int) -> list[str]:
    assert response.status_code == status
    problems: list[str] = response.json()["problems"]
    return problems


# --- workers


async def test_workers_of_all_servers_are_listed(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/workers")
    assert (response.status_code, response.json()) == (
        200,
        {"workers": [WORKER, WORKER | {"server": "rack 3/MBX2"}]},
    )


@pytest.mark.parametrize(("name", "server"), [("MBX1", "MBX1"), ("mbx1", "MBX1"), (OTHER, "rack 3/MBX2")])
async def test_worker_is_found_by_the_name_of_its_server(client: httpx.AsyncClient, name: str, server: str) -> None:
    response = await client.get(f"/api/v1/servers/{name}/worker")
    assert (response.status_code, response.json()) == (200, WORKER | {"server": server})


@pytest.mark.parametrize("name", ["MBX1", OTHER])
async def test_recycled_worker_is_told_as_it_is_then(
    client: httpx.AsyncClient, mailbox: FakeMailbox, name: str
) -> None:
    response = await client.post(f"/api/v1/servers/{name}/recycle")
    assert response.status_code == 200
    assert response.json().items() >= {"worker": 2, "ports": {"TCP": 5067}, "draining_calls": 2}.items()
    assert sorted(status.worker for status in mailbox.workers()) == [1, 2]


async def test_worker_that_cannot_be_recycled_says_every_reason(
    client: httpx.AsyncClient, mailbox: FakeMailbox
) -> None:
    mailbox.refusals = ("5067 is in use", "5068 is in use")
    assert problems_of(await client.post("/api/v1/servers/MBX1/recycle"), 422) == list(mailbox.refusals)
    assert mailbox.worker("MBX1").worker == 1


# --- Play on Phone


async def test_phone_call_is_begun_asked_about_and_ended(client: httpx.AsyncClient) -> None:
    begun = await client.post("/api/v1/servers/mbx1/play-on-phone", json={"number": "4711", "gateway": "gw2"})
    assert begun.status_code == 202
    call = begun.json()
    assert call == {
        "call_id": "call-0",
        "server": "MBX1",
        "number": "4711",
        "gateway": "gw2",
        "uri": "sip:4711@192.0.2.10:5060;transport=tcp",
        "state": "Connecting",
        "status": 0,
        "detail": "",
    }
    url = f"/api/v1/servers/MBX1/play-on-phone/{call['call_id']}"
    assert (await client.get(url)).json() == call
    ended = await client.delete(url)
    assert (ended.status_code, ended.json()["state"]) == (200, "Disconnected")
    assert (await client.get(url)).json() == ended.json()


async def test_phone_call_without_a_gateway_leaves_the_choice_to_the_server(client: httpx.AsyncClient) -> None:
    begun = await client.post(f"/api/v1/servers/{OTHER}/play-on-phone", json={"number": "4711"})
    assert (begun.status_code, begun.json()["gateway"], begun.json()["server"]) == (202, "first", "rack 3/MBX2")
    assert (await client.get(f"/api/v1/servers/{OTHER}/play-on-phone/call-0")).status_code == 200
    assert (await client.get("/api/v1/servers/MBX1/play-on-phone/call-0")).status_code == 404


async def test_phone_calls_of_a_server_are_listed_the_newest_first(client: httpx.AsyncClient) -> None:
    for name, number in (("MBX1", "1"), (OTHER, "2"), ("MBX1", "3")):
        await client.post(f"/api/v1/servers/{name}/play-on-phone", json={"number": number})
    listed = {name: (await client.get(f"/api/v1/servers/{name}/play-on-phone")).json() for name in ("MBX1", OTHER)}
    assert {name: [call["number"] for call in page["calls"]] for name, page in listed.items()} == {
        "MBX1": ["3", "1"],
        OTHER: ["2"],
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "number"),
        ({"number": ""}, "number"),
        ({"number": 4711}, "number"),
        ({"number": "4" * 257}, "number"),
        ({"number": "4711", "gateway": "g" * 65}, "gateway"),
        ({"number": "4711", "gateway": None}, "gateway"),
        ({"number": "4711", "colour": "red"}, "colour"),
    ],
)
async def test_phone_call_with_a_bad_body_names_the_field(
    client: httpx.AsyncClient, mailbox: FakeMailbox, body: dict[str, object], field: str
) -> None:
    [problem] = problems_of(await client.post("/api/v1/servers/MBX1/play-on-phone", json=body), 422)
    assert problem.startswith(f"{field}: ")
    assert mailbox.placed == {}


async def test_phone_call_that_cannot_be_placed_says_why(client: httpx.AsyncClient, mailbox: FakeMailbox) -> None:
    mailbox.refusals = ("no UM IP gateway allows it",)
    response = await client.post("/api/v1/servers/MBX1/play-on-phone", json={"number": "4711"})
    assert problems_of(response, 422) == ["no UM IP gateway allows it"]


# --- PINs


async def test_pin_resets_are_counted(client: httpx.AsyncClient) -> None:
    before = await client.get("/api/v1/users/alice/pin-resets")
    assert (before.status_code, before.json()) == (200, {"user": "Alice", "resets": 0, "last_reset_at": None})
    for resets in (1, 2):
        after = await client.post("/api/v1/users/ALICE/reset-pin")
        assert after.status_code == 200
        assert after.json() == {"user": "Alice", "resets": resets, "last_reset_at": "2026-03-04T12:00:00Z"}
    assert (await client.get("/api/v1/users/Alice/pin-resets")).json() == after.json()


# --- what is not there


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "servers/nobody/worker"),
        ("POST", "servers/nobody/recycle"),
        ("GET", "servers/nobody/play-on-phone"),
        ("GET", "servers/nobody/play-on-phone/x"),
        ("DELETE", "servers/nobody/play-on-phone/x"),
        ("GET", "servers/MBX1/play-on-phone/x"),
        ("DELETE", "servers/MBX1/play-on-phone/x"),
        ("POST", "users/nobody/reset-pin"),
        ("GET", "users/nobody/pin-resets"),
    ],
)
async def test_what_is_not_there_is_404_and_named(client: httpx.AsyncClient, method: str, path: str) -> None:
    [problem] = problems_of(await client.request(method, f"/api/v1/{path}"), 404)
    assert "'nobody'" in problem or "'x'" in problem


async def test_hostile_name_is_shown_visibly(client: httpx.AsyncClient) -> None:
    [problem] = problems_of(await client.get("/api/v1/servers/a%0D%0Ab%E2%80%AE/worker"), 404)
    assert problem.isprintable()


async def test_directory_of_servers_is_served_beside(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/servers/MBX1")).json()["name"] == "MBX1"
    assert (await client.get(f"/api/v1/servers/{OTHER}")).json()["name"] == "rack 3/MBX2"
    assert (await client.delete("/api/v1/servers/MBX1")).status_code == 204
    # What is emulated does not hang on what the directory says.
    assert (await client.get("/api/v1/servers/MBX1/worker")).status_code == 200


async def test_process_without_emulated_servers_has_no_such_paths(controller: httpx.AsyncClient) -> None:
    assert (await controller.get("/api/v1/workers")).status_code == 404
    assert (await controller.post("/api/v1/servers/MBX1/recycle")).status_code == 405
    assert (await controller.get("/api/v1/servers/MBX1/worker")).status_code == 404


async def test_emulated_servers_without_a_router_can_be_asked(mailbox: FakeMailbox) -> None:
    async with ask(create_controlled_api(None, mailbox=mailbox)) as client:
        assert (await client.post("/api/v1/servers/MBX1/recycle")).status_code == 200
        assert (await client.get("/api/v1/servers")).status_code == 404


async def test_emulated_servers_are_behind_the_token(control: FakeControl, mailbox: FakeMailbox) -> None:
    api = create_controlled_api(control, "letmein", mailbox=mailbox)
    async with ask(api) as stranger:
        assert (await stranger.get("/api/v1/workers")).status_code == 401
        assert (await stranger.post("/api/v1/servers/MBX1/recycle")).status_code == 401
    async with ask(api, "letmein") as client:
        assert (await client.get("/api/v1/workers")).status_code == 200
    assert mailbox.worker("MBX1").worker == 1


async def test_page_of_another_site_cannot_recycle(client: httpx.AsyncClient, mailbox: FakeMailbox) -> None:
    response = await client.post("/api/v1/servers/MBX1/recycle", headers={"origin": "http://evil.example"})
    assert response.status_code == 403
    assert mailbox.worker("MBX1").worker == 1


async def test_openapi_has_every_operation_with_its_refusals(client: httpx.AsyncClient) -> None:
    paths = (await client.get("/openapi.json")).json()["paths"]
    operations = {
        (method, path): operation
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation.get("tags") == ["mailbox"]
    }
    assert {(method, path): operation["operationId"] for (method, path), operation in operations.items()} == {
        ("get", "/api/v1/workers"): "list_workers",
        ("get", "/api/v1/servers/{name}/worker"): "get_worker",
        ("post", "/api/v1/servers/{name}/recycle"): "recycle_worker",
        ("post", "/api/v1/servers/{name}/play-on-phone"): "play_on_phone",
        ("get", "/api/v1/servers/{name}/play-on-phone"): "list_phone_calls",
        ("get", "/api/v1/servers/{name}/play-on-phone/{call_id}"): "get_phone_call",
        ("delete", "/api/v1/servers/{name}/play-on-phone/{call_id}"): "disconnect_phone_call",
        ("post", "/api/v1/users/{name}/reset-pin"): "reset_pin",
        ("get", "/api/v1/users/{name}/pin-resets"): "get_pin_resets",
    }
    for operation in operations.values():
        assert operation["summary"]
        for code, answer in operation["responses"].items():
            model = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            assert (model == "Problems") is code.startswith("4")
    assert all("404" in operation["responses"] for (_, path), operation in operations.items() if "{" in path)
    assert "422" in operations["post", "/api/v1/servers/{name}/recycle"]["responses"]
