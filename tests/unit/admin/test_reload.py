"""Reading the directory again."""

import httpx

from tests.unit.admin.fake_control import FakeControl


async def test_reload_goes_back_to_what_the_file_says(controller: httpx.AsyncClient) -> None:
    created = await controller.put("/api/v1/servers/mbx1", json={"name": "mbx1"})
    assert created.status_code == 201
    response = await controller.post("/api/v1/reload")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})
    assert (await controller.get("/api/v1/servers/mbx1")).status_code == 404


async def test_reload_of_a_file_that_cannot_be_used_names_the_problems(
    controller: httpx.AsyncClient, control: FakeControl
) -> None:
    control.unreadable = ("lab.toml:3: gateways[0].address: is required", "lab.toml:9: unknown key")
    response = await controller.post("/api/v1/reload")
    assert (response.status_code, response.json()) == (422, {"problems": list(control.unreadable)})
