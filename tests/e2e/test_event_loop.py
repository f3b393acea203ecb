"""The event loop of a command: uvloop where it is, else the one of Python."""

import sys
from pathlib import Path

import uvloop

from bench.tls import build_client_context
from callrouter.cli.event_loop import choose_loop
from tests.e2e.command import read_ports, start_command
from tests.hardening.rig import assert_redirect, build_invite, connect, status_of


def test_loop_is_that_of_uvloop() -> None:
    assert choose_loop() is uvloop.new_event_loop


async def test_serve_runs_on_plain_asyncio_too(home: Path) -> None:
    script = (
        "import asyncio, sys, callrouter.cli.serve as serve\n"
        "serve.choose_loop = lambda: asyncio.new_event_loop\n"
        "from callrouter.cli import app\n"
        "app(['serve', '-c', 'router.toml'], standalone_mode=False)\n"
        "print('uvloop' in sys.modules, flush=True)\n"
    )
    program = (sys.executable, "-c", script)
    async with start_command(cwd=home, program=program) as router:
        ports = read_ports(await router.read_event("listening"))
        context = build_client_context(home / "certs")
        async with connect(ports["TCP"]) as tcp, connect(ports["TLS"], context) as tls:
            assert_redirect(await tcp.exchange(build_invite("tcp")))
            assert status_of(await tls.exchange(build_invite("tls"))) == 302
        await router.stop()
    assert router.printed.endswith("False\n")
