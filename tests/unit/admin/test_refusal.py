"""Every refusal has one form."""

import json

import httpx
import pytest
from fastapi import FastAPI

from callrouter.admin.control import ControlError
from callrouter.admin.refusal import build_refusal, handle_refusals
from tests.unit.admin.fake_control import ask


async def test_unknown_path_is_told_as_problems(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v2")
    assert (response.status_code, response.json()) == (404, {"problems": ["Not Found"]})


async def test_wrong_method_keeps_its_allow_header(client: httpx.AsyncClient) -> None:
    response = await client.delete("/livez")
    assert response.json() == {"problems": ["Method Not Allowed"]}
    assert response.headers["allow"] == "GET"


async def test_query_that_does_not_fit_is_named_without_its_source(client: httpx.AsyncClient) -> None:
    response = await client.get("/api/v1/calls", params={"limit": "many"})
    [problem] = response.json()["problems"]
    assert problem.startswith("limit: ")


@pytest.mark.parametrize(
    ("raw_body", "status", "problem"),
    [
        (b"{", 422, "the body is not JSON: "),
        (b"", 422, "the body: is required"),
        (b"7", 422, "the body: Input should be an object"),
        (b'{"name": "\xff"}', 400, ""),
        (b"[" * 100_000, 400, ""),
    ],
    ids=["no-json", "empty", "no-object", "no-utf-8", "nested-too-deeply"],
)
async def test_body_that_cannot_be_read_is_refused(
    controller: httpx.AsyncClient, raw_body: bytes, status: int, problem: str
) -> None:
    headers = {"content-type": "application/json"}
    response = await controller.put("/api/v1/gateways/a", content=raw_body, headers=headers)
    assert response.status_code == status
    [told] = response.json()["problems"]
    assert told.startswith(problem)


async def test_control_error_that_nobody_catches_is_unprocessable_with_its_lines() -> None:
    api = FastAPI()
    handle_refusals(api)

    @api.get("/")
    async def refuse() -> None:
        raise ControlError(("first", "second\nline"))

    async with ask(api) as client:
        response = await client.get("/")
    assert (response.status_code, response.json()) == (422, {"problems": ["first", "second\\nline"]})


def test_refusal_with_hostile_text_is_visible_json() -> None:
    response = build_refusal(404, ["\ud800\r\n\u202e"])
    assert json.loads(bytes(response.body)) == {"problems": ["\\ud800\\r\\n\\u202e"]}
