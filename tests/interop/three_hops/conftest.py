"""A lab for each test module, so that the calls of one tool are not among those of another; and SIPp, to call it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.interop.sipp_tool import Sipp
from tests.interop.three_hops.lab import Lab, start_lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with start_lab(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


@pytest.fixture
def sipp(find_tool: Callable[[str], str], tmp_path: Path, lab: Lab) -> Sipp:
    return Sipp(find_tool("sipp"), tmp_path, f"{lab.network}.3")
