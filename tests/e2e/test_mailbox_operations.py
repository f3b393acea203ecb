"""docs/howto/mailbox-servers.md: its curl lines work as printed, one after another, on a lab; and what they lead to."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.command import PATIENCE_SECONDS
from tests.e2e.test_lab import ADDRESS, start_lab

PAGE = Path(__file__).parents[2] / "docs" / "howto" / "mailbox-servers.md"
ADMIN = "http://127.0.0.1:8080"


def read_requests() -> list[tuple[str, str, str | None]]:
    """Method, path and JSON of every curl line."""
    requests = []
    for line in re.findall(r"^curl -f (.*)$", PAGE.read_text("utf-8"), re.MULTILINE):
        words = shlex.split(line)
        method = words[words.index("-X") + 1] if "-X" in words else "GET"
        body = words[words.index("--json") + 1] if "--json" in words else None
        [url] = [word for word in words if word.startswith(ADMIN)]
        requests.append((method, url.removeprefix(ADMIN), body))
    return requests


async def wait_until_connected(client: httpx.AsyncClient, path: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (await client.get(path)).json()["state"] != "Connected":  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.02)


async def test_lines_of_the_page_work_one_after_another_and_do_what_it_says(tmp_path: Path) -> None:
    answers: dict[str, Any] = {}
    async with start_lab(tmp_path) as lab:
        [base] = re.findall(r"(http://127\.0\.0\.1:\d+)/docs", lab.printed)
        async with httpx.AsyncClient(base_url=base, timeout=PATIENCE_SECONDS) as client:
            for method, path, body in read_requests():
                content = None if body is None else body.replace("127.0.0.1", ADDRESS)
                headers = {"content-type": "application/json"}
                response = await client.request(method, path, content=content, headers=headers)
                assert response.is_success, f"{method} {path}\n{response.text}"
                answers[f"{method} {path}"] = response.json()
                if path.endswith("play-on-phone") and method == "POST":
                    await wait_until_connected(client, f"{path}/{answers[f'{method} {path}']['call_id']}")
        ended = await lab.read_event("outcall ended")
        await lab.stop()

    assert answers["GET /api/v1/servers/lab-mailbox/worker"]["worker"] == 2
    assert answers["GET /api/v1/servers/lab-mailbox/worker"]["ports"] == {"TCP": 5067, "TLS": 5068}
    [health] = answers["GET /api/v1/servers"]["health"]
    assert (health["name"], health["usable"]) == ("lab-mailbox", True)
    placed = answers["POST /api/v1/servers/lab-mailbox/play-on-phone"]
    assert placed["uri"] == f"sip:2001@{ADDRESS}:5067;transport=tcp"
    assert (ended["call_id"], ended["status"]) == (placed["call_id"], 200)
    assert answers["GET /api/v1/users/alice/pin-resets"]["resets"] == 1


async def test_what_is_not_there_is_answered_404_and_what_cannot_be_422(tmp_path: Path) -> None:
    async with start_lab(tmp_path) as lab:
        [base] = re.findall(r"(http://127\.0\.0\.1:\d+)/docs", lab.printed)
        async with httpx.AsyncClient(base_url=base, timeout=PATIENCE_SECONDS) as client:
            play = "/api/v1/servers/lab-mailbox/play-on-phone"
            statuses = [
                (await client.get("/api/v1/servers/nobody/worker")).status_code,
                (await client.post("/api/v1/users/nobody/reset-pin")).status_code,
                (await client.get(f"{play}/no-such-call")).status_code,
                (await client.delete(f"{play}/no-such-call")).status_code,
                (await client.post(play, json={"number": "2001", "gateway": "nobody"})).status_code,
                (await client.post(play, json={"number": "2001@elsewhere"})).status_code,
                (await client.post(play, json={"number": "2001", "gateway": "loopback"})).status_code,
            ]
        await lab.stop()
    assert statuses == [404, 404, 404, 404, 404, 422, 422]
