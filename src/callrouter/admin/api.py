"""The HTTP API: /livez, /readyz, /metrics and /api/v1/calls, with OpenAPI at /openapi.json and a page at /docs.

One router per noun. Every handler is a coroutine, so that it runs in the event loop between two calls and needs no
lock; none of them waits. Serving is `server`, shapes are `models`.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Response, status
from fastapi.responses import PlainTextResponse

from callrouter import __version__
from callrouter.admin.models import Call, Calls, ClearedCalls, Liveness, Readiness
from callrouter.admin.status import StatusSource
from callrouter.observability.journal import Journal
from callrouter.telemetry import RequestAnswered

DEFAULT_CALLS = 100
MAX_CALLS = 10_000
"""The most calls in one response."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class ApiSources:
    """What the API reads.

    render_metrics: body and content type of a scrape. clock: the monotonic clock that the journal's events carry
    instants of; wall_clock: the time of day, with a time zone, to show them in.
    """

    status: StatusSource
    journal: Journal
    render_metrics: Callable[[], tuple[bytes, str]]
    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], datetime] = _utc_now


def create_api(sources: ApiSources) -> FastAPI:
    """The application. More routers (console, settings) may be included in what is returned."""
    api = FastAPI(
        title="callrouter",
        version=__version__,
        summary="Health, metrics and calls of an emulated Exchange UM Call Router",
        redoc_url=None,
    )
    api.include_router(_health(sources.status))
    api.include_router(_metrics(sources.render_metrics))
    api.include_router(_calls(sources))
    return api


def _health(source: StatusSource) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Does the process live?")
    async def livez() -> Liveness:
        return Liveness()

    @router.get(
        "/readyz",
        summary="Can calls be taken?",
        responses={status.HTTP_503_SERVICE_UNAVAILABLE: {"model": Readiness, "description": "Calls cannot be taken"}},
    )
    async def readyz(response: Response) -> Readiness:
        readiness = source.readiness()
        if not readiness.ready:
            response.status_code = status.HTTP_503_SERVICE_UNAVAILABLE
        return readiness

    return router


def _metrics(render: Callable[[], tuple[bytes, str]]) -> APIRouter:
    router = APIRouter(tags=["metrics"])

    @router.get("/metrics", summary="Counters in the text format of Prometheus", response_class=PlainTextResponse)
    async def metrics() -> Response:
        body, content_type = render()
        return Response(body, headers={"content-type": content_type})

    return router


def _calls(sources: ApiSources) -> APIRouter:
    router = APIRouter(prefix="/api/v1/calls", tags=["calls"])
    journal = sources.journal

    @router.get("", summary="The calls that were answered last, the newest first")
    async def list_calls(
        limit: Annotated[int, Query(ge=1, le=MAX_CALLS, description="At most so many")] = DEFAULT_CALLS,
        call_id: Annotated[str | None, Query(description="Only calls with this Call-ID, as it is shown")] = None,
    ) -> Calls:
        found = journal.latest(limit) if call_id is None else journal.find(call_id)[:limit]
        started_at = sources.wall_clock() - timedelta(seconds=sources.clock())
        return Calls(calls=tuple(_shown(call, started_at) for call in found))

    @router.delete("", summary="Forget all calls")
    async def clear_calls() -> ClearedCalls:
        return ClearedCalls(removed=journal.clear())

    return router


def _shown(call: RequestAnswered, started_at: datetime) -> Call:
    """`started_at` is the time of day at which the monotonic clock was 0."""
    identities = call.peer.certificate.identities if call.peer.certificate is not None else ()
    return Call(
        call_id=call.call_id,
        received_at=started_at + timedelta(seconds=call.received_at),
        peer=str(call.peer),
        transport=call.peer.transport.value,
        certificate=identities[0] if identities else "",
        status=call.status,
        reason=call.reason.value,
        contact=call.contact,
        detail=call.detail,
    )
