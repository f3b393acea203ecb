"""Get- and Set-UMCallRouterSettings, and the component state."""

import httpx
import pytest

from callrouter.directory.model import ComponentState
from callrouter.settings.model import RouterSettings
from callrouter.settings.values import StartupMode
from tests.unit.admin.fake_control import FakeControl

SETTINGS = "/api/v1/router/settings"
STATE = "/api/v1/router/component-state"
DEFAULTS = {
    "UMStartupMode": "Dual",
    "SipTcpListeningPort": 5060,
    "SipTlsListeningPort": 5061,
    "IPAddressFamily": "Any",
    "IPAddressFamilyConfigurable": True,
    "MaxCallsAllowed": 100,
    "DialPlans": [],
    "ExternalHostFqdn": "",
}
OTHERS = {
    "UMStartupMode": "TLS",
    "SipTcpListeningPort": 15060,
    "SipTlsListeningPort": 0,
    "IPAddressFamily": "IPv4Only",
    "IPAddressFamilyConfigurable": False,
    "MaxCallsAllowed": 7,
    "DialPlans": ["one", "two"],
    "ExternalHostFqdn": "um.example.test",
}


async def test_settings_have_the_names_of_the_product(controller: httpx.AsyncClient) -> None:
    response = await controller.get(SETTINGS)
    assert (response.status_code, response.json()) == (200, DEFAULTS)


@pytest.mark.parametrize("parameter", OTHERS)
async def test_patch_of_one_parameter_changes_that_alone(
    controller: httpx.AsyncClient, control: FakeControl, parameter: str
) -> None:
    response = await controller.patch(SETTINGS, json={parameter: OTHERS[parameter]})
    expected = {**DEFAULTS, parameter: OTHERS[parameter]}
    assert (response.status_code, response.json()) == (200, expected)
    assert [len(changes) for changes in control.changes] == [1]
    assert (await controller.get(SETTINGS)).json() == expected


async def test_patch_of_everything_reaches_the_control_by_snake_case_key(
    controller: httpx.AsyncClient, control: FakeControl
) -> None:
    response = await controller.patch(SETTINGS, json=OTHERS)
    assert (response.status_code, response.json()) == (200, OTHERS)
    assert control.settings == RouterSettings(
        um_startup_mode=StartupMode.TLS,
        sip_tcp_listening_port=15060,
        sip_tls_listening_port=0,
        ip_address_family="IPv4Only",
        ip_address_family_configurable=False,
        max_calls_allowed=7,
        dial_plans=("one", "two"),
        external_host_fqdn="um.example.test",
    )


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("UMStartupMode", "UDP"),
        ("SipTcpListeningPort", 65536),
        ("SipTlsListeningPort", True),
        ("IPAddressFamily", None),
        ("IPAddressFamilyConfigurable", "perhaps"),
        ("MaxCallsAllowed", -1),
        ("DialPlans", "one"),
        ("DialPlans", ["one\r\n"]),
        ("ExternalHostFqdn", "*.example.test"),
        ("sip_tcp_listening_port", 1),
        ("Server", "mbx1"),
    ],
)
async def test_patch_with_a_bad_value_names_the_parameter_and_changes_nothing(
    controller: httpx.AsyncClient, control: FakeControl, parameter: str, value: object
) -> None:
    response = await controller.patch(SETTINGS, json={"MaxCallsAllowed": 1, parameter: value})
    assert response.status_code == 422
    [problem] = response.json()["problems"]
    assert problem.partition(":")[0].partition("[")[0] == parameter
    assert control.changes == []


async def test_patch_tells_all_that_is_wrong_at_once(controller: httpx.AsyncClient) -> None:
    response = await controller.patch(SETTINGS, json={"MaxCallsAllowed": "x", "UMStartupMode": "y"})
    assert [problem.partition(":")[0] for problem in response.json()["problems"]] == [
        "UMStartupMode",
        "MaxCallsAllowed",
    ]


async def test_patch_to_a_port_that_cannot_be_opened_is_409_in_the_words_of_the_product(
    controller: httpx.AsyncClient, control: FakeControl
) -> None:
    control.taken_ports = {5070}
    response = await controller.patch(SETTINGS, json={"SipTcpListeningPort": 5070, "MaxCallsAllowed": 1})
    assert response.status_code == 409
    assert response.json() == {"problems": ["127.0.0.1:5070 is in use (SipTcpListeningPort)", "second line"]}
    assert (await controller.get(SETTINGS)).json() == DEFAULTS


async def test_openapi_of_a_patch_has_the_bounds_and_no_field_that_must_be_there(controller: httpx.AsyncClient) -> None:
    schemas = (await controller.get("/openapi.json")).json()["components"]["schemas"]
    changes = schemas["UMCallRouterSettingsChanges"]
    assert "required" not in changes
    port = changes["properties"]["SipTcpListeningPort"]
    assert (port["type"], port["minimum"], port["maximum"]) == ("integer", 0, 65535)
    assert "default" not in port
    assert port["description"] == RouterSettings.model_fields["sip_tcp_listening_port"].description
    assert set(schemas["UMCallRouterSettings"]["required"]) == set(DEFAULTS)


@pytest.mark.parametrize("state", ComponentState)
async def test_component_state_that_was_put_is_in_force(
    controller: httpx.AsyncClient, control: FakeControl, state: ComponentState
) -> None:
    for _ in range(2):
        response = await controller.put(STATE, json={"State": state.value})
        assert (response.status_code, response.json()) == (200, {"State": state.value})
    assert (await controller.get(STATE)).json() == {"State": state.value}
    assert control.settings.component_state is state


@pytest.mark.parametrize("body", [{"State": "Broken"}, {"state": "Active"}, {}, {"State": "Active", "More": 1}])
async def test_component_state_that_is_none_is_refused(
    controller: httpx.AsyncClient, control: FakeControl, body: dict[str, object]
) -> None:
    assert (await controller.put(STATE, json=body)).status_code == 422
    assert control.changes == []
