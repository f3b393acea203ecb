"""Every asynchronous test here runs on both loops, and none of them may make asyncio complain."""

import ssl

import pytest

from callrouter.transport.tls import ServerTls, TlsPolicy
from tests.both_loops import asyncio_stays_silent, pytest_asyncio_loop_factories
from tests.transport.certificates import LabCertificates, files_of
from tests.transport.rig import client_context

__all__ = ["asyncio_stays_silent", "pytest_asyncio_loop_factories"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return LabCertificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server_tls(certificates: LabCertificates) -> ServerTls:
    return ServerTls(files_of(certificates), TlsPolicy())


@pytest.fixture
def client_tls(certificates: LabCertificates) -> ssl.SSLContext:
    return client_context(certificates.authority, certificates.client)
