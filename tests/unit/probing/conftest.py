"""Every asynchronous test here runs on both loops, and none of them may make asyncio complain."""

import pytest

from tests.both_loops import asyncio_stays_silent, pytest_asyncio_loop_factories
from tests.transport.certificates import LabCertificates

__all__ = ["asyncio_stays_silent", "pytest_asyncio_loop_factories"]


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return LabCertificates(tmp_path_factory.mktemp("certificates"))
