"""/api/v1/calls: what the journal holds, and its end."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from callrouter.admin.models import Call, Calls, ClearedCalls
from callrouter.admin.refusal import UNPROCESSABLE
from callrouter.observability.journal import Journal
from callrouter.telemetry import RequestAnswered

DEFAULT_CALLS = 100
MAX_CALLS = 10_000
"""The most calls in one response."""


def calls_router(journal: Journal, clock: Callable[[], float], wall_clock: Callable[[], datetime]) -> APIRouter:
    """The clocks are those of `ApiSources`."""
    router = APIRouter(prefix="/api/v1/calls", tags=["calls"])

    @router.get("", summary="The calls that were answered last, the newest first", responses=UNPROCESSABLE)
    async def list_calls(
        limit: Annotated[int, Query(ge=1, le=MAX_CALLS, description="At most so many")] = DEFAULT_CALLS,
        call_id: Annotated[str | None, Query(description="Only calls with this Call-ID, as it is shown")] = None,
    ) -> Calls:
        found = journal.latest(limit) if call_id is None else journal.find(call_id)[:limit]
        started_at = wall_clock() - timedelta(seconds=clock())
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
