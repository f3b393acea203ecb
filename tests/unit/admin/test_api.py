"""The admin API, asked in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from callrouter.admin.api import MAX_CALLS
from callrouter.admin.models import Readiness
from tests.unit.admin.samples import READY, FakeRouter
from tests.unit.observability.samples import TLS_PEER, answered


@pytest.fixture
def router() -> FakeRouter:
    return FakeRouter()


@pytest.fixture
async def client(router: FakeRouter) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(router.create_api())
    async with httpx.AsyncClient(transport=transport, base_url="http://admin.test") as client:
        yield client


async def test_livez_is_ok(client: httpx.AsyncClient) -> None:
    response = await client.get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_readyz_when_ready_is_200_with_the_whole_state(client: httpx.AsyncClient) -> None:
    response = await client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "listeners": [{"name": "sip-tcp", "transport": "TCP", "address": "192.0.2.1", "port": 5060}],
        "certificates": [
            {"file": "router.pem", "subject": "CN=um", "not_after": "2026-03-04T12:00:00Z", "days_left": 10}
        ],
        "directory": {
            "source": "lab.toml",
            "gateways": 1,
            "servers": 1,
            "loaded_at": "2026-03-04T12:00:00Z",
            "error": "",
        },
        "pool": {"servers": [{"name": "MBX1", "state": "Active", "usable": True, "detail": ""}]},
        "problems": [],
    }


async def test_readyz_when_not_ready_is_503_with_the_same_form(client: httpx.AsyncClient, router: FakeRouter) -> None:
    router.state = READY.model_copy(update={"ready": False, "problems": ("no Mailbox server is usable",)})
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert Readiness.model_validate(response.json()) == router.state


async def test_metrics_are_prometheus_text_of_the_counters_now(client: httpx.AsyncClient, router: FakeRouter) -> None:
    router.counters.count_answer(answered())
    response = await client.get("/metrics", headers={"accept": "application/openmetrics-text;version=abc"})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    families = {family.name: family for family in text_string_to_metric_families(response.text)}
    assert families["callrouter_inbound_calls"].samples[0].value == 1


async def test_calls_are_shown_newest_first_with_the_time_of_day(client: httpx.AsyncClient, router: FakeRouter) -> None:
    router.journal.add(answered(call_id="first"))
    router.journal.add(answered(call_id="second", peer=TLS_PEER, received_at=999.5, detail="why"))
    response = await client.get("/api/v1/calls")
    assert response.status_code == 200
    second, first = response.json()["calls"]
    assert first["call_id"] == "first"
    assert second == {
        "call_id": "second",
        "received_at": "2026-03-04T11:59:59.500000Z",
        "peer": "[2001:db8::10]:40001",
        "transport": "TLS",
        "certificate": "gw.example.com",
        "status": 302,
        "reason": "redirected",
        "contact": "<sip:um.example.com:5062;transport=TCP>",
        "detail": "why",
    }


async def test_calls_are_limited_and_chosen_by_call_id(client: httpx.AsyncClient, router: FakeRouter) -> None:
    for call_id in ("a", "b", "a", "a"):
        router.journal.add(answered(call_id=call_id))
    limited = await client.get("/api/v1/calls", params={"limit": 2})
    chosen = await client.get("/api/v1/calls", params={"call_id": "a", "limit": 2})
    absent = await client.get("/api/v1/calls", params={"call_id": "c"})
    assert [call["call_id"] for call in limited.json()["calls"]] == ["a", "a"]
    assert [call["call_id"] for call in chosen.json()["calls"]] == ["a", "a"]
    assert absent.json() == {"calls": []}


async def test_call_with_hostile_text_is_shown_and_found_by_what_is_shown(
    client: httpx.AsyncClient, router: FakeRouter
) -> None:
    router.journal.add(answered(call_id="x\udce9\n\x00&=\u202e", contact="\ud800"))
    (shown,) = (await client.get("/api/v1/calls")).json()["calls"]
    assert shown["call_id"] == "x\\xe9\\n\\x00&=\\u202e"
    assert shown["contact"] == "\\ud800"
    found = await client.get("/api/v1/calls", params={"call_id": shown["call_id"]})
    assert found.json() == {"calls": [shown]}


@pytest.mark.parametrize("limit", ["0", "-1", str(MAX_CALLS + 1), "many", ""])
async def test_calls_with_a_limit_out_of_range_are_refused(client: httpx.AsyncClient, limit: str) -> None:
    assert (await client.get("/api/v1/calls", params={"limit": limit})).status_code == 422


async def test_deleted_calls_are_gone(client: httpx.AsyncClient, router: FakeRouter) -> None:
    router.journal.add(answered())
    response = await client.delete("/api/v1/calls")
    assert (response.status_code, response.json()) == (200, {"removed": 1})
    assert (await client.get("/api/v1/calls")).json() == {"calls": []}


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
