"""`callrouter lab`: from an empty directory to a router that answers, with nothing to prepare."""

import asyncio
import re
import shlex
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.e2e.command import PATIENCE_SECONDS, RunningCommand, build_environment, run_command, start_command
from tests.hardening.rig import assert_redirect, build_invite, connect, status_of

FREE_PORTS = (
    *("--set", "router.sip_tcp_listening_port=0"),
    *("--set", "router.sip_tls_listening_port=0"),
    *("--set", "admin.port=0"),
)


@asynccontextmanager
async def start_lab(directory: Path) -> AsyncIterator[RunningCommand]:
    """A lab that has said all that it says at the start."""
    async with start_command("lab", *FREE_PORTS, cwd=directory) as lab:
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


def find_line(printed: str, tool: str) -> str:
    [line] = [line.strip() for line in printed.splitlines() if line.strip().startswith(f"{tool} ")]
    return line


async def test_lab_from_an_empty_directory_makes_certificates_and_says_where_it_listens(tmp_path: Path) -> None:
    async with start_lab(tmp_path) as lab:
        names = {path.name for path in (tmp_path / "var" / "certs").iterdir()}
        assert {"ca.pem", "router.pem", "router-key.pem", "client.pem", "client-key.pem"} <= names
        [(_, tcp_port), *_] = re.findall(r"SIP/TCP +(\S+) port (\d+)", lab.printed)
        assert re.search(r"SIP/TLS +\S+ port \d+", lab.printed)
        assert re.search(r"http://127\.0\.0\.1:\d+/docs", lab.printed)
        assert "var/certs/ca.pem" in lab.printed
        async with connect(int(tcp_port)) as caller:
            answer = await caller.exchange(build_invite("first-call"))
        assert status_of(answer) == 302
        assert b"\r\nContact: <sip:4000@127.0.0.1:5062;transport=Tcp>\r\n" in answer
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
    ended = run_command("lab", *FREE_PORTS, cwd=tmp_path)
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
        exit_code, output = await run_line(find_line(lab.printed, tool), tmp_path)
        assert exit_code == 0, output
        await lab.stop()


async def test_openssl_line_that_the_lab_prints_works_as_printed(
    tmp_path: Path, find_tool: Callable[[str], str]
) -> None:
    find_tool("openssl")
    async with start_lab(tmp_path) as lab:
        exit_code, output = await run_line(find_line(lab.printed, "openssl"), tmp_path)
        assert exit_code == 0, output
        assert "Verification: OK" in output
        await lab.stop()


async def test_lab_takes_settings_of_a_file_instead_of_its_own(home: Path) -> None:
    async with start_command("lab", "-c", "router.toml", cwd=home) as lab:
        await lab.read_until("Ctrl-C stops it")
        [(_, port), *_] = re.findall(r"SIP/TCP +(\S+) port (\d+)", lab.printed)
        async with connect(int(port)) as caller:
            assert_redirect(await caller.exchange(build_invite("own-settings")))
        assert not (home / "var" / "certs").exists()
        await lab.stop()
