"""What a process does around its application: the room that it takes, and how it ends where it cannot start."""

import gc
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from callrouter.app import Application
from callrouter.lifecycle import raise_file_limit, run, tune_collector
from callrouter.observability.logs import Logs, configure_logs
from callrouter.preparation import StartError, prepare
from callrouter.settings.freeze import freeze_log
from callrouter.settings.load import load_settings
from callrouter.settings.model import LogSettings


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = configure_logs(freeze_log(LogSettings(file=tmp_path / "router.log", format="json")), sys.stderr)
    yield made
    made.close()


async def test_run_with_a_port_that_is_taken_opens_nothing_and_names_it(home: Path, logs: Logs) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        overrides = [f"router.sip_tcp_listening_port={port}"]
        settings = load_settings(home / "router.toml", environ={}, overrides=overrides)
        announced: list[Application] = []
        with pytest.raises(StartError) as failed:
            await run(prepare(settings), lambda: settings, logs, announced.append)
    assert announced == []
    [problem] = failed.value.problems
    assert f"127.0.0.1:{port}" in problem
    assert "router.sip_tcp_listening_port" in problem


def test_file_limit_is_raised_to_what_the_host_allows() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
        raise_file_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_collector_leaves_alone_what_the_start_has_made() -> None:
    thresholds = gc.get_threshold()
    try:
        tune_collector()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] > thresholds[0]
    finally:
        gc.unfreeze()
        gc.set_threshold(*thresholds)
