"""sipsak, a monitoring tool of its own descent, asks whether the router is alive.

sipsak 0.9.8 speaks TCP and TLS by `-E`; `-vv` prints the answer; its exit code is 0 where that is a 200.
"""

import asyncio
from collections.abc import Callable

import pytest

from tests.interop.conftest import Router

pytestmark = pytest.mark.interop

_SECONDS = 20.0


async def run_sipsak(program: str, *arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, output.decode("utf-8", "replace")


async def test_sipsak_options_over_tcp_is_answered_200(find_tool: Callable[[str], str], router: Router) -> None:
    uri = f"sip:router@127.0.0.1:{router.tcp_port}"

    exit_code, output = await run_sipsak(find_tool("sipsak"), "-vv", "-E", "tcp", "-s", uri)

    assert exit_code == 0, output
    assert "SIP/2.0 200 OK" in output
