"""Every asynchronous test here runs on both loops, and none of them may make asyncio complain."""

import ssl
from datetime import UTC, datetime

import pytest

from callrouter.certificates.authority import LabCertificates, write_lab_certificates
from callrouter.transport.tls import ServerTls, TlsFiles, TlsPolicy, build_client_context
from tests.both_loops import asyncio_stays_silent, pytest_asyncio_loop_factories

__all__ = ["asyncio_stays_silent", "pytest_asyncio_loop_factories"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    """Of a lab on this host; not to be changed."""
    return write_lab_certificates(tmp_path_factory.mktemp("caller") / "certs", hosts=[], now=datetime.now(UTC))


@pytest.fixture
def server_tls(certificates: LabCertificates) -> ServerTls:
    """What a server shows and asks for: mutual TLS."""
    files = TlsFiles(certificates.mailbox_file, certificates.mailbox_key_file, certificates.ca_file)
    return ServerTls(files, TlsPolicy())


@pytest.fixture
def client_context(certificates: LabCertificates) -> ssl.SSLContext:
    """The other side of it."""
    return build_client_context(certificates.ca_file, TlsFiles(certificates.client_file, certificates.client_key_file))
