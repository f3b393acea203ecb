"""Every asynchronous test here runs on both loops, and none of them may make asyncio complain."""

import ssl

import pytest

from tests.both_loops import asyncio_stays_silent, pytest_asyncio_loop_factories
from tests.transport.certificates import LabCertificates
from tests.transport.rig import client_context
from tests.transport.tls_fixtures import certificates, server_tls

__all__ = ["asyncio_stays_silent", "certificates", "pytest_asyncio_loop_factories", "server_tls"]


@pytest.fixture
def client_tls(certificates: LabCertificates) -> ssl.SSLContext:
    return client_context(certificates.authority, certificates.client)
