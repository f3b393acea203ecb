"""A router that can be changed, without a router: the real models and the real check of a directory, no ports."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from callrouter.admin.api import create_api
from callrouter.admin.control import ControlError
from callrouter.admin.mailbox_control import MailboxControl, NoSuchEntry
from callrouter.admin.models import Outcall, PinResets, WorkerStatus
from callrouter.settings.model import RouterSettings
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from tests.unit.admin.samples import NOON, FakeRouter

LOCAL = "http://127.0.0.1:8080"


class FakeControl:
    """Remembers what it was told.

    taken_ports: those that cannot be opened. unreadable: what is wrong with the file that a reload reads.
    """

    def __init__(self) -> None:
        self.start_over(DirectoryDocument())

    def start_over(self, document: DirectoryDocument) -> None:
        """Be as new, with this directory in the file."""
        self.settings = RouterSettings()
        self.file = document
        self.directory = self.file
        self.taken_ports: set[object] = set()
        self.unreadable: tuple[str, ...] = ()
        self.changes: list[Mapping[str, object]] = []

    def router_settings(self) -> RouterSettings:
        return self.settings

    async def set_router_settings(self, changes: Mapping[str, object]) -> RouterSettings:
        port = changes.get("sip_tcp_listening_port")
        if port in self.taken_ports:
            raise ControlError((f"127.0.0.1:{port} is in use (router.sip_tcp_listening_port)", "second line"))
        self.changes.append(changes)
        self.settings = RouterSettings.model_validate({**self.settings.model_dump(), **changes})
        return self.settings

    def document(self) -> DirectoryDocument:
        return self.directory

    def replace_document(self, document: DirectoryDocument) -> None:
        assert isinstance(document, DirectoryDocument)
        try:
            build_directory(document, port_offset=0)
        except DirectoryError as error:
            raise ControlError(error.problems) from error
        self.directory = document

    async def reload(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, str)  # as the real one does, it waits
        if self.unreadable:
            raise ControlError(self.unreadable)
        self.directory = self.file

    def snapshot(self) -> RoutingSnapshot:
        return RoutingSnapshot()


class FakeMailbox:
    """Emulated servers that remember what they were told: MBX1 and "rack 3/MBX2". Alice is the one user.

    refusals: why nothing can be done now.
    """

    def __init__(self) -> None:
        self.servers = {name: _worker(name) for name in ("MBX1", "rack 3/MBX2")}
        self.placed: dict[str, Outcall] = {}
        self.pins = PinResets(user="Alice", resets=0)
        self.refusals: tuple[str, ...] = ()

    def workers(self) -> list[WorkerStatus]:
        return list(self.servers.values())

    def worker(self, server: str) -> WorkerStatus:
        for name, status in self.servers.items():
            if name.casefold() == server.casefold():
                return status
        raise NoSuchEntry(f"no emulated server has the name {server!r}")

    def recycle(self, server: str) -> WorkerStatus:
        before = self.worker(server)
        self._refuse()
        changes = {"worker": before.worker + 1, "ports": {"TCP": 5067}, "draining_calls": before.calls}
        self.servers[before.server] = before.model_copy(update=changes)
        return self.servers[before.server]

    def play_on_phone(self, server: str, number: str, gateway: str) -> Outcall:
        name = self.worker(server).server
        self._refuse()
        call = Outcall(
            call_id=f"call-{len(self.placed)}",
            server=name,
            number=number,
            gateway=gateway or "first",
            uri=f"sip:{number}@192.0.2.10:5060;transport=tcp",
            state="Connecting",
            status=0,
            detail="",
        )
        self.placed[call.call_id] = call
        return call

    def outcalls(self, server: str) -> list[Outcall]:
        name = self.worker(server).server
        return [call for call in reversed(self.placed.values()) if call.server == name]

    def outcall(self, server: str, call_id: str) -> Outcall:
        found = self.placed.get(call_id)
        if found is None or found.server != self.worker(server).server:
            raise NoSuchEntry(f"no call of this server has the Call-ID {call_id!r}")
        return found

    def disconnect(self, server: str, call_id: str) -> Outcall:
        ended = self.outcall(server, call_id).model_copy(update={"state": "Disconnected", "detail": "local-bye"})
        self.placed[call_id] = ended
        return ended

    def reset_pin(self, user: str) -> PinResets:
        self.pins = PinResets(user="Alice", resets=self.pin_resets(user).resets + 1, last_reset_at=NOON)
        return self.pins

    def pin_resets(self, user: str) -> PinResets:
        if user.casefold() != "alice":
            raise NoSuchEntry(f"no user has the name {user!r}")
        return self.pins

    def _refuse(self) -> None:
        if self.refusals:
            raise ControlError(self.refusals)


def _worker(server: str) -> WorkerStatus:
    return WorkerStatus(server=server, worker=1, ports={"TCP": 5065}, calls=2, draining_calls=0, max_calls_allowed=100)


def create_controlled_api(
    control: FakeControl | None,
    token: str = "",
    max_body_bytes: int = 1_000_000,
    mailbox: MailboxControl | None = None,
) -> FastAPI:
    """The API of a router of host `callrouter-1`."""
    sources = FakeRouter().build_sources()
    names = frozenset({"callrouter-1"})
    changed = dataclasses.replace(sources, control=control, mailbox=mailbox, token=token, host_names=names)
    return create_api(dataclasses.replace(changed, max_body_bytes=max_body_bytes))


@asynccontextmanager
async def ask(api: FastAPI, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, in memory."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url=LOCAL, headers=headers) as client:
        yield client
