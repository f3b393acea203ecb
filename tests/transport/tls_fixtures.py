"""For the conftest of a folder whose tests speak TLS with certificates of the tests' own authority.

from tests.transport.tls_fixtures import certificates, server_tls
"""

import pytest

from callrouter.transport.tls import ServerTls, TlsPolicy
from tests.transport.certificates import LabCertificates, files_of

__all__ = ["certificates", "server_tls"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return LabCertificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server_tls(certificates: LabCertificates) -> ServerTls:
    return ServerTls(files_of(certificates), TlsPolicy())
