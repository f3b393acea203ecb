"""/livez, /readyz and /metrics: how the router is, for those who look after it. Nothing is changed here."""

from collections.abc import Callable

from fastapi import APIRouter, Response, status

from callrouter.admin.models import Liveness, Readiness
from callrouter.admin.status import StatusSource


def health_router(source: StatusSource) -> APIRouter:
    """The two probes."""
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


def metrics_router(render: Callable[[], tuple[bytes, str]]) -> APIRouter:
    """The scrape; `render` gives its body and content type."""
    router = APIRouter(tags=["metrics"])

    @router.get(
        "/metrics",
        summary="Counters in the text format of Prometheus",
        response_class=Response,  # of no media type of its own, so that refusals keep theirs in the OpenAPI document
        responses={status.HTTP_200_OK: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    )
    async def metrics() -> Response:
        body, content_type = render()
        return Response(body, headers={"content-type": content_type})

    return router
