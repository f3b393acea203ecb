"""/api/v1/router: Get- and Set-UMCallRouterSettings, and the component state, under the product's names.

EXCHANGE-UM A4 and B 2.1. Types, bounds and descriptions are those of `settings.model.RouterSettings`.
"""

import re
from collections.abc import Iterable
from http import HTTPStatus
from types import MappingProxyType

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel

from callrouter.admin.control import Control, ControlError
from callrouter.admin.models import ComponentStateOfRouter
from callrouter.admin.refusal import UNREADABLE_BODY, describe_refusal
from callrouter.admin.shapes import derive_changes, derive_complete
from callrouter.settings.model import RouterSettings

PARAMETERS = MappingProxyType(
    {
        "um_startup_mode": "UMStartupMode",
        "sip_tcp_listening_port": "SipTcpListeningPort",
        "sip_tls_listening_port": "SipTlsListeningPort",
        "ip_address_family": "IPAddressFamily",
        "ip_address_family_configurable": "IPAddressFamilyConfigurable",
        "max_calls_allowed": "MaxCallsAllowed",
        "dial_plans": "DialPlans",
        "external_host_fqdn": "ExternalHostFqdn",
    }
)
"""Field of `RouterSettings` -> parameter of Set-UMCallRouterSettings."""

_FIELDS = MappingProxyType({parameter: field for field, parameter in PARAMETERS.items()})
_CONFLICT = describe_refusal(HTTPStatus.CONFLICT, "A port cannot be opened, or the settings do not fit together")

UMCallRouterSettings = derive_complete("UMCallRouterSettings", RouterSettings, PARAMETERS)
UMCallRouterSettingsChanges = derive_changes(
    "UMCallRouterSettingsChanges", RouterSettings, PARAMETERS, "Some parameters of Set-UMCallRouterSettings."
)


def settings_router(control: Control) -> APIRouter:
    """Settings and component state of the router."""
    router = APIRouter(prefix="/api/v1/router", tags=["router"])

    @router.get("/settings", name="get_router_settings", summary="Get-UMCallRouterSettings")
    async def read_settings() -> UMCallRouterSettings:  # type: ignore[valid-type]  # derived from the settings
        return _show(control.router_settings())

    @router.patch(
        "/settings",
        name="patch_router_settings",
        summary="Set-UMCallRouterSettings: takes effect at once, open connections live on",
        responses=UNREADABLE_BODY | _CONFLICT,
    )
    async def change_settings(
        body: UMCallRouterSettingsChanges,  # type: ignore[valid-type]  # derived from the settings
    ) -> UMCallRouterSettings:  # type: ignore[valid-type]  # derived from the settings
        return _show(await _set(control, _list_changes(body)))

    @router.get("/component-state", name="get_component_state", summary="Get-ServerComponentState")
    async def read_state() -> ComponentStateOfRouter:
        return _show_state(control.router_settings())

    @router.put(
        "/component-state",
        name="put_component_state",
        summary="Set-ServerComponentState",
        responses=UNREADABLE_BODY | _CONFLICT,
    )
    async def change_state(body: ComponentStateOfRouter) -> ComponentStateOfRouter:
        return _show_state(await _set(control, {"component_state": body.state}))

    return router


def _list_changes(body: BaseModel) -> dict[str, object]:
    """What was given, by field of `RouterSettings`."""
    return {_FIELDS[parameter]: getattr(body, parameter) for parameter in body.model_fields_set}


async def _set(control: Control, changes: dict[str, object]) -> RouterSettings:
    """Hand the changes on.

    Raises:
        HTTPException: they were refused; 409, for each value alone is right.
    """
    try:
        return await control.set_router_settings(changes)
    except ControlError as error:
        raise HTTPException(HTTPStatus.CONFLICT, list(_name_parameters(error.problems))) from error


def _show(settings: RouterSettings) -> object:
    return UMCallRouterSettings(**{parameter: getattr(settings, field) for field, parameter in PARAMETERS.items()})


def _show_state(settings: RouterSettings) -> ComponentStateOfRouter:
    return ComponentStateOfRouter(State=settings.component_state)


def _name_parameters(problems: Iterable[str]) -> Iterable[str]:
    """Say SipTcpListeningPort where a problem says router.sip_tcp_listening_port."""
    for problem in problems:
        yield re.sub(r"\brouter\.(\w+)", lambda key: PARAMETERS.get(key[1], key[0]), problem)
