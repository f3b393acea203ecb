"""The models take any text and say it visibly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.admin.models import DirectoryStatus, EmulatedServer, Outcall, PoolStatus, Readiness, WorkerStatus

ANY_TEXT = st.text(st.characters(categories=None))


@given(text=ANY_TEXT)
def test_readiness_with_any_text_serialises_to_json(text: str) -> None:
    directory = DirectoryStatus(source=text, gateways=1, servers=2, error=text)
    readiness = Readiness(ready=False, directory=directory, problems=(text,))
    again = Readiness.model_validate_json(readiness.model_dump_json())
    assert again == readiness
    assert again.problems[0].isprintable()


def test_readiness_with_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Readiness.model_validate({"ready": True, "directory": {"source": "", "gateways": 0, "servers": 0}, "redy": 1})


def test_readiness_once_made_cannot_be_changed() -> None:
    pool = PoolStatus()
    with pytest.raises(ValidationError, match="frozen"):
        pool.servers = ()  # type: ignore[misc]


@given(text=ANY_TEXT)
def test_what_is_told_of_emulated_servers_with_any_text_serialises_to_json(text: str) -> None:
    server = EmulatedServer(name=text, listeners=(), calls=0)
    worker = WorkerStatus(server=text, worker=1, ports={}, calls=0, draining_calls=0, max_calls_allowed=0)
    call = Outcall(
        call_id=text, server=text, number=text, gateway=text, uri=text, state="Connected", status=200, detail=text
    )
    assert EmulatedServer.model_validate_json(server.model_dump_json()).name.isprintable()
    assert WorkerStatus.model_validate_json(worker.model_dump_json()) == worker
    assert Outcall.model_validate_json(call.model_dump_json()) == call


@pytest.mark.parametrize("field", ["worker", "calls", "draining_calls"])
def test_worker_status_counts_nothing_below_zero(field: str) -> None:
    sound = {"server": "a", "worker": 0, "ports": {}, "calls": 0, "draining_calls": 0, "max_calls_allowed": 0}
    WorkerStatus.model_validate(sound)
    with pytest.raises(ValidationError, match="greater_than_equal"):
        WorkerStatus.model_validate({**sound, field: -1})


def test_outcall_in_a_state_that_the_product_does_not_know_is_refused() -> None:
    sound = dict.fromkeys(("call_id", "server", "number", "gateway", "uri", "detail"), "") | {"status": 0}
    for state in ("Connecting", "Alerted", "Connected", "Disconnected"):
        assert Outcall.model_validate(sound | {"state": state}).state == state
    with pytest.raises(ValidationError, match="literal_error"):
        Outcall.model_validate(sound | {"state": "Ringing"})


def test_text_field_with_a_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="string_type"):
        DirectoryStatus.model_validate({"source": 1, "gateways": 0, "servers": 0})
