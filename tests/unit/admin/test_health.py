"""The probes and the scrape."""

import httpx
from prometheus_client.parser import text_string_to_metric_families

from callrouter.admin.models import Readiness
from tests.unit.admin.samples import READY, FakeRouter
from tests.unit.observability.samples import answered


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
        "mailbox": [
            {
                "name": "MBX1",
                "listeners": [{"name": "um-service", "transport": "TCP", "address": "192.0.2.1", "port": 5062}],
                "calls": 2,
            }
        ],
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
