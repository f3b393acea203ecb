"""docs/howto/api.md: its curl lines work as printed, in their order, on the router of the lab."""

import re
import shlex
from pathlib import Path

import httpx

from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from tests.unit.admin.fake_control import LOCAL, FakeControl

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "api.md"
NOUNS = ["servers", "gateways", "dial-plans", "hunt-groups", "auto-attendants", "databases", "users"]


def read_curl_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("curl ")]


def build_request(client: httpx.AsyncClient, line: str) -> httpx.Request:
    """What curl would send; no more options are known here than the page has."""
    words = iter(shlex.split(line)[1:])
    method, headers, content, url = "GET", {}, None, ""
    for word in words:
        if word == "-X":
            method = next(words)
        elif word == "-H":
            name, _, value = next(words).partition(": ")
            headers[name] = value
        elif word == "--json":
            content = next(words).encode()
            headers["content-type"] = "application/json"
        elif word != "-f":
            assert word.startswith(LOCAL), word
            url = word
    return client.build_request(method, url, content=content, headers=headers)


async def test_curl_lines_of_the_page_succeed_one_after_another(
    controller: httpx.AsyncClient, control: FakeControl
) -> None:
    settings = load_settings(None, environ={}, overrides=(), embedded=lab_toml())
    control.start_over(settings.directory.document)
    for line in read_curl_lines():
        response = await controller.send(build_request(controller, line))
        assert response.is_success, f"{line}\n{response.text}"


def test_page_has_a_line_for_every_noun_and_fits_them_all_into_its_list() -> None:
    text = PAGE.read_text("utf-8")
    lines = read_curl_lines()
    for noun in NOUNS:
        assert any(f"/api/v1/{noun}/" in line for line in lines)
        assert f"`{noun}`" in text
