"""SIPp places calls; its own scenarios judge every answer, and its statistics say how many were good."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.interop.conftest import Router
from tests.interop.sipp_tool import SCENARIOS, Load, Sipp, SippResult
from tests.interop.tls_tunnel import open_tls_tunnel

pytestmark = pytest.mark.interop

_CALLS = 1000
_LOAD = Load(calls=_CALLS, per_second=1000, mode="t1")


def at(port: int) -> str:
    return f"127.0.0.1:{port}"


@pytest.fixture
def sipp(find_tool: Callable[[str], str], tmp_path: Path) -> Sipp:
    return Sipp(find_tool("sipp"), tmp_path)


@pytest.fixture
async def tunnel_port(router: Router) -> AsyncIterator[int]:
    async with open_tls_tunnel(router.tls_port, router.build_context()) as port:
        yield port


async def test_sipp_thousand_calls_over_tcp_are_all_redirected(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls(SCENARIOS / "redirect_tcp.xml", at(router.tcp_port), _LOAD)

    assert result == SippResult(exit_code=0, successful=_CALLS, failed=0, errors="")


async def test_sipp_thousand_calls_over_mutual_tls_are_all_redirected(sipp: Sipp, tunnel_port: int) -> None:
    result = await sipp.place_calls(SCENARIOS / "redirect_tls.xml", at(tunnel_port), _LOAD)

    assert result == SippResult(exit_code=0, successful=_CALLS, failed=0, errors="")


async def test_sipp_connection_for_each_call_is_redirected(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls(SCENARIOS / "redirect_tcp.xml", at(router.tcp_port), Load(200, 1000, "tn"))

    assert result == SippResult(exit_code=0, successful=200, failed=0, errors="")


async def test_sipp_options_is_answered_with_capabilities(sipp: Sipp, router: Router) -> None:
    result = await sipp.place_calls(SCENARIOS / "options.xml", at(router.tcp_port), Load(100, 1000, "t1"))

    assert result == SippResult(exit_code=0, successful=100, failed=0, errors="")


async def test_sipp_scenario_other_transport_than_expected_fails_every_call(sipp: Sipp, router: Router) -> None:
    # Shows that the scenario looks: the answer to this call is a good 302, with the target of a TCP caller.
    result = await sipp.place_calls(SCENARIOS / "redirect_tls.xml", at(router.tcp_port), Load(10, 1000, "t1"))

    assert (result.exit_code, result.successful, result.failed) == (1, 0, 10)
    assert "Failed regexp match" in result.errors
