"""The application inside another program's loop: started, called, stopped, on both loops, without signals."""

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvloop

from callrouter.app import Application
from callrouter.observability.logs import Logs, configure_logs
from callrouter.preparation import StartError, prepare
from callrouter.settings.freeze import freeze_log
from callrouter.settings.load import load_settings
from callrouter.settings.model import LogSettings, Settings
from tests.hardening.rig import assert_redirect, build_ack, build_invite, connect

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture
def settings(home: Path) -> Settings:
    return load_settings(home / "router.toml", environ={}, overrides=["limits.drain_seconds=5"])


@pytest.fixture
def logs(tmp_path: Path) -> Iterator[Logs]:
    made = configure_logs(freeze_log(LogSettings(file=tmp_path / "router.log", format="json")), sys.stderr)
    yield made
    made.close()


@pytest.mark.parametrize("loop", LOOPS)
def test_application_serves_and_stops_on_any_loop(settings: Settings, logs: Logs, loop: str) -> None:
    async def serve() -> None:
        application = Application(prepare(settings), lambda: settings, logs)
        await application.start()
        assert application.readiness().ready
        _, admin_port = application.admin_address or ("", 0)
        assert admin_port
        port = application.readiness().listeners[0].port
        async with connect(port) as caller:
            answer = await caller.exchange(build_invite("inside"))
            assert_redirect(answer)
            await caller.send(build_ack("inside", answer))
        assert await application.stop() == 0
        assert not application.readiness().ready
        assert application.admin_address is None
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)

    with asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(serve())


async def test_application_that_cannot_open_one_port_keeps_none_open(settings: Settings, logs: Logs) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", 0))
        ports = {
            "sip_tcp_listening_port": free.getsockname()[1],
            "sip_tls_listening_port": taken.getsockname()[1],
        }
        changed = settings.model_copy(update={"router": settings.router.model_copy(update=ports)})
        with pytest.raises(StartError) as caught:
            await Application(prepare(changed), lambda: changed, logs).start()
        [problem] = caught.value.problems
        assert "router.sip_tls_listening_port" in problem
        # Nobody listens where the free port is, or this would fail.
        free.listen()


async def test_stop_returns_how_many_connections_it_cut_off(settings: Settings, logs: Logs) -> None:
    limits = settings.limits.model_copy(update={"drain_seconds": 0.1})
    changed = settings.model_copy(update={"limits": limits})
    application = Application(prepare(changed), lambda: changed, logs)
    await application.start()
    async with connect(application.readiness().listeners[0].port) as caller:
        assert_redirect(await caller.exchange(build_invite("unacknowledged")))
        assert await application.stop() == 1
        assert await caller.read_to_end() == b""
