"""`callrouter settings get` and `set` against a router that runs, and what a change of ports does to calls."""

import asyncio
import json
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bench.tls import build_client_context
from callrouter.cli.settings import settings
from tests.e2e.command import read_ports, run_command, start_command
from tests.free_port import find_free_port
from tests.hardening.rig import assert_redirect, build_invite, connect, status_of

TOKEN = "letmein"  # noqa: S105 - opens a router of this file


@dataclass(frozen=True)
class Running:
    """A router, and the command that is asked to change it."""

    home: Path
    ports: dict[str, int]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['HTTP']}"

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(run_command, "settings", *arguments, "--url", self.url, cwd=self.home)

    async def read(self, *arguments: str) -> dict[str, object]:
        """The settings that a successful command prints."""
        ended = await self.run(*arguments, "--json")
        assert (ended.returncode, ended.stderr) == (0, "")
        settings: dict[str, object] = json.loads(ended.stdout)
        return settings


@asynccontextmanager
async def serve(home: Path, *arguments: str) -> AsyncIterator[Running]:
    """Run a router that has to end well."""
    async with start_command("serve", "-c", "router.toml", *arguments, cwd=home) as router:
        yield Running(home, read_ports(await router.read_event("listening")))
        await router.stop()


def run_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process, which is quicker, where there is no router to be changed."""
    result = CliRunner().invoke(settings, arguments)
    return subprocess.CompletedProcess(arguments, result.exit_code, result.stdout, result.stderr)


def assert_ended(ended: subprocess.CompletedProcess[str], code: int, *said: str) -> None:
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
    for text in said:
        assert text in ended.stderr


async def test_settings_get_prints_the_parameters_of_the_product(home: Path) -> None:
    async with serve(home, "--set", 'router.dial_plans=["one", "two"]') as router:
        table = await router.run("get")
        settings = await router.read("get")
    assert table.returncode == 0
    rows = dict(line.split(maxsplit=1) for line in table.stdout.splitlines() if " " in line)
    assert rows["UMStartupMode"] == "Dual"
    assert rows["MaxCallsAllowed"] == "100"
    assert rows["DialPlans"] == "one, two"
    assert settings["DialPlans"] == ["one", "two"]
    assert settings["IPAddressFamily"] == "Any"
    assert "ExternalHostFqdn" in settings


async def test_settings_set_changes_what_is_named_and_prints_what_is_in_force(home: Path) -> None:
    changes = ("maxcallsallowed=7", "DialPlans=one,two", "IPAddressFamilyConfigurable=false")
    async with serve(home) as router:
        before = await router.read("get")
        printed = await router.read("set", *changes)
        assert printed == await router.read("get")
    assert printed == before | {
        "MaxCallsAllowed": 7,
        "DialPlans": ["one", "two"],
        "IPAddressFamilyConfigurable": False,
    }


async def test_settings_set_of_a_port_moves_new_calls_and_leaves_open_connections(home: Path) -> None:
    new_port = find_free_port()
    async with serve(home) as router:
        async with connect(router.ports["TCP"]) as before:
            assert_redirect(await before.exchange(build_invite("before")))
            printed = await router.read("set", f"SipTcpListeningPort={new_port}")
            assert printed["SipTcpListeningPort"] == new_port
            async with connect(new_port) as after:
                assert_redirect(await after.exchange(build_invite("after")))
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", router.ports["TCP"])
            assert_redirect(await before.exchange(build_invite("before-and-after")))
        async with connect(router.ports["TLS"], build_client_context(home / "certs")) as untouched:
            assert status_of(await untouched.exchange(build_invite("over-tls"))) == 302


async def test_settings_set_of_the_mode_closes_and_opens_ports(home: Path) -> None:
    async with serve(home) as router:
        assert (await router.read("set", "UMStartupMode=TLS"))["UMStartupMode"] == "TLS"
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", router.ports["TCP"])
        async with connect(router.ports["TLS"], build_client_context(home / "certs")) as caller:
            assert status_of(await caller.exchange(build_invite("tls-alone"))) == 302
        port = find_free_port()
        await router.read("set", "UMStartupMode=Dual", f"SipTcpListeningPort={port}")
        async with connect(port) as caller:
            assert_redirect(await caller.exchange(build_invite("both-again")))


async def test_settings_set_to_a_taken_port_is_refused_and_changes_nothing(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        async with serve(home) as router:
            before = await router.read("get")
            ended = await router.run("set", f"SipTcpListeningPort={port}", "MaxCallsAllowed=7")
            assert_ended(ended, 1, str(port), "in use")
            assert await router.read("get") == before
            async with connect(router.ports["TCP"]) as caller:
                assert_redirect(await caller.exchange(build_invite("still-there")))


async def test_settings_set_to_a_bad_value_names_every_parameter(home: Path) -> None:
    async with serve(home) as router:
        before = await router.read("get")
        ended = await router.run("set", "UMStartupMode=UDP", "SipTlsListeningPort=70000", "MaxCallsAllowed=7")
        assert_ended(ended, 1, "UMStartupMode: ", "SipTlsListeningPort: ")
        assert len(ended.stderr.splitlines()) == 2
        assert await router.read("get") == before


async def test_settings_of_a_router_with_a_token_need_it(home: Path) -> None:
    async with serve(home, "--set", f"admin.token={TOKEN}") as router:
        assert_ended(await router.run("get"), 1, "token")
        assert_ended(await router.run("set", "MaxCallsAllowed=7", "--token", "wrong"), 1, "token")
        assert (await router.read("set", "MaxCallsAllowed=7", "--token", TOKEN))["MaxCallsAllowed"] == 7
        environment = {"CALLROUTER_ADMIN__TOKEN": TOKEN}
        arguments = ("settings", "get", "--url", router.url)
        ended = await asyncio.to_thread(run_command, *arguments, cwd=home, environment=environment)
        assert ended.returncode == 0


async def test_settings_finds_port_and_token_in_the_settings_of_the_router(home: Path) -> None:
    overrides = ("--set", f"admin.port={find_free_port()}", "--set", f"admin.token={TOKEN}")
    async with serve(home, *overrides):
        arguments = ("settings", "get", "-c", "router.toml", *overrides)
        ended = await asyncio.to_thread(run_command, *arguments, cwd=home)
    assert ended.returncode == 0, ended.stderr
    assert "SipTcpListeningPort" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("set", "SipTcpPort=5060"), "did you mean SipTcpListeningPort?"),
        (("set", "UMStartupMode"), "PARAMETER=VALUE"),
        (("set", "UMStartupMode=TCP", "umstartupmode=TLS"), "UMStartupMode: is given twice"),
        (("set",), "Missing argument"),
        (("get", "--set", "admin.no_such_key=1"), "admin.no_such_key"),
        (("get", "--url", "nonsense"), "nonsense"),
        (("get", "--url", "http://[::1"), "[::1"),
    ],
)
def test_settings_called_wrongly_exits_with_2_and_says_why(arguments: tuple[str, ...], said: str) -> None:
    assert_ended(run_here(*arguments), 2, said)


def test_settings_of_a_router_that_is_not_there_exits_with_2() -> None:
    with socket.socket() as held:  # not listened on: who connects is refused
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        assert_ended(run_here("get", "--url", url), 2, url, "refused")


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.0 200 OK\r\n\r\n[]", b"HTTP/1.0 404 Not Found\r\n\r\n<html>", b"SIP/2.0 400 Bad Request\r\n\r\n"],
    ids=["other-json", "other-server", "no-http"],
)
async def test_settings_of_something_else_exits_with_2(answer: bytes) -> None:
    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(reply, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ended = await asyncio.to_thread(run_here, "get", "--url", url)
    assert_ended(ended, 2, url)
