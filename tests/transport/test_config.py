"""Transport limits: what their names promise."""

import dataclasses

import pytest

from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits


@pytest.mark.parametrize("field", ["max_connections", "max_connections_per_address", "max_handshakes"])
def test_refusal_any_limit_names_an_existing_setting(field: str) -> None:
    admission = Admission(dataclasses.replace(TransportLimits(), **{field: 0}))
    refused_by = admission.begin_handshake() if field == "max_handshakes" else admission.admit("192.0.2.1")
    assert refused_by == f"limits.{field}"


def test_limits_by_default_are_all_positive() -> None:
    assert all(value > 0 for value in dataclasses.asdict(TransportLimits()).values())
