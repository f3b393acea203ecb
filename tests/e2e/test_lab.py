"""`callrouter lab`: from an empty directory to a router that answers, with nothing to prepare."""

import asyncio
import os
import re
import shlex
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.command import COMMAND, PATIENCE_SECONDS, RunningCommand, build_environment, run_command, start_command
from tests.hardening.rig import assert_redirect, build_invite, connect, status_of

# The ports of the Mailbox role are fixed: a loopback address of this process's own keeps it apart from others.
ADDRESS = f"127.{32 + os.getpid() % 32}.{os.getpid() // 32 % 256}.1"
OWN_PLACE = (
    *("--set", f"router.bind_address={ADDRESS}"),
    *("--set", f"mailbox.bind_address={ADDRESS}"),
    *("--set", "admin.port=0"),
)


@asynccontextmanager
async def start_lab(directory: Path) -> AsyncIterator[RunningCommand]:
    """A lab that has said all that it says at the start."""
    async with start_command("lab", *OWN_PLACE, cwd=directory) as lab:
        await lab.read_until("Ctrl-C stops it")
        yield lab


async def run_line(line: str, directory: Path) -> tuple[int, str]:
    """Run a printed line as a user who copies it would; exit code and what it printed."""
    process = await asyncio.create_subprocess_exec(
        *shlex.split(line),
        cwd=directory,
        env=build_environment({"TERM": "dumb"}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    assert process.returncode is not None
    return process.returncode, output.decode("utf-8", "replace")


def find_lines(printed: str, tool: str) -> list[str]:
    return [line.strip() for line in printed.splitlines() if line.strip().startswith(f"{tool} ")]


async def test_lab_from_an_empty_directory_makes_certificates_and_says_where_it_listens(tmp_path: Path) -> None:
    async with start_lab(tmp_path) as lab:
        names = {path.name for path in (tmp_path / "var" / "certs").iterdir()}
        assert {"ca.pem", "router.pem", "router-key.pem", "client.pem", "client-key.pem"} <= names
        places = re.findall(r"^  (\S+) +SIP/(TCP|TLS) +(\S+) port (\d+)", lab.printed, re.MULTILINE)
        assert places == [
            ("router", "TCP", ADDRESS, "5060"),
            ("router", "TLS", ADDRESS, "5061"),
            ("um-service", "TCP", ADDRESS, "5062"),
            ("um-service", "TLS", ADDRESS, "5063"),
            ("worker", "TCP", ADDRESS, "5065"),
            ("worker", "TLS", ADDRESS, "5066"),
        ]
        assert re.search(r"http://127\.0\.0\.1:\d+/docs", lab.printed)
        assert "var/certs/ca.pem" in lab.printed
        async with connect(5060, host=ADDRESS) as caller:
            answer = await caller.exchange(build_invite("first-call"))
        assert status_of(answer) == 302
        assert f"\r\nContact: <sip:4000@{ADDRESS}:5062;transport=Tcp>\r\n".encode() in answer
        assert "first-call" in await lab.read_until("first-call")
        await lab.stop()


async def test_lab_a_second_time_keeps_its_authority(tmp_path: Path) -> None:
    authorities = []
    for _ in range(2):
        async with start_lab(tmp_path) as lab:
            authorities.append((tmp_path / "var" / "certs" / "ca.pem").read_bytes())
            await lab.stop()
    assert authorities[0] == authorities[1]


def test_lab_with_half_a_set_of_certificates_says_so_and_exits_with_2(tmp_path: Path) -> None:
    assert run_command("certs", "var/certs", "--host", "localhost", cwd=tmp_path).returncode == 0
    (tmp_path / "var" / "certs" / "router-key.pem").unlink()
    ended = run_command("lab", *OWN_PLACE, cwd=tmp_path)
    assert ended.returncode == 2
    assert "router-key.pem" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.interop
@pytest.mark.parametrize("tool", ["sipp", "sipsak"])
async def test_line_that_the_lab_prints_works_as_printed(
    tmp_path: Path, find_tool: Callable[[str], str], tool: str
) -> None:
    find_tool(tool)
    async with start_lab(tmp_path) as lab:
        [line] = find_lines(lab.printed, tool)
        exit_code, output = await run_line(line, tmp_path)
        assert exit_code == 0, output
        await lab.stop()


async def test_call_lines_that_the_lab_prints_work_as_printed(tmp_path: Path) -> None:
    async with start_lab(tmp_path) as lab:
        over_tcp, over_tls = find_lines(lab.printed, f"{shlex.join(COMMAND)} call")
        for line in (over_tcp, over_tls):
            exit_code, output = await run_line(line, tmp_path)
            assert exit_code == 0, output
            assert output.count("302 Moved Temporarily") == 2
            assert output.count("200 OK (SDP)") == 1
        await lab.stop()


async def test_lab_takes_settings_of_a_file_instead_of_its_own(home: Path) -> None:
    place = ("--set", f"mailbox.bind_address={ADDRESS}")
    async with start_command("lab", "-c", "router.toml", *place, cwd=home) as lab:
        await lab.read_until("Ctrl-C stops it")
        [(_, port), *_] = re.findall(r"router +SIP/TCP +(\S+) port (\d+)", lab.printed)
        async with connect(int(port)) as caller:
            assert_redirect(await caller.exchange(build_invite("own-settings")))
        assert not (home / "var" / "certs").exists()
        await lab.stop()


async def test_call_lines_name_the_command_as_it_was_called(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("callrouter")
    async with start_command("lab", *OWN_PLACE, cwd=tmp_path, program=(str(program),)) as lab:
        await lab.read_until("Ctrl-C stops it")
        line, _ = find_lines(lab.printed, f"{program} call")
        exit_code, output = await run_line(line, tmp_path)
        assert exit_code == 0, output
        await lab.stop()
