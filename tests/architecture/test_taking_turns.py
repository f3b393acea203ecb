"""A test that is marked `timed` runs alone, whatever the others do."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.taking_turns import TakingTurns

PATIENCE_SECONDS = 5.0


@pytest.fixture
def turns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> TakingTurns:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return TakingTurns(1)


def test_many_share_the_room_one_has_it_alone_and_nobody_overtakes_who_waits(turns: TakingTurns) -> None:
    told: list[str] = []

    def take(name: str, *, alone: bool) -> None:
        with turns.take(alone=alone):
            told.append(name)

    with ThreadPoolExecutor() as threads:
        with turns.take(alone=False):
            threads.submit(take, "beside", alone=False).result(PATIENCE_SECONDS)
            alone = threads.submit(take, "alone", alone=True)
            with pytest.raises(TimeoutError):
                alone.result(0.2)
            later = threads.submit(take, "later", alone=False)
            with pytest.raises(TimeoutError):
                later.result(0.2)
        alone.result(PATIENCE_SECONDS)
        later.result(PATIENCE_SECONDS)
    assert told == ["beside", "alone", "later"]
