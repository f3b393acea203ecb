"""The port that the API asks through."""

from callrouter.admin.status import StatusSource
from tests.unit.admin.samples import READY, FakeRouter


def test_status_source_is_anything_that_tells_its_readiness() -> None:
    source: StatusSource = FakeRouter()
    assert source.readiness() is READY
