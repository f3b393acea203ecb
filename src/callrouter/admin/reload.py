"""/api/v1/reload: read the directory again."""

from fastapi import APIRouter

from callrouter.admin.control import Control
from callrouter.admin.models import Reloaded
from callrouter.admin.refusal import UNPROCESSABLE


def reload_router(control: Control) -> APIRouter:
    """The one operation; what the API changed in the directory is gone after it."""
    router = APIRouter(prefix="/api/v1/reload", tags=["reload"])

    @router.post(
        "",
        name="reload",
        summary="Read the directory from its file or the settings again, instead of what was changed here",
        responses=UNPROCESSABLE,
    )
    async def reload() -> Reloaded:
        await control.reload()
        return Reloaded()

    return router
