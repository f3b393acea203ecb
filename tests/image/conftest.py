"""Collected only where `make image` has built an image: docker/build_image.sh names it in the environment."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.image.engine import Container, Engine, listen_at

collect_ignore_glob = [] if "CALLROUTER_IMAGE" in os.environ else ["test_*.py"]


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    """The buildah that has the image; what was started with it is ended."""
    made = Engine(
        Path(os.environ["CALLROUTER_IMAGE_STORAGE"]),
        os.environ["CALLROUTER_IMAGE"],
        os.environ["CALLROUTER_IMAGE_BASE"],
    )
    yield made
    made.remove_all()


@pytest.fixture(scope="session")
def host() -> str:
    """A loopback address of this run alone: the network of the containers is that of this machine."""
    return f"127.{64 + os.getpid() % 32}.{os.getpid() // 32 % 256}.1"


@pytest.fixture
def lab(engine: Engine, host: str, tmp_path: Path) -> Iterator[Container]:
    """A container as it comes, ready."""
    with engine.start(tmp_path / "output", listen_at(host)) as container:
        container.wait_until_healthy()
        yield container


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Say what was measured, also where the test passes."""

    def say(figure: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n    {figure}\n")

    return say
