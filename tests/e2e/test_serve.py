"""`callrouter serve`: what it opens, what it logs, and how it says that it cannot."""

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.tls import build_client_context
from tests.e2e.command import read_ports, run_command, start_command
from tests.hardening.rig import assert_redirect, build_invite, connect, status_of


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    "key", ["router.sip_tcp_listening_port", "router.sip_tls_listening_port", "admin.port"], ids=["tcp", "tls", "admin"]
)
def test_serve_with_a_taken_port_says_which_in_one_line_and_exits_with_2(home: Path, taken_port: int, key: str) -> None:
    ended = run_command("serve", "-c", "router.toml", "--set", f"{key}={taken_port}", cwd=home)
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert f"127.0.0.1:{taken_port}" in line
    assert key in line
    assert "in use" in line


def test_serve_with_every_port_taken_names_them_all_at_once(home: Path) -> None:
    keys = ["router.sip_tcp_listening_port", "router.sip_tls_listening_port", "admin.port"]
    with ExitStack() as stack:
        sets: list[str] = []
        for key in keys:
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            sets += ["--set", f"{key}={taken.getsockname()[1]}"]
        ended = run_command("serve", "-c", "router.toml", *sets, cwd=home)
    assert ended.returncode == 2
    lines = ended.stderr.splitlines()
    assert len(lines) == 3
    for key, line in zip(keys, lines, strict=True):
        assert key in line


async def test_serve_logs_one_line_for_each_call_with_everything_to_know(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        context = build_client_context(home / "certs")
        async with connect(ports["TCP"]) as tcp, connect(ports["TLS"], context) as tls:
            assert_redirect(await tcp.exchange(build_invite("tcp-call")))
            assert status_of(await tls.exchange(build_invite("tls-call"))) == 302
            assert status_of(await tcp.exchange(build_invite("bad-call", uri="sips:4000@router.example.test"))) == 480
        await router.stop()
    lines = [json.loads(line) for line in router.printed.splitlines()]
    calls = {line["call_id"]: line for line in lines if line["event"] == "call"}
    assert list(calls) == ["tcp-call", "tls-call", "bad-call"]
    over_tcp, over_tls, refused = calls.values()
    assert over_tcp["peer"].startswith("127.0.0.1:")
    assert over_tcp["transport"] == "TCP"
    assert over_tcp["certificate"] == ""
    assert over_tcp["status"] == 302
    assert over_tcp["reason"] == "redirected"
    assert over_tcp["contact"] == "sip:4000@mbx1.example.test:5062;transport=Tcp"
    assert over_tls["transport"] == "TLS"
    assert over_tls["certificate"] == "client.callrouter.test"
    assert over_tls["contact"] == "sip:4000@mbx1.example.test:5063;transport=Tls"
    assert (refused["status"], refused["reason"], refused["contact"]) == (480, "sips-not-allowed", "")
    assert all(1 <= call["microseconds"] <= 1_000_000 for call in calls.values())
    # Finer than milliseconds: three of them that all end in 000 would be chance of one in 10^9.
    assert any(call["microseconds"] % 1000 for call in calls.values())


async def test_serve_logs_no_calls_where_that_is_switched_off(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", "--set", "log.calls=false", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        async with connect(ports["TCP"]) as caller:
            assert_redirect(await caller.exchange(build_invite("unlogged")))
        await router.stop()
    assert "unlogged" not in router.printed
    assert '"event":"stopped"' in router.printed


async def test_serve_shows_a_password_of_a_request_uri_to_nobody(home: Path) -> None:
    async with start_command("serve", "-c", "router.toml", "--set", "log.level=debug", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        async with connect(ports["TCP"]) as caller:
            answer = await caller.exchange(build_invite("secret", uri="sip:4000:hunter2@router.example.test"))
            refused = await caller.exchange(build_invite("secret2", uri="sips:4000:hunter2@router.example.test"))
        await router.stop()
    assert status_of(answer) == 302
    assert b"hunter2" not in answer + refused
    assert "secret" in router.printed
    assert "hunter2" not in router.printed


@pytest.mark.parametrize(("mode", "transports"), [("TCP", {"TCP"}), ("TLS", {"TLS"}), ("Dual", {"TCP", "TLS"})])
async def test_serve_opens_the_ports_of_its_startup_mode_only(home: Path, mode: str, transports: set[str]) -> None:
    arguments = ["--set", f'router.um_startup_mode="{mode}"', "--set", "admin.enabled=false"]
    async with start_command("serve", "-c", "router.toml", *arguments, cwd=home) as router:
        listening = await router.read_event("listening")
        assert set(read_ports(listening)) == transports
        assert listening["admin"] == "off"
        assert count_listening(router.pid) == len(transports)
        await router.stop()


@pytest.mark.parametrize(
    ("family", "addresses"),
    [("IPv4Only", {"0.0.0.0"}), ("IPv6Only", {"[::]"}), ("Any", {"0.0.0.0", "[::]"})],
)
async def test_serve_listens_at_the_addresses_of_its_family(home: Path, family: str, addresses: set[str]) -> None:
    arguments = ["--set", f'router.ip_address_family="{family}"', "--set", 'router.bind_address=""']
    async with start_command("serve", "-c", "router.toml", *arguments, cwd=home) as router:
        listening = await router.read_event("listening")
        tcp = [where.split(" ")[1] for where in listening["sip"] if where.startswith("TCP ")]
        assert {where.rpartition(":")[0] for where in tcp} == addresses
        port = read_ports(listening)["TCP"]
        for host, wanted in (("127.0.0.1", "0.0.0.0"), ("::1", "[::]")):
            if wanted in addresses:
                reader, writer = await asyncio.open_connection(host, port)
                writer.write(build_invite(f"over-{wanted}"))
                assert_redirect(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5))
                writer.close()
                await writer.wait_closed()
            else:
                with pytest.raises(ConnectionRefusedError):
                    await asyncio.open_connection(host, port)
        await router.stop()


def count_listening(pid: int) -> int:
    """How many TCP sockets a process listens on (proc(5))."""
    files = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    inodes = {name[8:-1] for name in files if name.startswith("socket:[")}
    listening = 0
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text("ascii").splitlines()[1:]:
            fields = line.split()
            listening += fields[3] == "0A" and fields[9] in inodes
    return listening
