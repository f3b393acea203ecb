"""The API as a whole: what is served, and what its OpenAPI document says."""

from typing import Any

import httpx
import pytest

from tests.unit.admin.fake_control import FakeControl, ask, create_controlled_api


async def test_openapi_names_a_typed_model_for_every_json_answer(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    def model(path: str, method: str = "get", code: str = "200") -> str:
        content = document["paths"][path][method]["responses"][code]["content"]
        return str(content["application/json"]["schema"]["$ref"]).rpartition("/")[2]

    assert model("/livez") == "Liveness"
    assert model("/readyz") == model("/readyz", code="503") == "Readiness"
    assert model("/api/v1/calls") == "Calls"
    assert model("/api/v1/calls", "delete") == "ClearedCalls"
    assert list(document["paths"]["/metrics"]["get"]["responses"]["200"]["content"]) == ["text/plain"]
    assert set(document["components"]["schemas"]["Readiness"]["required"]) >= {"ready", "directory"}


async def test_docs_page_is_served(client: httpx.AsyncClient) -> None:
    response = await client.get("/docs")
    assert response.status_code == 200
    assert "/openapi.json" in response.text


@pytest.mark.parametrize(("method", "path"), [("POST", "/api/v1/calls"), ("DELETE", "/livez"), ("PUT", "/readyz")])
async def test_method_that_a_noun_lacks_is_refused(client: httpx.AsyncClient, method: str, path: str) -> None:
    assert (await client.request(method, path)).status_code == 405


async def read_operations(control: FakeControl, token: str = "") -> dict[str, dict[str, Any]]:
    """Operations of the whole API by their ids, each with its method and path."""
    async with ask(create_controlled_api(control, token), token) as client:
        document = (await client.get("/openapi.json")).json()
    operations = [
        operation | {"at": f"{method.upper()} {path}"}
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids)
    return dict(zip(ids, operations, strict=True))


async def test_openapi_has_an_operation_of_a_telling_name_for_everything(control: FakeControl) -> None:
    places = {name: operation["at"] for name, operation in (await read_operations(control)).items()}
    assert (
        places.items()
        >= {
            "readyz": "GET /readyz",
            "list_calls": "GET /api/v1/calls",
            "patch_router_settings": "PATCH /api/v1/router/settings",
            "put_component_state": "PUT /api/v1/router/component-state",
            "list_hunt_groups": "GET /api/v1/hunt-groups",
            "replace_hunt_groups": "PUT /api/v1/hunt-groups",
            "get_hunt_group": "GET /api/v1/hunt-groups/{name}",
            "put_hunt_group": "PUT /api/v1/hunt-groups/{name}",
            "patch_hunt_group": "PATCH /api/v1/hunt-groups/{name}",
            "delete_hunt_group": "DELETE /api/v1/hunt-groups/{name}",
            "reload": "POST /api/v1/reload",
        }.items()
    )


async def test_openapi_tells_every_refusal_in_the_same_form(control: FakeControl) -> None:
    told = {
        (name, code): answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for name, operation in (await read_operations(control)).items()
        for code, answer in operation["responses"].items()
        if code.startswith("4")
    }
    assert set(told.values()) == {"Problems"}
    assert {code for name, code in told if name == "patch_gateway"} == {"400", "403", "404", "413", "421", "422"}
    assert {code for name, code in told if name == "patch_router_settings"} == {
        "400",
        "403",
        "409",
        "413",
        "421",
        "422",
    }
    assert {code for name, code in told if name == "livez"} == {"421"}


async def test_openapi_with_a_token_says_where_it_is_asked_for(control: FakeControl) -> None:
    operations = await read_operations(control, "letmein")
    without = {name for name, operation in operations.items() if operation.get("security") != [{"token": []}]}
    assert without == {"livez", "readyz"}
    assert all("401" in operation["responses"] for name, operation in operations.items() if name not in without)
    assert not any("421" in operation["responses"] for operation in operations.values())


async def test_openapi_without_a_token_asks_for_none(control: FakeControl) -> None:
    assert not any("security" in operation for operation in (await read_operations(control)).values())


async def test_api_without_a_control_has_nothing_that_changes_the_router(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/v1/calls")).status_code == 200
    assert (await client.get("/api/v1/gateways")).status_code == 404
    assert (await client.post("/api/v1/reload")).status_code == 404
