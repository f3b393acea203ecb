from dataclasses import FrozenInstanceError

import pytest

from callrouter.directory.model import ComponentState
from callrouter.snapshot import RoutingSnapshot, SnapshotCell


def test_snapshot_cell_gives_what_was_put_there_last() -> None:
    first, second = RoutingSnapshot(), RoutingSnapshot(component_state=ComponentState.DRAINING)
    cell = SnapshotCell(first)
    assert cell.current is first
    cell.current = second
    assert cell.current is second


def test_snapshot_cannot_be_changed_in_place() -> None:
    snapshot = RoutingSnapshot()
    with pytest.raises(FrozenInstanceError):
        snapshot.component_state = ComponentState.INACTIVE  # type: ignore[misc]  # the point of the test
