"""The admin server on a real socket, on both event loops."""

import asyncio
import gc
import logging
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx
import pytest
import uvloop
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from callrouter.admin.server import AdminServer
from tests.unit.admin.samples import FakeRouter

Run: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]
PROMPT_SECONDS = 2.0


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs to the end on one kind of loop; what is left over then shows as a warning, which is an error."""

    def run_on_loop(coroutine: Coroutine[Any, Any, None]) -> None:
        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(asyncio.wait_for(coroutine, 10))
        gc.collect()

    return run_on_loop


def bound_socket(address: str = "127.0.0.1") -> socket.socket:
    listener = socket.socket(socket.AF_INET)
    listener.bind((address, 0))
    return listener


@asynccontextmanager
async def serving(api: FastAPI, **options: Any) -> AsyncIterator[AdminServer]:
    """A started server that is stopped even where the test fails: uvloop does not close over a listening one."""
    server = AdminServer(api, bound_socket(), **options)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


def url_of(server: AdminServer) -> str:
    address, port = server.address
    return f"http://{address}:{port}"


class HangingApi:
    """An API whose handlers say that they began and then hang, or send without end."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.released = asyncio.Event()
        self.ended = asyncio.Event()
        self.api = FastAPI()
        self.api.add_api_route("/hang", self.hang)
        self.api.add_api_route("/stream", self.stream)

    async def hang(self) -> str:
        self.begun.set()
        try:
            await self.released.wait()
        finally:
            self.ended.set()
        return "done"

    async def stream(self) -> StreamingResponse:
        async def lines() -> AsyncIterator[bytes]:
            yield b"first\n"
            await self.hang()

        return StreamingResponse(lines())


def test_started_server_answers_at_its_address(run: Run) -> None:
    async def scenario() -> None:
        async with serving(FakeRouter().create_api()) as server:
            assert server.address[0] == "127.0.0.1"
            assert server.address[1] > 0
            async with httpx.AsyncClient(base_url=url_of(server)) as client:
                response = await client.get("/readyz")
            assert response.status_code == 200
            assert "server" not in response.headers
            await server.stop()

    run(scenario())


@pytest.mark.timed
def test_stop_with_an_idle_keep_alive_connection_closes_it_at_once(run: Run) -> None:
    async def scenario() -> None:
        async with serving(FakeRouter().create_api(), grace_seconds=60) as server:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert b"200" in await reader.readline()
            silent_reader, silent_writer = await asyncio.open_connection(*server.address)
            begun = time.monotonic()
            await server.stop()
            assert time.monotonic() - begun < PROMPT_SECONDS
            assert (await reader.read()).endswith(b'{"status":"ok"}')
            assert await silent_reader.read() == b""
            for end in (writer, silent_writer):
                end.close()
                await end.wait_closed()

    run(scenario())


def test_stopped_server_refuses_connections(run: Run) -> None:
    async def scenario() -> None:
        async with serving(FakeRouter().create_api()) as server:
            address = server.address
            await server.stop()
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(*address)

    run(scenario())


def test_stop_lets_a_response_in_progress_finish(run: Run) -> None:
    async def scenario() -> None:
        hanging = HangingApi()
        async with serving(hanging.api, grace_seconds=60) as server:
            async with httpx.AsyncClient(base_url=url_of(server)) as client, asyncio.TaskGroup() as group:
                request = group.create_task(client.get("/hang"))
                await hanging.begun.wait()
                stopping = group.create_task(server.stop())
                hanging.released.set()
            assert request.result().json() == "done"
            assert stopping.done()

    run(scenario())


@pytest.mark.timed
@pytest.mark.parametrize("path", ["/hang", "/stream"])
def test_stop_ends_a_response_that_does_not_end_by_itself(
    run: Run, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "uvicorn.error")

    async def scenario() -> None:
        hanging = HangingApi()
        async with serving(hanging.api, grace_seconds=0.02) as server:
            reader, writer = await asyncio.open_connection(*server.address)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            await hanging.begun.wait()
            begun = time.monotonic()
            await server.stop()
            assert time.monotonic() - begun < PROMPT_SECONDS
            assert hanging.ended.is_set()
            try:
                assert not (await reader.read()).endswith(b"done")
            except ConnectionResetError:
                assert reader.exception() is not None
            writer.close()

    run(scenario())


def test_connections_beyond_the_limit_are_answered_503(run: Run) -> None:
    async def scenario() -> None:
        async with serving(FakeRouter().create_api(), max_connections=2) as server:
            async with httpx.AsyncClient(base_url=url_of(server)) as first:
                assert (await first.get("/livez")).status_code == 200
                async with httpx.AsyncClient(base_url=url_of(server)) as second:
                    assert (await second.get("/livez")).status_code == 503
            await server.stop()

    run(scenario())


def test_server_leaves_the_signals_of_the_process_alone(run: Run) -> None:
    async def scenario() -> None:
        before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
        async with serving(FakeRouter().create_api()) as server:
            assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
            await server.stop()

    run(scenario())


def test_running_server_has_no_task_of_its_own(run: Run) -> None:
    async def scenario() -> None:
        before = asyncio.all_tasks()
        async with serving(FakeRouter().create_api()) as server:
            running = asyncio.all_tasks()
            await server.stop()
            assert running == before

    run(scenario())


def test_stop_without_start_closes_the_socket(run: Run) -> None:
    async def scenario() -> None:
        listener = bound_socket()
        await AdminServer(FakeRouter().create_api(), listener).stop()
        assert listener.fileno() == -1

    run(scenario())


def test_stop_twice_is_like_once(run: Run) -> None:
    async def scenario() -> None:
        async with serving(FakeRouter().create_api()) as server:
            await server.stop()
            await server.stop()

    run(scenario())


def test_requests_and_stop_write_no_log(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def scenario() -> None:
        async with serving(FakeRouter().create_api()) as server:
            async with httpx.AsyncClient(base_url=url_of(server)) as client:
                await client.get("/livez")
            await server.stop()

    run(scenario())
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []
