"""The API of a router that is as a test wants it, asked in memory."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi import FastAPI

from callrouter.sources.document import DirectoryDocument
from tests.unit.admin.fake_control import FakeControl, ask, create_controlled_api
from tests.unit.admin.samples import FakeRouter


@pytest.fixture
def router() -> FakeRouter:
    return FakeRouter()


@pytest.fixture
async def client(router: FakeRouter) -> AsyncIterator[httpx.AsyncClient]:
    """Asks a router that nobody can change."""
    async with ask(router.create_api()) as client:
        yield client


@dataclass(frozen=True)
class Controlled:
    """A router that can be changed, and its API."""

    control: FakeControl
    api: FastAPI


@pytest.fixture(scope="session")
def controlled() -> Controlled:
    """Made once, because making an API takes longer than asking it."""
    control = FakeControl()
    return Controlled(control, create_controlled_api(control))


@pytest.fixture
def control(controlled: Controlled) -> FakeControl:
    controlled.control.start_over(DirectoryDocument())
    return controlled.control


@pytest.fixture
async def controller(controlled: Controlled, control: FakeControl) -> AsyncIterator[httpx.AsyncClient]:
    """Asks a router that can be changed."""
    assert control is controlled.control
    async with ask(controlled.api) as client:
        yield client
