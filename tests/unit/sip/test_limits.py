from dataclasses import FrozenInstanceError, asdict

import pytest

from callrouter.sip.limits import MessageLimits


def test_limits_defaults_are_positive_and_let_the_largest_uri_into_a_head() -> None:
    limits = MessageLimits()
    assert all(value > 0 for value in asdict(limits).values())
    assert limits.max_request_uri_bytes < limits.max_head_bytes


def test_limits_cannot_be_changed() -> None:
    limits = MessageLimits()
    with pytest.raises(FrozenInstanceError):
        limits.max_headers = 1  # type: ignore[misc]  # the point of the test
