"""sipsak asks every hop whether it is alive. It has no client certificate to show, so that it can ask over TCP only."""

from collections.abc import Callable

import pytest

from tests.interop.test_sipsak import run_sipsak
from tests.interop.three_hops.lab import Lab

pytestmark = pytest.mark.interop


@pytest.mark.parametrize("port", [5060, 5062, 5065], ids=["router", "um-service", "worker"])
async def test_sipsak_options_to_each_hop_over_tcp_is_answered_200(
    find_tool: Callable[[str], str], lab: Lab, port: int
) -> None:
    exit_code, output = await run_sipsak(find_tool("sipsak"), "-vv", "-E", "tcp", "-s", f"sip:{lab.address}:{port}")

    assert exit_code == 0, output
    assert "SIP/2.0 200 OK" in output
