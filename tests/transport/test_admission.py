"""Admission: every limit counts, and nothing is left behind."""

import pytest

from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits

LIMITS = TransportLimits(max_connections=3, max_connections_per_address=2, max_handshakes=1)


def test_admit_below_limits_counts_in_total_and_per_address() -> None:
    admission = Admission(LIMITS)
    assert [admission.admit("192.0.2.1"), admission.admit("192.0.2.1"), admission.admit("192.0.2.2")] == [None] * 3
    assert admission.connections == 3
    assert admission.connections_of("192.0.2.1") == 2
    assert admission.addresses == 2


def test_admit_at_total_limit_names_setting_and_counts_nothing() -> None:
    admission = Admission(LIMITS)
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3"):
        assert admission.admit(address) is None
    assert admission.admit("192.0.2.4") == "limits.max_connections"
    assert (admission.connections, admission.addresses) == (3, 3)


def test_admit_at_address_limit_names_setting_and_leaves_others_in() -> None:
    admission = Admission(LIMITS)
    for _ in range(2):
        assert admission.admit("192.0.2.1") is None
    assert admission.admit("192.0.2.1") == "limits.max_connections_per_address"
    assert admission.connections == 2
    assert admission.admit("192.0.2.2") is None


def test_release_last_of_address_forgets_address() -> None:
    admission = Admission(LIMITS)
    admission.admit("192.0.2.1")
    admission.admit("192.0.2.1")
    admission.release("192.0.2.1")
    assert admission.connections_of("192.0.2.1") == 1
    admission.release("192.0.2.1")
    assert (admission.connections, admission.addresses) == (0, 0)


def test_release_of_unknown_address_raises_and_counts_nothing() -> None:
    admission = Admission(LIMITS)
    with pytest.raises(KeyError):
        admission.release("192.0.2.1")
    assert admission.connections == 0


def test_handshake_at_limit_names_setting_until_one_ends() -> None:
    admission = Admission(LIMITS)
    assert admission.begin_handshake() is None
    assert admission.begin_handshake() == "limits.max_handshakes"
    assert admission.handshakes == 1
    admission.end_handshake()
    assert admission.begin_handshake() is None
