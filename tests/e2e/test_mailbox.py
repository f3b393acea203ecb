"""`callrouter mailbox`: emulated Mailbox servers as users run them, on a loopback address of this process's own."""

import asyncio
import contextlib
import json
import os
import re
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from bench.tls import build_client_context
from tests.e2e.command import PATIENCE_SECONDS, RunningCommand, run_command, start_command
from tests.e2e.test_serve import count_listening
from tests.unit.mailbox.servers import Phone, phone, taken
from tests.unit.mailbox.talk import OFFER, Talk

# The product's ports are fixed; an address of its own keeps this process apart from others.
ADDRESS = f"127.{78 + os.getpid() % 16}.{os.getpid() // 16 % 256}.1"
OWN_PLACE = ("--set", f"mailbox.bind_address={ADDRESS}", "--set", "admin.port=0")
OVER_TCP = (*OWN_PLACE, "--set", "mailbox.um_startup_mode=TCP", "--set", "router.um_startup_mode=TCP")


@dataclass(frozen=True)
class RunningMailbox:
    """Emulated servers that have said all that they say at the start."""

    command: RunningCommand
    base: str
    """URL of the API."""

    async def ask(self, method: str, path: str) -> tuple[int, dict[str, Any]]:
        async with httpx.AsyncClient(base_url=self.base, timeout=PATIENCE_SECONDS) as client:
            response = await client.request(method, path)
        answer: dict[str, Any] = response.json()
        return response.status_code, answer

    def places(self) -> list[tuple[str, str, str, int]]:
        """(role, transport, address, port) of everything that listens."""
        found = re.findall(r"^  (\S+) +SIP/(TCP|TLS) +(\S+) port (\d+)", self.command.printed, re.MULTILINE)
        return [(role, transport, address, int(port)) for role, transport, address, port in found]

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Log lines of this event, of what was read so far."""
        lines = [json.loads(line) for line in self.command.printed.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]


@contextlib.asynccontextmanager
async def start_mailbox(directory: Path, *options: str) -> AsyncIterator[RunningMailbox]:
    async with start_command("mailbox", *options, cwd=directory) as command:
        await command.read_until("Ctrl-C stops it")
        [base] = re.findall(r"(http://127\.0\.0\.1:\d+)/docs", command.printed)
        yield RunningMailbox(command, base)


async def follow(service: Phone, talk: Talk) -> tuple[str, int]:
    """Host and port that the UM service sends a call to."""
    redirect = await service.ask(talk.invite())
    assert redirect.status == 302, redirect.octets
    await service.send(talk.ack_failure())
    [(host, port)] = re.findall(r"^<sip:100@([\d.]+):(\d+);transport=", redirect["Contact"])
    return host, int(port)


# --- a whole call


@pytest.mark.parametrize(
    ("transport", "service_port", "worker_port", "param"), [("TCP", 5062, 5065, "Tcp"), ("TLS", 5063, 5066, "Tls")]
)
async def test_call_goes_over_both_hops_from_invite_to_bye(
    tmp_path: Path, transport: str, service_port: int, worker_port: int, param: str
) -> None:
    async with start_mailbox(tmp_path, *OWN_PLACE) as mailbox:
        context = build_client_context(tmp_path / "var" / "certs") if transport == "TLS" else None
        talk = Talk("whole-call", transport=transport)
        async with phone(service_port, context, ADDRESS) as service:
            assert await follow(service, talk) == (ADDRESS, worker_port)
        async with phone(worker_port, context, ADDRESS) as worker:
            answer = await worker.call(talk)
            assert answer["Contact"] == f"<sip:{ADDRESS}:{worker_port};transport={param}>;automata"
            assert answer["Server"].startswith("RTCC/5.0.0.0 MSExchangeUM/")
            assert answer.media["c"] == f"IN IP4 {ADDRESS}"
            assert answer.media["m"] == f"audio {answer.rtp_port} RTP/AVP 8 0 101"
            assert (answer.rtp_port % 2, answer.rtp_port >= 1024) == (0, True)
            held = await worker.ask(talk.invite(body=OFFER.replace(b"sendrecv", b"sendonly")))
            assert b"a=recvonly" in held.body
            await worker.send(talk.ack())
            assert (await worker.ask(talk.request("INFO"))).status == 200
            assert (await worker.ask(talk.request("BYE"))).status == 200
        ended = await mailbox.command.read_event("call ended")
        assert (ended["call_id"], ended["cause"], ended["role"]) == ("whole-call", "remote-bye", "worker")
        await mailbox.command.stop()
    calls = [(line["server"], line["role"], line["status"], line["reason"]) for line in mailbox.logged("call")]
    assert calls == [
        ("lab-mailbox", "um-service", 302, "redirected"),
        ("lab-mailbox", "worker", 200, "answered"),
        ("lab-mailbox", "worker", 200, "session-changed"),
    ]


async def test_command_says_where_everything_listens_and_opens_no_other_port(tmp_path: Path) -> None:
    async with start_mailbox(tmp_path, *OWN_PLACE) as mailbox:
        assert mailbox.places() == [
            ("um-service", "TCP", ADDRESS, 5062),
            ("um-service", "TLS", ADDRESS, 5063),
            ("worker", "TCP", ADDRESS, 5065),
            ("worker", "TLS", ADDRESS, 5066),
        ]
        assert count_listening(mailbox.command.pid) == 5
        await mailbox.command.stop()
    assert mailbox.logged("session failed") == []


async def test_command_without_tls_makes_no_certificates(tmp_path: Path) -> None:
    async with start_mailbox(tmp_path, *OVER_TCP) as mailbox:
        assert [place[1:] for place in mailbox.places()] == [("TCP", ADDRESS, 5062), ("TCP", ADDRESS, 5065)]
        assert not (tmp_path / "var").exists()
        await mailbox.command.stop()


async def test_several_servers_have_addresses_and_ports_of_their_own(tmp_path: Path) -> None:
    other = ADDRESS.removesuffix("1") + "2"
    (tmp_path / "rack.toml").write_text(
        f"""
        [router]
        um_startup_mode = "TCP"
        [mailbox]
        um_startup_mode = "TCP"
        bind_address = "{ADDRESS}"
        [[mailbox.servers]]
        name = "MBX1"
        [[mailbox.servers]]
        name = "MBX2"
        port_offset = 100
        [[mailbox.servers]]
        name = "MBX3"
        bind_address = "{other}"
        [[directory.gateways]]
        name = "loopback"
        address = "127.0.0.0/8"
        [admin]
        port = 0
        """,
        "utf-8",
    )
    async with start_mailbox(tmp_path, "-c", "rack.toml") as mailbox:
        for name, address, port in (("MBX1", ADDRESS, 5062), ("MBX2", ADDRESS, 5162), ("MBX3", other, 5062)):
            talk = Talk(f"to-{name}")
            async with phone(port, address=address) as service:
                assert await follow(service, talk) == (address, port + 3)
            async with phone(port + 3, address=address) as worker:
                await worker.call(talk)
                _, status = await mailbox.ask("GET", f"/api/v1/servers/{name.lower()}/worker")
                assert (status["server"], status["calls"], status["ports"]) == (name, 1, {"TCP": port + 3})
                assert (await worker.ask(talk.request("BYE"))).status == 200
        await mailbox.command.stop()


# --- the start


def test_command_with_taken_ports_names_each_and_exits_with_2(tmp_path: Path) -> None:
    with taken(5062, 5065, address=ADDRESS):
        ended = run_command("mailbox", *OVER_TCP, cwd=tmp_path)
    assert ended.returncode == 2
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert lines == [
        f"callrouter: cannot listen on {ADDRESS}:{port} over TCP: address already in use (mailbox server lab-mailbox)"
        for port in (5065, 5062)
    ]


@pytest.mark.parametrize(
    ("setting", "problem"),
    [
        ("mailbox.worker_ports=[5062,5067]", "mailbox.servers[0]: port 5062 is taken twice, here and by lab-mailbox"),
        ("mailbox.worker_ports=[65536,5067]", "mailbox.worker_ports[0]: Input should be less than or equal to 65535"),
        ("mailbox.worker_ports=[5065]", "mailbox.worker_ports: "),
        ("mailbox.rtp_port_max=1023", "mailbox.rtp_port_max: "),
        ("mailbox.bind_address=localhost", "mailbox.bind_address: 'localhost' is not an IPv4 or IPv6 address"),
        ("mailbox.certificate_file=missing.pem", "certificate file missing.pem: does not exist"),
    ],
)
def test_command_with_a_wrong_setting_names_it_and_exits_with_2(tmp_path: Path, setting: str, problem: str) -> None:
    ended = run_command("mailbox", "--set", "admin.port=0", "--set", setting, cwd=tmp_path)
    assert ended.returncode == 2
    assert problem in ended.stderr
    assert "Traceback" not in ended.stderr


def test_command_at_an_address_of_another_host_says_so_and_exits_with_2(tmp_path: Path) -> None:
    ended = run_command("mailbox", *OVER_TCP, "--set", "mailbox.bind_address=192.0.2.1", cwd=tmp_path)
    assert ended.returncode == 2
    assert "cannot listen on 192.0.2.1:5065 over TCP" in ended.stderr


# --- the stop


async def test_stop_with_calls_in_progress_hangs_them_up_and_ends_with_0(tmp_path: Path) -> None:
    async with start_mailbox(tmp_path, *OVER_TCP) as mailbox, phone(5065, address=ADDRESS) as caller:
        await caller.call(Talk("first"))
        await caller.call(Talk("second"))
        mailbox.command.terminate()
        byes = [await caller.be_hung_up() for _ in range(2)]
        assert [bye["Call-ID"] for bye in byes] == ["first", "second"]
        assert await caller.read_to_end() == b""
        assert await mailbox.command.wait() == 0
    assert [(line["call_id"], line["cause"]) for line in mailbox.logged("call ended")] == [
        ("first", "stopped"),
        ("second", "stopped"),
    ]
    assert mailbox.logged("stopped")[0]["connections_cut_off"] == 0


async def test_stop_with_a_caller_that_does_not_answer_ends_at_the_drain_limit(tmp_path: Path) -> None:
    limit = ("--set", "limits.drain_seconds=0.5")
    async with start_mailbox(tmp_path, *OVER_TCP, *limit) as mailbox, phone(5065, address=ADDRESS) as mute:
        await mute.call(Talk("mute"))
        mailbox.command.terminate()
        await mute.be_hung_up(answers=False)
        assert await mailbox.command.wait() == 0
    assert mailbox.logged("call ended")[0]["cause"] == "stopped"
    assert mailbox.logged("stopped")[0]["connections_cut_off"] == 1


async def test_second_signal_ends_the_stop_at_once(tmp_path: Path) -> None:
    limit = ("--set", "limits.drain_seconds=60")
    async with start_mailbox(tmp_path, *OVER_TCP, *limit) as mailbox, phone(5065, address=ADDRESS) as mute:
        await mute.call(Talk("mute"))
        mailbox.command.terminate()
        await mute.be_hung_up(answers=False)
        stopped_at = time.monotonic()
        await mailbox.command.stop()
        assert time.monotonic() - stopped_at < 10
    assert mailbox.logged("call ended")[0]["cause"] == "stopped"


async def test_server_that_stops_is_not_ready_and_starts_nothing(tmp_path: Path) -> None:
    limit = ("--set", "limits.drain_seconds=60")
    async with start_mailbox(tmp_path, *OVER_TCP, *limit) as mailbox, phone(5065, address=ADDRESS) as caller:
        talk = Talk("holds")
        await caller.call(talk)
        mailbox.command.terminate()
        await caller.be_hung_up(answers=False)
        status, readiness = await mailbox.ask("GET", "/readyz")
        assert (status, readiness["ready"]) == (503, False)
        assert readiness["problems"] == ["lab-mailbox does not listen: it is starting or stopping"]
        assert readiness["mailbox"] == [{"name": "lab-mailbox", "listeners": [], "calls": 1}]
        status, refused = await mailbox.ask("POST", "/api/v1/servers/lab-mailbox/recycle")
        assert (status, refused["problems"]) == (422, ["lab-mailbox does not listen: it is starting or stopping"])
        assert (await caller.ask(Talk("late").invite())).status == 503
        assert (await caller.ask(talk.request("BYE"))).status == 200
        await caller.hang_up()
        assert await mailbox.command.wait() == 0


# --- while it runs


async def test_recycle_over_http_while_calls_go_on(tmp_path: Path) -> None:
    async with (
        start_mailbox(tmp_path, *OVER_TCP) as mailbox,
        phone(5062, address=ADDRESS) as service,
        phone(5065, address=ADDRESS) as before,
    ):
        old, new = Talk("old"), Talk("new")
        await before.call(old)
        status, worker = await mailbox.ask("POST", "/api/v1/servers/LAB-MAILBOX/recycle")
        assert status == 200
        assert worker == {
            "server": "lab-mailbox",
            "worker": 2,
            "ports": {"TCP": 5067},
            "calls": 1,
            "draining_calls": 1,
            "max_calls_allowed": 100,
        }
        assert await follow(service, new) == (ADDRESS, 5067)
        async with phone(5067, address=ADDRESS) as after:
            await after.call(new)
            _, listed = await mailbox.ask("GET", "/api/v1/workers")
            assert [(each["calls"], each["draining_calls"]) for each in listed["workers"]] == [(2, 1)]
            assert (await before.ask(old.request("BYE"))).status == 200
            assert (await after.ask(new.request("BYE"))).status == 200
        with taken(5069, address=ADDRESS):
            _, worker = await mailbox.ask("POST", "/api/v1/servers/lab-mailbox/recycle")
        assert (worker["worker"], worker["ports"], worker["calls"]) == (3, {"TCP": 5065}, 0)
        await mailbox.command.stop()
    assert [line["event_id"] for line in mailbox.logged("worker started")] == [1000, 1000, 1000]


async def test_recycle_over_http_with_a_taken_port_says_so_and_changes_nothing(tmp_path: Path) -> None:
    async with start_mailbox(tmp_path, *OVER_TCP) as mailbox, phone(5062, address=ADDRESS) as service:
        with taken(5067, address=ADDRESS):
            status, refused = await mailbox.ask("POST", "/api/v1/servers/lab-mailbox/recycle")
        assert (status, refused["problems"]) == (
            422,
            [f"cannot listen on {ADDRESS}:5067 over TCP: address already in use (mailbox server lab-mailbox)"],
        )
        assert await follow(service, Talk("c1")) == (ADDRESS, 5065)
        status, _ = await mailbox.ask("POST", "/api/v1/servers/lab-mailbox/recycle")
        assert status == 200
        await mailbox.command.stop()


async def test_readyz_tells_the_servers_that_run_and_the_calls_that_go_on(tmp_path: Path) -> None:
    async with start_mailbox(tmp_path, *OWN_PLACE) as mailbox, phone(5065, address=ADDRESS) as caller:
        await caller.call(Talk("c1"))
        status, readiness = await mailbox.ask("GET", "/readyz")
        assert (status, readiness["ready"], readiness["problems"]) == (200, True, [])
        [server] = readiness["mailbox"]
        assert (server["name"], server["calls"], readiness["listeners"]) == ("lab-mailbox", 1, [])
        assert [(each["name"], each["transport"], each["port"]) for each in server["listeners"]] == [
            ("um-service", "TCP", 5062),
            ("um-service", "TLS", 5063),
            ("worker", "TCP", 5065),
            ("worker", "TLS", 5066),
        ]
        assert [Path(each["file"]).name for each in readiness["certificates"]] == ["ca.pem", "mailbox.pem"]
        asked = await asyncio.to_thread(run_command, "readyz", "--url", mailbox.base, cwd=tmp_path)
        assert (asked.returncode, json.loads(asked.stdout)["mailbox"]) == (0, readiness["mailbox"])
        mailbox.command.terminate()
        await caller.be_hung_up()
        assert await mailbox.command.wait() == 0


async def test_reload_takes_up_how_calls_are_answered(tmp_path: Path) -> None:
    def write(max_calls: int, address: str) -> None:
        text = f"""
        [router]
        um_startup_mode = "TCP"
        [mailbox]
        um_startup_mode = "TCP"
        bind_address = "{ADDRESS}"
        max_calls_allowed = {max_calls}
        [[directory.gateways]]
        name = "loopback"
        address = "{address}"
        [admin]
        port = 0
        """
        fresh = tmp_path / "new.toml"
        fresh.write_text(text, "utf-8")
        fresh.replace(tmp_path / "mailbox.toml")

    write(0, "127.0.0.0/8")
    async with start_mailbox(tmp_path, "-c", "mailbox.toml") as mailbox, phone(5065, address=ADDRESS) as caller:
        assert (await caller.ask(Talk("c1").invite())).status == 503
        write(1, "127.0.0.0/8")
        os.kill(mailbox.command.pid, signal.SIGHUP)
        await mailbox.command.read_event("reloaded")
        talk = Talk("c2")
        await caller.call(talk)
        assert (await caller.ask(Talk("c3").invite())).status == 503
        write(100, "192.0.2.0/24")
        os.kill(mailbox.command.pid, signal.SIGHUP)
        await mailbox.command.read_event("reloaded")
        assert (await caller.ask(Talk("c4").invite())).status == 403
        assert (await caller.ask(talk.request("BYE"))).status == 200
        await mailbox.command.stop()
