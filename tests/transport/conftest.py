"""Every asynchronous test here runs on both loops, and none of them may make asyncio complain."""

import asyncio
import logging
import ssl
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from callrouter.transport.tls import ServerTls, TlsPolicy
from tests.transport.certificates import LabCertificates, files_of
from tests.transport.rig import client_context


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": asyncio.SelectorEventLoop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return LabCertificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(autouse=True)
def asyncio_stays_silent(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Task exceptions never retrieved, fatal errors on transports and the like are findings."""
    yield
    complaints = [
        record.getMessage()
        for record in caplog.get_records("call")
        if record.name == "asyncio" and record.levelno >= logging.WARNING
    ]
    assert complaints == []


@pytest.fixture
def server_tls(certificates: LabCertificates) -> ServerTls:
    return ServerTls(files_of(certificates), TlsPolicy())


@pytest.fixture
def good_client(certificates: LabCertificates) -> ssl.SSLContext:
    return client_context(certificates.authority, certificates.client)
