"""Who is let in."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from tests.unit.admin.fake_control import FakeControl, ask, create_controlled_api

TOKEN = "s\u00e9cret"  # noqa: S105 - opens nothing
PATHS = ["/api/v1/calls", "/api/v1/router/settings", "/metrics", "/docs", "/openapi.json", "/no/such/path"]


def bearer(token: str, scheme: str = "Bearer") -> dict[bytes, bytes]:
    return {b"authorization": f"{scheme} {token}".encode()}


@pytest.fixture(scope="module")
def locked_control() -> FakeControl:
    return FakeControl()


@pytest.fixture(scope="module")
def locked_api(locked_control: FakeControl) -> FastAPI:
    return create_controlled_api(locked_control, TOKEN)


@pytest.fixture
async def stranger(locked_api: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Asks a router with a token, and has none."""
    async with ask(locked_api) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
async def test_request_without_the_token_is_401(stranger: httpx.AsyncClient, path: str) -> None:
    response = await stranger.get(path)
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="callrouter"'
    assert "Bearer TOKEN" in response.json()["problems"][0]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_probe_needs_no_token(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 200


@pytest.mark.parametrize("path", ["/livez/", "//livez", "/livez/../api/v1/calls", "/readyz;a", "/%6civez/x"])
async def test_path_that_only_looks_like_a_probe_needs_the_token(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path)).status_code == 401


@pytest.mark.parametrize("path", PATHS[:-1])
async def test_request_with_the_token_is_answered(stranger: httpx.AsyncClient, path: str) -> None:
    assert (await stranger.get(path, headers=bearer(TOKEN))).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [bearer(TOKEN[:-1]), bearer(TOKEN + "x"), bearer(""), bearer(TOKEN, "Basic"), {b"authorization": TOKEN.encode()}],
    ids=["shorter", "longer", "empty", "other-scheme", "no-scheme"],
)
async def test_request_with_something_else_than_the_token_is_401(
    stranger: httpx.AsyncClient, headers: dict[bytes, bytes]
) -> None:
    assert (await stranger.get("/api/v1/calls", headers=headers)).status_code == 401


async def test_scheme_may_be_written_in_any_case(stranger: httpx.AsyncClient) -> None:
    assert (await stranger.get("/api/v1/calls", headers=bearer(TOKEN, "bearer"))).status_code == 200


async def test_change_without_the_token_changes_nothing(
    stranger: httpx.AsyncClient, locked_control: FakeControl
) -> None:
    response = await stranger.patch("/api/v1/router/settings", json={"MaxCallsAllowed": 1})
    assert response.status_code == 401
    assert locked_control.changes == []


async def test_token_lets_any_host_name_in(stranger: httpx.AsyncClient) -> None:
    headers = {**bearer(TOKEN), b"host": b"anything.example"}
    assert (await stranger.get("/api/v1/calls", headers=headers)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "192.0.2.7:8080",
        "[::1]:8080",
        "[2001:db8::1]",
        "localhost",
        "LocalHost:80",
        "localhost.",
        "callrouter-1:8080",
        "um.example.test",
    ],
)
async def test_host_that_is_this_one_is_let_in(controller: httpx.AsyncClient, control: FakeControl, host: str) -> None:
    control.settings = control.settings.model_copy(update={"external_host_fqdn": "um.example.test"})
    assert (await controller.get("/api/v1/calls", headers={"host": host})).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "",
        "[::1",
        "a@localhost.b",
    ],
)
@pytest.mark.parametrize("path", ["/api/v1/calls", "/readyz", "/docs"])
async def test_host_that_is_another_is_421(controller: httpx.AsyncClient, host: str, path: str) -> None:
    response = await controller.get(path, headers={"host": host})
    assert response.status_code == 421
    assert "Host is" in response.json()["problems"][0]


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:9090", "http://127.0.0.1"])
async def test_post_from_a_foreign_page_is_403(controller: httpx.AsyncClient, origin: str) -> None:
    assert (await controller.post("/api/v1/reload", headers={"origin": origin})).status_code == 403
    assert (await controller.get("/api/v1/calls", headers={"origin": origin})).status_code == 200


async def test_post_from_a_page_of_its_own_is_answered(controller: httpx.AsyncClient) -> None:
    assert (await controller.post("/api/v1/reload", headers={"origin": "http://127.0.0.1:8080"})).status_code == 200


async def stream(chunk: bytes, count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield chunk


@pytest.mark.parametrize("in_chunks", [False, True])
async def test_body_beyond_the_limit_is_413_and_the_last_of_its_connection(
    control: FakeControl, in_chunks: bool
) -> None:
    content = stream(b" " * 100, 11) if in_chunks else b" " * 1001
    headers = {"content-type": "application/json"}
    async with ask(create_controlled_api(control, max_body_bytes=1000)) as client:
        response = await client.put("/api/v1/gateways", content=content, headers=headers)
        assert response.status_code == 413
        assert response.headers["connection"] == "close"
        assert response.json() == {"problems": ["the body is longer than 1000 bytes"]}
        assert (await client.put("/api/v1/gateways", content=b" " * 998 + b"[]", headers=headers)).status_code == 200


@pytest.mark.parametrize("raw_length", ["9" * 30, "9" * 5000])
async def test_length_beyond_all_numbers_is_413(controller: httpx.AsyncClient, raw_length: str) -> None:
    response = await controller.put("/api/v1/gateways", content=b"[]", headers={"content-length": raw_length})
    assert response.status_code == 413
