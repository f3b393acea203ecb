"""The log: forms, levels, hostile values, the file, the bridge, and giving back what was taken."""

import json
import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO, TypeAlias

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from callrouter.observability.logs import LogConfig, Logs, configure_logs
from callrouter.reason import Reason
from tests.unit.observability.memory_stream import MemoryStream

Configure: TypeAlias = Callable[[LogConfig, TextIO], Logs]
ANY_TEXT = st.text(st.characters(categories=None))
ANY_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.binary() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def json_stream() -> Iterator[tuple[MemoryStream, Logs]]:
    stream = MemoryStream()
    logs = configure_logs(LogConfig(), stream)
    yield stream, logs
    logs.close()


def test_line_on_a_pipe_is_json_with_time_level_and_event_first(configure: Configure) -> None:
    stream = MemoryStream()
    before = datetime.now(UTC)
    configure(LogConfig(), stream).logger.info("call", status=302, reason=Reason.REDIRECTED, servers=("a", "b"))
    (line,) = stream.events
    assert list(line) == ["timestamp", "level", "event", "status", "reason", "servers"]
    assert line["timestamp"].endswith("Z")
    assert before <= datetime.fromisoformat(line["timestamp"]) <= datetime.now(UTC)
    assert (line["level"], line["event"], line["status"]) == ("info", "call", 302)
    assert (line["reason"], line["servers"]) == ("redirected", ["a", "b"])


@pytest.mark.parametrize(
    ("level", "written"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_level_drops_what_is_below(configure: Configure, level: Any, written: list[str]) -> None:
    stream = MemoryStream()
    logger = configure(LogConfig(level=level), stream).logger
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("something")
    assert [line["level"] for line in stream.events] == written


def test_line_on_a_terminal_is_coloured_for_people(configure: Configure) -> None:
    stream = MemoryStream(terminal=True)
    configure(LogConfig(), stream).logger.warning("framing lost", reason="not-sip")
    text = stream.written.decode()
    assert "\x1b[" in text
    assert "framing lost" in text
    assert "not-sip" in text


def test_console_off_a_terminal_has_no_colours(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(format="console"), stream).logger.info("call", peer="192.0.2.1:5060")
    text = stream.written.decode()
    assert "\x1b" not in text
    assert "peer=192.0.2.1:5060" in text


def test_json_on_a_terminal_when_asked_for(configure: Configure) -> None:
    stream = MemoryStream(terminal=True)
    configure(LogConfig(format="json"), stream).logger.info("call")
    assert stream.events[0]["event"] == "call"


def test_terminal_that_lacks_a_character_gets_its_escape(configure: Configure) -> None:
    stream = MemoryStream(terminal=True, encoding="ascii")
    logs = configure(LogConfig(), stream)
    logs.logger.info("Zo\u00eb")
    assert b"Zo\\xeb" in stream.written
    assert logs.lines_lost == 0


def test_hostile_text_in_json_is_shown_as_escapes(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(), stream).logger.info("call", call_id='a\r\n{"event":"forged"}\x1b[2J\udce9\u2028')
    (line,) = stream.events
    assert line["call_id"] == 'a\\r\\n{"event":"forged"}\\x1b[2J\\xe9\\u2028'


@given(event=ANY_TEXT, value=ANY_VALUE)
def test_any_value_is_exactly_one_json_line(json_stream: tuple[MemoryStream, Logs], event: str, value: Any) -> None:
    stream, logs = json_stream
    stream.forget()
    logs.logger.info(event, value=value)
    octets = stream.written
    assert octets.count(b"\n") == 1
    assert octets.endswith(b"\n")
    assert json.loads(octets)["event"].isprintable()
    assert octets.decode()[:-1].isprintable()
    assert logs.lines_lost == 0


@given(event=ANY_TEXT, value=ANY_TEXT)
def test_any_text_on_the_console_is_exactly_one_line(event: str, value: str) -> None:
    stream = MemoryStream()
    logs = configure_logs(LogConfig(format="console"), stream)
    try:
        logs.logger.info(event, value=value)
    finally:
        logs.close()
    text = stream.written.decode()
    assert text.endswith("\n")
    assert text[:-1].isprintable()


def fail(message: str) -> None:
    raise RuntimeError(message)


def raised(message: str) -> Exception:
    with pytest.raises(RuntimeError) as caught:
        fail(message)
    return caught.value


def test_traceback_in_json_keeps_its_lines_and_shows_the_rest(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(), stream).logger.error("session failed", exc_info=raised("bad \x1b\udcff octets"))
    (line,) = stream.events
    assert line["exception"].splitlines()[0] == "Traceback (most recent call last):"
    assert line["exception"].splitlines()[-1] == "RuntimeError: bad \\x1b\\xff octets"


@pytest.mark.parametrize("terminal", [True, False])
def test_traceback_on_the_console_cannot_begin_a_line(configure: Configure, terminal: bool) -> None:
    stream = MemoryStream(terminal=terminal)
    logger = configure(LogConfig(format="console"), stream).logger
    logger.error("session failed", exc_info=raised("first\n2026-01-01 [info] forged"))
    first, *rest = stream.written.decode().splitlines()
    assert "session failed" in first
    assert rest
    assert all(line.startswith("    ") for line in rest)


def test_file_is_appended_to_and_its_directory_made(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "new" / "router.log"
    stream = MemoryStream(terminal=True)
    for count in (1, 2):
        configure(LogConfig(file=file), stream).logger.info("call", count=count)
    assert [json.loads(line)["count"] for line in file.read_bytes().splitlines()] == [1, 2]
    assert stream.written == b""


def test_file_as_console_has_no_colours(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "router.log"
    configure(LogConfig(format="console", file=file), MemoryStream(terminal=True)).logger.info("call")
    assert b"\x1b" not in file.read_bytes()


def test_reopened_file_after_rename_is_a_new_one(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "router.log"
    logs = configure(LogConfig(file=file), MemoryStream())
    logs.logger.info("before")
    file.rename(tmp_path / "router.log.1")
    logs.logger.info("between")
    logs.reopen()
    logs.logger.info("after")
    assert (tmp_path / "router.log.1").read_bytes().count(b"\n") == 2
    assert json.loads(file.read_bytes())["event"] == "after"


def test_reopen_that_fails_keeps_the_old_file(configure: Configure, tmp_path: Path) -> None:
    file = tmp_path / "logs" / "router.log"
    logs = configure(LogConfig(file=file), MemoryStream())
    file.rename(tmp_path / "kept.log")
    file.parent.rmdir()
    file.parent.write_text("no directory")
    with pytest.raises(OSError, match="exists"):
        logs.reopen()
    logs.logger.info("after")
    assert b"after" in (tmp_path / "kept.log").read_bytes()


def test_reopen_of_a_stream_changes_nothing(configure: Configure) -> None:
    stream = MemoryStream()
    logs = configure(LogConfig(), stream)
    logs.reopen()
    logs.logger.info("after")
    assert stream.events[0]["event"] == "after"


def test_file_that_cannot_be_opened_is_an_error_that_changes_nothing(tmp_path: Path) -> None:
    handlers = list(logging.getLogger().handlers)
    with pytest.raises(IsADirectoryError):
        configure_logs(LogConfig(file=tmp_path), MemoryStream())
    assert logging.getLogger().handlers == handlers


def test_line_that_cannot_be_written_is_counted_and_not_raised(configure: Configure) -> None:
    stream = MemoryStream()
    logs = configure(LogConfig(), stream)
    stream.close()
    logs.logger.info("call")
    logs.logger.info("call")
    assert logs.lines_lost == 2


def test_line_on_a_full_disk_is_counted_and_not_raised(configure: Configure) -> None:
    logs = configure(LogConfig(file=Path("/dev/full")), MemoryStream())
    logs.logger.info("call")
    assert logs.lines_lost == 1


def test_standard_library_warnings_come_through_and_less_does_not(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(), stream)
    logger = logging.getLogger("uvicorn.error")
    logger.info("Started server process")
    logger.warning("Invalid HTTP request received\r\nfrom %s", "there\n")
    logger.log(35, "between two levels")
    warning, between = stream.events
    assert warning["event"] == "Invalid HTTP request received\\r\\nfrom there"
    assert (warning["level"], warning["logger"]) == ("warning", "uvicorn.error")
    assert between["level"] == "warning"


def test_standard_library_exceptions_come_with_their_traceback(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(level="error"), stream)
    logging.getLogger("asyncio").warning("dropped by the level")
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=raised("why"))
    (line,) = stream.events
    assert line["exception"].endswith("RuntimeError: why")


def test_standard_library_line_with_wrong_arguments_is_shown_as_written(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(), stream)
    record = logging.LogRecord("other", logging.ERROR, __file__, 1, "%d calls", ("many",), None)
    logging.getLogger().handlers[-1].handle(record)
    assert stream.events[0]["event"] == "%d calls"


def test_structlog_elsewhere_uses_the_same_log(configure: Configure) -> None:
    stream = MemoryStream()
    configure(LogConfig(), stream)
    structlog.get_logger().info("directory loaded")
    assert stream.events[0]["event"] == "directory loaded"


def test_close_gives_back_what_was_set_before() -> None:
    outer_stream, inner_stream = MemoryStream(), MemoryStream()
    handlers = list(logging.getLogger().handlers)
    config = structlog.get_config()
    outer = configure_logs(LogConfig(), outer_stream)
    inner = configure_logs(LogConfig(), inner_stream)
    inner.close()
    structlog.get_logger().info("outer again")
    outer.close()
    assert [line["event"] for line in outer_stream.events] == ["outer again"]
    assert inner_stream.written == b""
    assert structlog.get_config() == config
    assert logging.getLogger().handlers == handlers
    assert not outer_stream.closed
