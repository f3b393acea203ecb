"""The quick way of the call line says what the slow one says, and lines are written together, in their order."""

import io
import json
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callrouter.observability.call_lines import CallLines
from callrouter.observability.logs import LogConfig
from callrouter.testing.strategies import hostile_text
from tests.unit.observability.memory_stream import MemoryStream
from tests.unit.observability.recording import Configure

NOW = 1_782_000_000.25


def fields() -> st.SearchStrategy[dict[str, Any]]:
    values = st.one_of(hostile_text(), st.integers(0, 2**53), st.text(max_size=5))
    return st.dictionaries(st.sampled_from(("call_id", "peer", "status", "contact", "detail")), values)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields(), st.dictionaries(st.sampled_from(("role", "server")), hostile_text()))
def test_line_is_that_of_the_log_but_for_its_time(
    configure: Configure, values: dict[str, Any], context: dict[str, Any]
) -> None:
    stream = MemoryStream()
    logs = configure(LogConfig(format="json"), stream)
    logger = logs.logger.bind(**context)
    logger.info("call", **values)
    logs.call_writer(logger)(dict(values))
    slow, quick = stream.written.decode().splitlines()
    stamp = len('{"timestamp":"2026-06-21T00:00:00')
    assert quick[: stamp - 3] == slow[: stamp - 3]
    assert list(json.loads(quick)) == list(json.loads(slow))
    assert quick.partition('Z",')[2] == slow.partition('Z",')[2]


@pytest.mark.parametrize(
    ("now", "stamp"),
    [
        (NOW, "2026-06-21T00:00:00.250000Z"),
        (NOW + 59.5, "2026-06-21T00:00:59.750000Z"),
        (NOW - 0.25, "2026-06-21T00:00:00.000000Z"),
    ],
)
def test_time_is_that_of_the_clock(now: float, stamp: str) -> None:
    lines: list[bytes] = []
    write = CallLines("call", {}, lines.append, lambda: now)
    write({})
    write({})
    assert [json.loads(line)["timestamp"] for line in lines] == [stamp] * 2


def test_console_has_its_own_lines(configure: Configure) -> None:
    stream = MemoryStream()
    logs = configure(LogConfig(format="console"), stream)
    logs.call_writer(logs.logger)({"call_id": "c1"})
    assert "call_id=c1" in stream.written.decode()


class Turns:
    """A loop that turns when it is told."""

    def __init__(self) -> None:
        self.soon: list[Callable[[], None]] = []

    def turn(self) -> None:
        due, self.soon = self.soon, []
        for call in due:
            call()


def events(stream: MemoryStream) -> list[str]:
    return [line.get("call_id", line["event"]) for line in stream.events]


def test_lines_of_one_turn_are_written_in_one_go_and_others_keep_the_order(configure: Configure) -> None:
    stream, turns = MemoryStream(), Turns()
    logs = configure(LogConfig(format="json"), stream)
    write = logs.call_writer(logs.logger)
    with logs.written_together(turns.soon.append):
        write({"call_id": "1"})
        write({"call_id": "2"})
        assert (events(stream), len(turns.soon)) == ([], 1)
        turns.turn()
        assert events(stream) == ["1", "2"]
        write({"call_id": "3"})
        logs.logger.warning("another")
        assert events(stream) == ["1", "2", "3", "another"]
        turns.turn()
        write({"call_id": "4"})
        assert events(stream) == ["1", "2", "3", "another"]
    assert events(stream)[-1] == "4"
    write({"call_id": "5"})
    assert events(stream)[-1] == "5"


class Interrupted(deque[bytes]):
    """Lines that wait; while the first is taken out by one thread, the loop's adds another."""

    def __init__(self, add: Callable[[], None]) -> None:
        super().__init__()
        self.add = add
        self.is_over = False

    def popleft(self) -> bytes:
        if not self.is_over:
            self.is_over = True
            self.add()
        return super().popleft()


def test_line_that_comes_while_another_thread_writes_is_not_left_behind(configure: Configure) -> None:
    stream, turns = MemoryStream(), Turns()
    logs = configure(LogConfig(format="json"), stream)
    write = logs.call_writer(logs.logger)
    logs._lines._held = Interrupted(lambda: write({"call_id": "2"}))
    with logs.written_together(turns.soon.append):
        logs.logger.warning("1")
        assert events(stream) == ["1", "2"] or len(turns.soon) == 1


def test_no_more_lines_wait_than_memory_has_room_for(configure: Configure) -> None:
    stream, turns = MemoryStream(), Turns()
    logs = configure(LogConfig(format="json"), stream)
    write = logs.call_writer(logs.logger)
    with logs.written_together(turns.soon.append):
        for number in range(2500):
            write({"call_id": str(number)})
        assert len(events(stream)) == 2000
    assert events(stream) == [str(number) for number in range(2500)]


def test_lines_that_cannot_be_written_are_counted_each(configure: Configure) -> None:
    stream, turns = MemoryStream(), Turns()
    logs = configure(LogConfig(format="json"), stream)
    write = logs.call_writer(logs.logger)
    with logs.written_together(turns.soon.append):
        write({"call_id": "1"})
        write({"call_id": "2"})
        stream.buffer.close()
        turns.turn()
    assert logs.lines_lost == 2


def test_lines_that_wait_go_to_the_file_they_were_meant_for(configure: Configure, tmp_path: Path) -> None:
    file, turns = tmp_path / "log", Turns()
    logs = configure(LogConfig(format="json", file=file), MemoryStream())
    write = logs.call_writer(logs.logger)
    with logs.written_together(turns.soon.append):
        write({"call_id": "1"})
        file.rename(tmp_path / "old")
        logs.reopen()
        write({"call_id": "2"})
    assert b'"1"' in (tmp_path / "old").read_bytes()
    assert b'"1"' not in file.read_bytes()
    assert b'"2"' in file.read_bytes()


class FullDisk(io.BytesIO):
    """Takes 150 octets, in two goes, and no more."""

    def write(self, octets: Any, /) -> int:
        room = min(100, 150 - len(self.getvalue()))
        if room <= 0:
            raise OSError(28, "No space left on device")
        return super().write(octets[:room])


def test_what_a_full_disk_does_not_take_is_counted_by_the_line(configure: Configure) -> None:
    disk, turns = FullDisk(), Turns()
    stream = MemoryStream()
    logs = configure(LogConfig(format="json"), stream)
    logs._lines._out = disk
    write = logs.call_writer(logs.logger)
    with logs.written_together(turns.soon.append):
        for number in range(4):
            write({"call_id": str(number)})
        turns.turn()
    whole = disk.getvalue().count(b"\n")
    assert len(disk.getvalue()) == 150
    assert logs.lines_lost == 4 - whole
