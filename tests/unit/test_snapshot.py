from dataclasses import FrozenInstanceError, replace

import pytest

from callrouter.decision import REJECTIONS
from callrouter.directory.model import ComponentState
from callrouter.pool.model import Pool
from callrouter.pool.selection import Selection
from callrouter.sip.respond import UPPER_CASE_END
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell


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


def test_snapshot_of_nothing_is_active_and_knows_nobody() -> None:
    snapshot = RoutingSnapshot()
    assert (snapshot.component_state, snapshot.selection) == (ComponentState.ACTIVE, Selection.RENDEZVOUS)
    assert not snapshot.lookup.has_dial_plans
    assert not snapshot.is_full
    assert (snapshot.pool, snapshot.own_endpoints, snapshot.form) == (Pool(), frozenset(), AnswerForm())


def test_answer_form_is_that_of_the_trace_by_default() -> None:
    form = AnswerForm()
    assert (form.tcp_transport, form.tls_transport, form.sips_contacts) == ("Tcp", "Tls", False)
    assert (form.prefers_address, form.all_contacts, form.upper_case_names) == (False, False, False)
    assert form.rejections is REJECTIONS


def test_answer_form_tail_is_how_every_answer_ends() -> None:
    form = AnswerForm(server_line="Server: x\r\n")
    assert form.tail == "Server: x\r\n"
    assert replace(form, upper_case_names=True).tail == f"Server: x\r\n{UPPER_CASE_END}"
