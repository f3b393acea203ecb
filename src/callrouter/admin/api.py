"""The HTTP API: health, metrics and /api/v1, with OpenAPI at /openapi.json and a page at /docs.

One router per noun; here they are put together behind the guard. Every handler is a coroutine, so that it runs in the
event loop between two calls and needs no lock. Serving is `server`, shapes are `models`.
"""

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus

from fastapi import APIRouter, FastAPI, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer

from callrouter import __version__
from callrouter.admin.calls import calls_router
from callrouter.admin.control import Control
from callrouter.admin.entries import Annex, entries_router, list_nouns
from callrouter.admin.explain import create_explain_router
from callrouter.admin.guard import DEFAULT_MAX_BODY_BYTES, Access, Guard
from callrouter.admin.health import health_router, metrics_router
from callrouter.admin.mailbox import handle_missing_entries, mailbox_router
from callrouter.admin.mailbox_control import MailboxControl
from callrouter.admin.models import PoolServer
from callrouter.admin.refusal import describe_refusal, handle_refusals
from callrouter.admin.reload import reload_router
from callrouter.admin.router_settings import settings_router
from callrouter.admin.status import StatusSource
from callrouter.observability.journal import Journal


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _read_host_names() -> frozenset[str]:
    return frozenset({socket.gethostname().lower()})


@dataclass(frozen=True, slots=True)
class ApiSources:
    """What the API reads and changes.

    render_metrics: body and content type of a scrape. clock: the monotonic clock that the journal's events carry
    instants of; wall_clock: the time of day, with a time zone, to show them in. control: without it nothing can be
    changed but the journal. mailbox: where the process emulates Mailbox servers. token: what clients have to present;
    "" for none. host_names: lower-case names of this host that Host may hold where there is no token;
    `router.external_host_fqdn` is known without.
    """

    status: StatusSource
    journal: Journal
    render_metrics: Callable[[], tuple[bytes, str]]
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], datetime] = _utc_now
    control: Control | None = None
    mailbox: MailboxControl | None = None
    token: str = ""
    host_names: frozenset[str] = field(default_factory=_read_host_names)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES


def create_api(sources: ApiSources) -> FastAPI:
    """The application. More routers (a console) may be included in what is returned; the guard stands before them."""
    api = FastAPI(
        title="callrouter",
        version=__version__,
        summary="Health, calls, settings and directory of an emulated Exchange UM Call Router",
        redoc_url=None,
        generate_unique_id_function=_read_operation_id,
        responses={} if sources.token else _MISDIRECTED,
    )
    api.add_middleware(Guard, access=Access(sources.token, _own_names(sources), sources.max_body_bytes))
    handle_refusals(api)
    handle_missing_entries(api)
    api.include_router(health_router(sources.status))
    for router in _list_guarded(sources):
        if sources.token:
            api.include_router(router, dependencies=[Security(_TOKEN)], responses=_UNAUTHORIZED)
        else:
            api.include_router(router, responses=_FOREIGN)
    return api


_MISDIRECTED = describe_refusal(HTTPStatus.MISDIRECTED_REQUEST, "Host names another host")
_FOREIGN = describe_refusal(HTTPStatus.FORBIDDEN, "A browser asks for a change for a page of another site")
_UNAUTHORIZED = describe_refusal(HTTPStatus.UNAUTHORIZED, "The token is missing or wrong")
# Only tells the OpenAPI document; it is the guard that asks for the token.
_TOKEN = HTTPBearer(scheme_name="token", description="The setting `admin.token`", auto_error=False)


def _list_guarded(sources: ApiSources) -> list[APIRouter]:
    """Every router whose users have to present the token, where there is one."""
    routers = [
        metrics_router(sources.render_metrics),
        calls_router(sources.journal, sources.clock, sources.wall_clock),
    ]
    if sources.mailbox is not None:
        routers.append(mailbox_router(sources.mailbox))
    control = sources.control
    if control is not None:
        annexes = {"servers": _describe_health(sources)}
        nouns = (entries_router(noun, control, annexes.get(noun.attribute)) for noun in list_nouns())
        routers += [settings_router(control), *nouns]
        routers.append(reload_router(control))
        routers.append(create_explain_router(control.snapshot))
    return routers


def _describe_health(sources: ApiSources) -> Annex:
    return Annex(
        "health",
        tuple[PoolServer, ...],
        "What probes say of each server, as in /readyz.",
        lambda: sources.status.readiness().pool.servers,
    )


def _own_names(sources: ApiSources) -> Callable[[], frozenset[str]]:
    def own_names() -> frozenset[str]:
        external = "" if sources.control is None else sources.control.router_settings().external_host_fqdn
        return sources.host_names | {external} if external else sources.host_names

    return own_names


def _read_operation_id(route: APIRoute) -> str:
    return route.name
