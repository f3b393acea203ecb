"""The port through which the API changes a router."""

from callrouter.admin.control import Control, ControlError
from tests.unit.admin.fake_control import FakeControl


def test_control_is_anything_that_can_be_told_to_change() -> None:
    control: Control = FakeControl()
    assert control.router_settings() == FakeControl().settings


def test_control_error_keeps_its_lines() -> None:
    error = ControlError(("one", "two"))
    assert error.problems == ("one", "two")
    assert str(error) == "one\ntwo"
