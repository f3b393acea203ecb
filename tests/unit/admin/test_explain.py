"""POST /api/v1/explain, asked in memory."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from callrouter.admin.explain import create_explain_router
from callrouter.admin.refusal import handle_refusals
from callrouter.hypothetical import HypotheticalCall, build_invite
from callrouter.redirect import RULES
from callrouter.sip.limits import MessageLimits
from tests.unit.explained import GW1, SNAPSHOT

URL = "/api/v1/explain"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    api = FastAPI()
    handle_refusals(api)
    api.include_router(create_explain_router(lambda: SNAPSHOT, MessageLimits(max_body_bytes=100)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url="http://admin.test") as client:
        yield client


async def test_explain_of_a_call_in_words_tells_rules_decision_and_answer(client: httpx.AsyncClient) -> None:
    body = {
        "called": "4000",
        "calling": "+1555",
        "diversions": ["<sip:2001@gw1.test>;reason=no-answer"],
        "peer": "192.0.2.7:40000",
        "transport": "tcp",
        "local": "192.0.2.1",
        "call_id": "c@h",
    }
    response = await client.post(URL, json=body)
    assert response.status_code == 200
    explained = response.json()
    assert [step["number"] for step in explained["steps"]] == [rule.number for rule in RULES]
    assert explained["steps"][8]["found"] == "2001 is user alice of dial plan Lab"
    assert explained["steps"][10]["outcome"] == "redirected"
    assert explained["decision"] == {
        "reason": "redirected",
        "is_redirect": True,
        "call_type": "call-answering",
        "server": "MBX1",
        "contacts": ["sip:4000@mbx1.test:5062;transport=Tcp"],
    }
    answer = explained["answer"]
    assert (answer["status"], answer["phrase"], answer["reason"]) == (302, "Moved Temporarily", "redirected")
    assert answer["headers"] == ["Contact: <sip:4000@mbx1.test:5062;transport=Tcp>"]
    assert "Call-ID: c@h" in answer["lines"]
    assert (explained["findings"], explained["note"]) == ([], "")


async def test_explain_of_a_message_reads_it_as_a_connection_would(client: httpx.AsyncClient) -> None:
    message = build_invite(HypotheticalCall("5000", "1"), GW1).decode()
    for text in (message, message.replace("\r\n", "\n")):
        response = await client.post(URL, json={"message": text, "peer": "192.0.2.7"})
        assert response.json()["decision"]["call_type"] == "auto-attendant"


async def test_explain_over_tls_goes_by_the_certificate(client: httpx.AsyncClient) -> None:
    body = {"called": "carol@lab.test", "calling": "a@b", "transport": "TLS", "certificate": ["gw3.test"]}
    response = await client.post(URL, json=body)
    assert response.json()["decision"]["contacts"] == ["sip:carol@mbx1.test:5063;transport=Tls"]


async def test_explain_of_a_refused_request_has_findings_and_no_decision(client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json={"called": "sip:"})
    explained = response.json()
    assert explained["decision"] is None
    assert explained["findings"] == [
        {"reason": "malformed-request-uri", "status": 400, "sentence": "Malformed Request-URI"}
    ]
    assert {step["is_tried"] for step in explained["steps"]} == {False}


async def test_explain_of_a_message_that_gets_no_answer_has_none(client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json={"message": "ACK sip:a@b SIP/2.0\nVia: x\n"})
    assert (response.json()["answer"], response.json()["note"]) == (None, "An ACK is never answered")


async def test_explain_makes_what_the_peer_wrote_visible(client: httpx.AsyncClient) -> None:
    response = await client.post(URL, json={"called": "4000", "calling": '"\x1b[31m" <sip:a@b>', "call_id": "a\u202eb"})
    lines = response.json()["answer"]["lines"]
    assert 'From: "\\x1b[31m" <sip:a@b>;tag=caller' in lines
    assert "Call-ID: a\\u202eb" in lines


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"called": "4000", "message": "INVITE"},
        {"message": "INVITE sip:a@b SIP/2.0\r\n\r\n", "calling": "1"},
        {"called": "4000", "no_such_key": 1},
        {"called": "4000", "peer": "gw.test"},
        {"called": "4000", "transport": "UDP"},
        {"called": "4000", "certificate": ["gw.test"]},
        {"called": "4000", "diversions": ["a\r\nX: y"]},
        {"called": "4" * 5000},
        {"called": "4000", "diversions": ["1"] * 65},
        {"called": ""},
        {"message": ""},
        {"message": "\u00e9"},
        {"message": "SIP/2.0 200 OK\r\nVia: x\r\n\r\n"},
        {"message": "INVITE sip:a@b SIP/2.0\r\nContent-Length: 101\r\n\r\n"},
    ],
)
async def test_explain_of_what_is_no_call_is_422_with_the_problem(
    client: httpx.AsyncClient, body: dict[str, object]
) -> None:
    response = await client.post(URL, json=body)
    assert response.status_code == 422
    assert response.json()["problems"]


@pytest.mark.parametrize("raw", [b'{"called": "\\ud800"}', b'{"message": "INVITE \\ud800"}'])
async def test_explain_of_text_that_is_no_unicode_is_422(client: httpx.AsyncClient, raw: bytes) -> None:
    response = await client.post(URL, content=raw, headers={"content-type": "application/json"})
    assert response.status_code == 422
