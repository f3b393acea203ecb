"""`callrouter call` as users type it, to servers in the test's process and to a router in one of its own."""

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from callrouter.certificates.authority import write_lab_certificates
from callrouter.cli.call import EXIT_CODES, call
from callrouter.cli.options import EXIT_UNUSABLE
from callrouter.reason import Reason
from callrouter.transport.tls import ServerTls, TlsFiles, TlsPolicy
from tests.architecture.house import ROOT, read_table_rows
from tests.e2e.command import COMMAND, PATIENCE_SECONDS, build_environment, read_ports, start_command
from tests.unit.caller.rig import (
    answering,
    closed_port,
    redirecting,
    refusing,
    say_nothing,
    serving,
    trying,
)

Ran = tuple[int, str, str]
"""Exit code, standard output and standard error."""
Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs the command beside the servers of the test."""

    async def run_call(*arguments: str | Path, cwd: Path = tmp_path) -> Ran:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "call",
            *map(str, arguments),
            cwd=cwd,
            env=build_environment({"COLUMNS": "100", "PYTHONIOENCODING": "utf-8"}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(PATIENCE_SECONDS):
            output, errors = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode(), errors.decode()

    return run_call


def read(ran: Ran) -> dict[str, Any]:
    """The one JSON object that was printed."""
    told: dict[str, Any] = json.loads(ran[1])
    return told


async def test_call_follows_redirects_and_draws_the_ladder(run: Run) -> None:
    async with (
        serving(answering()) as [worker],
        serving(redirecting(f"<{worker.uri()}>")) as [service],
        serving(redirecting(f"<{service.uri()}>")) as [router],
    ):
        code, output, errors = await run(router.uri(), "--hold", "0", "--diversion", "5001;reason=no-answer")
        assert worker.requests[0].headers.get("diversion") == "<sip:5001@127.0.0.1>;reason=no-answer"
    assert (code, errors) == (0, "")
    lines = output.splitlines()
    assert lines[0].split() == ["caller", "router"]
    assert lines[1].strip() == router.address
    assert [word for word in ("service", "worker") if word in output] == ["service", "worker"]
    assert output.count("302 Moved Temporarily") == 2
    assert lines[-1].startswith(f"answered by {worker.address} after ")
    assert lines[-1].endswith(" ms and 2 redirects; 0.00 s later we hung up")
    assert "\x1b" not in output


async def test_call_to_a_router_is_led_to_a_worker(run: Run, home: Path) -> None:
    """The router is `callrouter serve`; its directory's Mailbox server is the test's, over both transports."""
    certificates = home / "certs"
    files = TlsFiles(certificates / "mailbox.pem", certificates / "mailbox-key.pem", certificates / "ca.pem")
    async with (
        serving(answering()) as [tcp],
        serving(answering(), tls=ServerTls(files, TlsPolicy())) as [tls],
    ):
        settings = (home / "router.toml").read_text("utf-8")
        ports = f'fqdn = "localhost"\ntcp_port = {tcp.port}\ntls_port = {tls.port}\n'
        (home / "router.toml").write_text(settings.replace('fqdn = "mbx1.example.test"\n', ports), "utf-8")
        async with start_command("serve", "-c", "router.toml", cwd=home) as router:
            listening = read_ports(await router.read_event("listening"))
            options = ("--hold", "0", "--json", "--from", "5002")
            plain = await run(f"2001@127.0.0.1:{listening['TCP']}", *options)
            secure = await run(
                f"2001@127.0.0.1:{listening['TLS']}",
                *("--transport", "tls", "--ca", certificates / "ca.pem", "--certificate", certificates / "client.pem"),
                *("--key", certificates / "client-key.pem"),
                *options,
            )
            await router.stop()
    for ran, server, transport in ((plain, tcp, "TCP"), (secure, tls, "TLS")):
        assert ran[0] == 0, ran
        told = read(ran)
        assert [hop["end"] for hop in told["hops"]] == ["redirected", "answered"]
        assert told["hops"][1]["address"] == f"localhost:{server.port}"
        assert {hop["transport"] for hop in told["hops"]} == {transport}
        assert told["hops"][1]["uri"].startswith("sip:2001@localhost:")


async def test_call_over_tls_uses_the_certificates_of_the_lab(run: Run, tmp_path: Path) -> None:
    lab = write_lab_certificates(tmp_path / "var" / "certs", hosts=[], now=datetime.now(UTC))
    server_tls = ServerTls(TlsFiles(lab.mailbox_file, lab.mailbox_key_file, lab.ca_file), TlsPolicy())
    async with serving(answering(), tls=server_tls) as [worker]:
        code, output, _ = await run(worker.uri(), "--hold", "0")
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        without, _, _ = await run(worker.uri(), "--insecure", cwd=elsewhere)
    assert code == 0
    assert "router (TLS)" in output
    # Nothing is shown to a server that asks for a certificate.
    assert without == 4


def refuse(callee: Any, invite: Any, transaction: Any, now: float) -> None:
    refusing(Reason.NO_SUCH_NUMBER)(callee, invite, transaction, now)


def turn_round(callee: Any, invite: Any, transaction: Any, now: float) -> None:
    redirecting(f"<{callee.server.uri()}>")(callee, invite, transaction, now)


@pytest.mark.parametrize(
    ("script", "options", "code", "outcome"),
    [
        (answering(), [], 0, "answered"),
        (refuse, [], 1, "refused"),
        (redirecting("<tel:+1>"), [], 3, "redirect-failed"),
        (turn_round, [], 3, "redirect-failed"),
        (redirecting("<sip:a@127.0.0.1:1>"), ["--max-redirects", "0"], 3, "redirect-failed"),
        (say_nothing, ["--timeout", "0.5"], 5, "no-answer"),
        (trying(180), ["--timeout", "0.5"], 5, "no-answer"),
        (answering(secured=True), ["--secured", "--header", "Require: 100rel"], 0, "answered"),
        (answering(secured=True), [], 1, "refused"),
    ],
    ids=["answered", "refused", "unusable", "loop", "limit", "silence", "ringing", "secured", "unsecured"],
)
async def test_call_exit_code_says_how_it_went(
    run: Run, script: Any, options: list[str], code: int, outcome: str
) -> None:
    async with serving(script) as [server]:
        ran = await run(server.uri(), "--hold", "0", "--json", *options)
    assert (ran[0], read(ran)["outcome"]) == (code, outcome)


async def test_call_to_nobody_exits_with_4(run: Run) -> None:
    address = f"127.0.0.1:{closed_port()}"
    code, output, _ = await run(f"2001@{address}")
    assert code == 4
    assert output.splitlines()[-1].startswith(f"not connected: {address}: ")


async def test_call_that_breaks_exits_with_6(run: Run) -> None:
    def script(callee: Any, invite: Any, transaction: Any, now: float) -> None:
        callee.answer(invite, transaction, now)
        callee.endpoint.timers.set(now + 0.2, lambda _: callee.endpoint.close())

    async with serving(script) as [server]:
        code, output, _ = await run(server.uri(), "--hold", "5")
    assert code == 6
    assert output.splitlines()[-1].endswith(" but broken: the connection was lost during the call")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tel:+14255550100"], "only sip and sips URIs can be called"),
        (["sip:a@h;transport=udp"], "it asks for UDP"),
        (["2001", "--header", "Via: x"], "Via"),
        (["2001", "--header", "no colon"], "there is no colon"),
        (["2001", "--body", "missing.sdp"], "missing.sdp"),
        (["2001", "--bind", "localhost"], "not a numeric address"),
        (["2001", "--from", "<sip:a"], "an angle bracket does not close"),
        (["2001", "--ca", "missing.pem"], "missing.pem"),
        (["2001 2002"], "white space"),
    ],
)
async def test_call_that_cannot_be_placed_exits_with_2_and_one_line(run: Run, arguments: list[str], words: str) -> None:
    code, output, errors = await run(*arguments)
    assert (code, output) == (2, "")
    [line] = errors.splitlines()
    assert words in line


async def test_call_sends_what_it_is_given(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "text").write_text("hello", "utf-8")
    async with serving(answering(), refuse) as [worker, refuser]:
        delayed, _, _ = await run(worker.uri(), "--hold", "0", "--body", "empty", "--bind", "127.0.0.1")
        refused, _, _ = await run(
            refuser.uri(),
            *("--body", "text", "--content-type", "text/plain", "--header", "X-Test: 1", "--header", "User-Agent: me"),
            *("--history-info", "<sip:a@b>;index=1", "--from", '"Bob" <sip:bob@example.com>'),
        )
        [invite] = [request for request in refuser.requests if request.method == "INVITE"]
    assert (delayed, refused) == (0, 1)
    assert worker.requests[0].body == b""
    assert invite.body == b"hello"
    assert {name: invite.headers.get(name) for name in ("content-type", "x-test", "user-agent", "history-info")} == {
        "content-type": "text/plain",
        "x-test": "1",
        "user-agent": "me",
        "history-info": "<sip:a@b>;index=1",
    }
    assert (invite.headers.get("from") or "").startswith('"Bob" <sip:bob@example.com>;tag=')


@pytest.mark.parametrize(("options", "lines"), [([], 1), (["--connection-per-call"], 20)])
async def test_many_calls_are_summed_up(run: Run, options: list[str], lines: int) -> None:
    async with serving(answering()) as [worker]:
        code, output, errors = await run(worker.uri(), "--count", "20", "--hold", "0", "--at-once", "5", *options)
        assert len(worker.callees) == lines
        assert worker.methods.count("BYE") == 20
    assert (code, errors) == (0, "")
    first, second, third = output.splitlines()
    assert first.startswith("20 calls in ")
    assert second.split() == ["20", "100.0%", "answered"]
    assert third.startswith("answered after p50 ")


async def test_many_calls_exit_with_the_worst_code_and_print_one_object(run: Run) -> None:
    def script(callee: Any, invite: Any, transaction: Any, now: float) -> None:
        if len(callee.server.requests) > 1:
            refuse(callee, invite, transaction, now)
        else:
            callee.answer(invite, transaction, now)

    async with serving(script) as [server]:
        ran = await run(server.uri(), "--count", "4", "--rate", "100", "--hold", "0", "--at-once", "1", "--json")
    told = read(ran)
    assert (ran[0], told["calls"], told["by_reason"]) == (1, 4, {"refused 404": 3, "answered": 1})
    assert set(told["setup_seconds"]) == {"p50", "p95", "p99", "max"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_call_that_is_interrupted_while_it_rings_is_cancelled_and_exits_with_130(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with serving(trying(180)) as [server]:
        async with start_command("call", server.uri(), cwd=tmp_path) as command:
            await command.read_until("180 Ringing")
            command._process.send_signal(number)
            assert await command.wait() == 130
        assert len(server.callees[0].cancelled) == 1
    assert "CANCEL" in command.printed
    assert command.printed.splitlines()[-1] == f"given up before {server.address} answered"


async def test_call_that_is_interrupted_while_it_goes_on_hangs_up_and_exits_with_0(tmp_path: Path) -> None:
    async with serving(answering()) as [server]:
        async with start_command("call", server.uri(), "--hold", "600", cwd=tmp_path) as command:
            await command.read_until("ACK")
            command._process.send_signal(signal.SIGINT)
            assert await command.wait() == 0
        assert server.methods == ["INVITE", "ACK", "BYE"]


async def test_many_calls_that_are_interrupted_hang_up_and_exit_with_130(tmp_path: Path) -> None:
    three = asyncio.Event()

    def script(callee: Any, invite: Any, transaction: Any, now: float) -> None:
        callee.answer(invite, transaction, now)
        if len(callee.calls) == 3:
            three.set()

    async with serving(script) as [server]:
        arguments = ("call", server.uri(), "--hold", "600", "--count", "50", "--at-once", "3", "--json")
        async with start_command(*arguments, cwd=tmp_path) as command:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await three.wait()
            command._process.send_signal(signal.SIGINT)
            assert await command.wait() == 130
        assert server.methods.count("INVITE") == 3
    assert json.loads(command.printed)["calls"] == 0


def test_call_page_and_help_have_every_exit_code() -> None:
    documented = [int(row[0]) for row in read_table_rows(ROOT / "docs" / "howto" / "call.md") if row[0].isdigit()]
    assert sorted(documented) == sorted([*EXIT_CODES.values(), EXIT_UNUSABLE])
    assert call.__doc__ is not None
    helped = [line.split()[0] for line in call.__doc__.splitlines() if line.strip()[:1].isdigit()]
    assert [int(code) for code in helped] == sorted(documented)
