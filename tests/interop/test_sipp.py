"""SIPp places calls; its own scenarios judge every answer, and its statistics say how many were good."""

import asyncio
import csv
import dataclasses
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Router
from tests.interop.tls_tunnel import open_tls_tunnel

pytestmark = pytest.mark.interop

_SCENARIOS = Path(__file__).parent / "sipp"
_CALLS = 1000
_CALLS_PER_SECOND = 1000
_AT_ONCE = 100
_MAX_SOCKETS = 500
"""SIPp refuses to start where its default, 50,000, is more than the process may open."""
_SECONDS = 30


def pick_port() -> int:
    """A port for SIPp's own listening socket: left alone, two SIPps at once both try 5060 and one gives up."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclasses.dataclass(frozen=True)
class SippResult:
    exit_code: int
    successful: int
    failed: int
    errors: str


@dataclasses.dataclass(frozen=True)
class Sipp:
    """SIPp in a directory of its own, where its statistics and errors land."""

    program: str
    directory: Path

    async def place_calls(self, scenario: str, port: int, *, calls: int = _CALLS, mode: str = "t1") -> SippResult:
        statistics, errors = self.directory / "statistics.csv", self.directory / "errors.log"
        process = await asyncio.create_subprocess_exec(
            self.program, f"127.0.0.1:{port}", "-i", "127.0.0.1", "-p", str(pick_port()), "-nostdin",
            "-sf", str(_SCENARIOS / scenario), "-t", mode,
            "-max_socket", str(_MAX_SOCKETS), "-m", str(calls), "-r", str(_CALLS_PER_SECOND), "-l", str(_AT_ONCE),
            "-timeout", str(_SECONDS), "-timeout_error",
            "-trace_stat", "-stf", str(statistics), "-trace_err", "-error_file", str(errors),
            cwd=self.directory,
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(_SECONDS + 5):
                screen, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert statistics.exists(), f"SIPp did not start: {screen.decode('utf-8', 'replace')}"
        with statistics.open(encoding="utf-8", newline="") as lines:
            *_, last = csv.DictReader(lines, delimiter=";")
        return SippResult(
            exit_code=process.returncode or 0,
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            errors=errors.read_text(encoding="utf-8", errors="replace")[:2000] if errors.exists() else "",
        )


@pytest.fixture
def sipp(find_tool: Callable[[str], str], tmp_path: Path) -> Sipp:
    return Sipp(find_tool("sipp"), tmp_path)


@pytest.fixture
async def tunnel_port(router: Router) -> AsyncIterator[int]:
    async with open_tls_tunnel(router.tls_port, router.build_context()) as port:
        yield port


async def test_sipp_thousand_calls_over_tcp_are_all_redirected(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls("redirect_tcp.xml", router.tcp_port)

    assert result == SippResult(exit_code=0, successful=_CALLS, failed=0, errors="")


async def test_sipp_thousand_calls_over_mutual_tls_are_all_redirected(sipp: Sipp, tunnel_port: int) -> None:
    result = await sipp.place_calls("redirect_tls.xml", tunnel_port)

    assert result == SippResult(exit_code=0, successful=_CALLS, failed=0, errors="")


async def test_sipp_connection_for_each_call_is_redirected(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls("redirect_tcp.xml", router.tcp_port, calls=200, mode="tn")

    assert result == SippResult(exit_code=0, successful=200, failed=0, errors="")


async def test_sipp_options_is_answered_with_capabilities(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls("options.xml", router.tcp_port, calls=100)

    assert result == SippResult(exit_code=0, successful=100, failed=0, errors="")


async def test_sipp_scenario_other_transport_than_expected_fails_every_call(sipp: Sipp, router: Router) -> None:
    # Shows that the scenario looks: the answer to this call is a good 302, with the target of a TCP caller.
    result = await sipp.place_calls("redirect_tls.xml", router.tcp_port, calls=10)

    assert (result.exit_code, result.successful, result.failed) == (1, 0, 10)
    assert "Failed regexp match" in result.errors
