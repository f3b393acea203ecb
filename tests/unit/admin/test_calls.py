"""The calls of the journal."""

import httpx
import pytest

from callrouter.admin.calls import MAX_CALLS
from tests.unit.admin.samples import FakeRouter
from tests.unit.observability.samples import TLS_PEER, answered


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
