"""The routers of the conformance tests: one for nearly everything, and one for each variant of its settings.

A variant is started when the first test asks for it. Tests that take `connection` run over TCP and over mutual TLS.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import pytest

from callrouter.certificates.authority import write_lab_certificates
from tests.conformance.wire import Connection, dial
from tests.router import Group, Router, start_router

DELAY_SECONDS = 0.5
TRANSACTION_SECONDS = 0.5
IDLE_SECONDS = 1.0


class StartVariant(Protocol):
    """Starts a router with settings of its own."""

    def __call__(self, **changes: Group) -> AbstractContextManager[Router]: ...


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certificates")
    write_lab_certificates(directory, hosts=["localhost"], now=datetime.now(UTC))
    return directory


@pytest.fixture(scope="session")
def start_variant(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> StartVariant:
    def start(**changes: Group) -> AbstractContextManager[Router]:
        return start_router(tmp_path_factory.mktemp("router"), certificates, changes)

    return start


@pytest.fixture(scope="session")
def router(start_variant: StartVariant) -> Iterator[Router]:
    with start_variant() as router:
        yield router


@pytest.fixture(scope="session")
def slow_router(start_variant: StartVariant) -> Iterator[Router]:
    """Holds the final answer to an INVITE back, as one with a slow lookup would."""
    with start_variant(redirect={"delay_seconds": DELAY_SECONDS}) as router:
        yield router


@pytest.fixture(scope="session")
def impatient_router(start_variant: StartVariant) -> Iterator[Router]:
    """Every time limit is short, and few calls may be open."""
    limits: Group = {
        "message_seconds": 0.5,
        "idle_seconds": IDLE_SECONDS,
        "transaction_seconds": TRANSACTION_SECONDS,
        "max_transactions": 5,
    }
    with start_variant(limits=limits) as router:
        yield router


@pytest.fixture(params=["TCP", "TLS"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def connection(router: Router, transport: str) -> Iterator[Connection]:
    with dial(router, transport) as connection:
        yield connection
