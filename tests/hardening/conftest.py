"""Routers under attack: one with the default limits for all, one with limits of its own for whoever asks."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from callrouter.certificates.authority import write_lab_certificates
from tests.hardening.rig import Target, run_target


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lab's certificates for localhost."""
    directory = tmp_path_factory.mktemp("hardening") / "certs"
    write_lab_certificates(directory, hosts=["localhost"], now=datetime.now(UTC))
    return directory


@pytest.fixture(scope="session")
def target(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Target]:
    """A router with the default limits; shared, so that what one attack leaves behind meets the next."""
    with run_target(tmp_path_factory.mktemp("target"), certificates) as running:
        yield running


@pytest.fixture
def start_target(tmp_path: Path, certificates: Path) -> Iterator[Callable[..., Target]]:
    """Starts a router with limits of the test's choice."""
    with contextlib.ExitStack() as stack:

        def start(**limits: float) -> Target:
            return stack.enter_context(run_target(tmp_path, certificates, **limits))

        yield start
