"""A router that can be changed, without a router: the real models and the real check of a directory, no ports."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from callrouter.admin.api import create_api
from callrouter.admin.control import ControlError
from callrouter.settings.model import RouterSettings
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from tests.unit.admin.samples import FakeRouter

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


def create_controlled_api(control: FakeControl | None, token: str = "", max_body_bytes: int = 1_000_000) -> FastAPI:
    """The API of a router of host `callrouter-1`."""
    sources = FakeRouter().build_sources()
    names = frozenset({"callrouter-1"})
    return create_api(
        dataclasses.replace(sources, control=control, token=token, host_names=names, max_body_bytes=max_body_bytes)
    )


@asynccontextmanager
async def ask(api: FastAPI, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API, in memory."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(api), base_url=LOCAL, headers=headers) as client:
        yield client
