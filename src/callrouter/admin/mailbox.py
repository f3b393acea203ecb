"""The emulated Mailbox servers over HTTP: workers, their recycling, and the web services that call or note something.

Play on Phone and the reset of a PIN are operations of the UM web services (EXCHANGE-UM B 3.4); names of the call's
states are those of its PhoneCallState. What they do is the business of the `MailboxControl`.
"""

from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import APIRouter, FastAPI, Path, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from callrouter.admin.mailbox_control import MailboxControl, NoSuchEntry
from callrouter.admin.models import Outcall, OutcallList, PinResets, WorkerList, WorkerStatus
from callrouter.admin.refusal import UNPROCESSABLE, UNREADABLE_BODY, build_refusal, describe_refusal

_NOT_FOUND = describe_refusal(HTTPStatus.NOT_FOUND, "Nothing has this name") | UNPROCESSABLE
_REFUSED = describe_refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "It cannot be done; nothing was changed")

ServerName: TypeAlias = Annotated[str, Path(description="An emulated server's name; case makes no difference")]
UserName: TypeAlias = Annotated[str, Path(description="The user's name in the directory; case makes no difference")]
CallId: TypeAlias = Annotated[str, Path(description="As it was given when the call began")]


class PlayOnPhone(BaseModel):
    """Whom to call."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: Annotated[str, Field(min_length=1, max_length=256, description="The number to call: the DialString.")]
    gateway: Annotated[str, Field(max_length=64)] = Field(
        "", description="Through which UM IP gateway. Empty: the first that is Enabled and has outcalls_allowed."
    )


def mailbox_router(control: MailboxControl) -> APIRouter:
    """All of it. To be included before the routers of the directory, whose names may hold slashes."""
    router = APIRouter(tags=["mailbox"])
    _add_workers(router, control)
    _add_outcalls(router, control)
    _add_pins(router, control)
    return router


def handle_missing_entries(api: FastAPI) -> None:
    """Answer 404 where something named is not there."""
    api.add_exception_handler(NoSuchEntry, _tell_missing)


async def _tell_missing(_: Request, error: Exception) -> Response:
    return build_refusal(HTTPStatus.NOT_FOUND, (str(error),))


def _add_workers(router: APIRouter, control: MailboxControl) -> None:
    @router.get("/api/v1/workers", summary="Every emulated Mailbox server and its UM worker process")
    async def list_workers() -> WorkerList:
        return WorkerList(workers=tuple(control.workers()))

    @router.get("/api/v1/servers/{name:path}/worker", summary="A server's UM worker process", responses=_NOT_FOUND)
    async def get_worker(name: ServerName) -> WorkerStatus:
        return control.worker(name)

    @router.post(
        "/api/v1/servers/{name:path}/recycle",
        summary="Start the worker's successor on the other port; the old one drains its calls",
        responses=_NOT_FOUND | _REFUSED,
    )
    async def recycle_worker(name: ServerName) -> WorkerStatus:
        return control.recycle(name)


def _add_outcalls(router: APIRouter, control: MailboxControl) -> None:
    @router.post(
        "/api/v1/servers/{name:path}/play-on-phone",
        summary="Play on Phone: the worker calls a number through a gateway, over SIP and without audio",
        status_code=HTTPStatus.ACCEPTED,
        responses=_NOT_FOUND | UNREADABLE_BODY,
    )
    async def play_on_phone(name: ServerName, body: PlayOnPhone) -> Outcall:
        return control.play_on_phone(name, body.number, body.gateway)

    @router.get(
        "/api/v1/servers/{name:path}/play-on-phone",
        summary="The calls that were placed, the newest first",
        responses=_NOT_FOUND,
    )
    async def list_phone_calls(name: ServerName) -> OutcallList:
        return OutcallList(calls=tuple(control.outcalls(name)))

    @router.get(
        "/api/v1/servers/{name:path}/play-on-phone/{call_id}", summary="GetPhoneCallInformation", responses=_NOT_FOUND
    )
    async def get_phone_call(name: ServerName, call_id: CallId) -> Outcall:
        return control.outcall(name, call_id)

    @router.delete(
        "/api/v1/servers/{name:path}/play-on-phone/{call_id}", summary="DisconnectPhoneCall", responses=_NOT_FOUND
    )
    async def disconnect_phone_call(name: ServerName, call_id: CallId) -> Outcall:
        return control.disconnect(name, call_id)


def _add_pins(router: APIRouter, control: MailboxControl) -> None:
    @router.post(
        "/api/v1/users/{name:path}/reset-pin",
        summary="ResetPIN: noted and logged; no PIN is made, for there is nothing to be entered with it",
        responses=_NOT_FOUND,
    )
    async def reset_pin(name: UserName) -> PinResets:
        return control.reset_pin(name)

    @router.get(
        "/api/v1/users/{name:path}/pin-resets", summary="How often a user's PIN was reset", responses=_NOT_FOUND
    )
    async def get_pin_resets(name: UserName) -> PinResets:
        return control.pin_resets(name)
