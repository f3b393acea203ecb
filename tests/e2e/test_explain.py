"""`callrouter explain`: what it prints, what it takes, how it ends; and that its page shows what it prints."""

import io
import json
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from callrouter.cli.explain import explain
from callrouter.redirect import RULES
from tests.architecture.house import ROOT
from tests.e2e.command import run_command

PAGE = ROOT / "docs" / "howto" / "explain.md"
_CONSOLE = re.compile(r"^```console\n\$ callrouter explain (.*?[^\\])\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MESSAGE = re.compile(r"^```text\n(INVITE .*?)^```", re.MULTILINE | re.DOTALL)

DIRECTORY = """\
[[gateways]]
name = "gw1"
address = "192.0.2.7"

[[servers]]
name = "MBX1"
fqdn = "mbx1.example.test"
"""
MESSAGE = """\
INVITE sip:4000@router.test SIP/2.0
Via: SIP/2.0/TCP gw1.test;branch=z9hG4bKa
From: <sip:1@gw1.test>;tag=a
To: <sip:4000@router.test>
Call-ID: m1@gw1.test
CSeq: 1 INVITE
Content-Type: application/sdp

v=0
"""


def ask(*arguments: str, standard_input: str | bytes = "", columns: int = 80) -> Result:
    """Run the command in this process."""
    app = typer.Typer()
    app.command()(explain)
    return CliRunner().invoke(app, list(arguments), input=standard_input, env={"COLUMNS": str(columns)})


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "directory.toml").write_text(DIRECTORY, "utf-8")
    return tmp_path


OURS = ("--set", "directory.file=directory.toml", "--peer", "192.0.2.7")


def test_explain_of_a_redirect_prints_rules_decision_and_answer_and_exits_with_0() -> None:
    ended = ask(*OURS, "--to", "4000", "--from", "1")
    assert ended.exit_code == 0, ended.output
    assert "gateway gw1 (Enabled)" in ended.stdout
    assert "decision: redirected to MBX1\n" in ended.stdout
    assert "answer: 302 Moved Temporarily\n" in ended.stdout
    assert "  Contact: <sip:4000@mbx1.example.test:5062;transport=Tcp>\n" in ended.stdout
    assert ended.stderr == ""


def test_explain_of_a_refusal_exits_with_1_and_names_the_rules_that_were_not_tried() -> None:
    ended = ask(*OURS[:2], "--to", "4000", "--peer", "198.51.100.1:40000")
    assert ended.exit_code == 1
    assert "decision: unknown-gateway\n" in ended.stdout
    assert ended.stdout.count("not tried") == len(RULES) - 2


def test_explain_without_settings_asks_the_lab() -> None:
    ended = ask("--called", "4000")
    assert ended.exit_code == 0, ended.output
    assert "redirected to lab-mailbox" in ended.stdout


def test_explain_fits_into_80_columns_except_for_what_is_to_be_copied() -> None:
    printed = ask(*OURS, "--to", "4" * 100, "--from", "1").stdout
    table = printed[printed.index("rule") : printed.index("decision:")]
    assert max(map(len, table.splitlines())) <= 80
    assert f"  Contact: <sip:{'4' * 100}@mbx1.example.test:5062;transport=Tcp>\n" in printed
    assert "\x1b" not in printed


def test_explain_as_json_prints_what_the_api_answers() -> None:
    ended = ask(*OURS, "--to", "4000", "--json")
    explained = json.loads(ended.stdout)
    assert ended.exit_code == 0
    assert explained["decision"]["contacts"] == ["sip:4000@mbx1.example.test:5062;transport=Tcp"]
    assert len(explained["steps"]) == len(RULES)
    assert ask("--json", "--to", "4000", "--peer", "198.51.100.1").exit_code == 1


@pytest.mark.parametrize("octets", [MESSAGE.encode(), MESSAGE.replace("\n", "\r\n").encode()])
def test_explain_reads_a_message_from_a_file_or_from_standard_input(home: Path, octets: bytes) -> None:
    (home / "call.sip").write_bytes(octets)
    from_file, from_input = ask(*OURS, "--message", "call.sip"), ask(*OURS, "--message", "-", standard_input=octets)
    assert from_file.exit_code == 0, from_file.output
    assert "  Call-ID: m1@gw1.test\n" in from_file.stdout
    assert from_input.stdout == from_file.stdout


def test_explain_of_a_message_that_is_not_sound_tells_what_is_wrong() -> None:
    message = MESSAGE.replace("CSeq: 1 INVITE\n", "").replace("From: <", "From: \x1b[31m\x9b<<")
    ended = ask(*OURS, "--message", "-", standard_input=message)
    assert ended.exit_code == 1
    assert "missing-header: Missing CSeq Header Field (400)\n" in ended.stdout
    assert "decision: none" in ended.stdout
    assert ended.stdout.count("not tried") == len(RULES)
    assert "\\x1b[31m" in ended.stdout
    assert not {"\x1b", "\x9b"} & set(ended.stdout)


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_explain_writes_to_a_terminal_that_knows_ascii_only(
    monkeypatch: pytest.MonkeyPatch, form: tuple[str, ...]
) -> None:
    output = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", output)
    app = typer.Typer()
    app.command()(explain)
    app([*OURS, "--to", "4000", "--from", '"\u00e9" <sip:1@h>', *form], standalone_mode=False)
    output.flush()
    assert isinstance(output.buffer, io.BytesIO)
    escape = b"\\u00e9" if form else b"\\xe9"
    assert escape in output.buffer.getvalue()


def test_explain_of_a_message_without_an_answer_says_that_there_is_none() -> None:
    ended = ask(*OURS, "--message", "-", standard_input="ACK sip:a@b SIP/2.0\n")
    assert ended.exit_code == 1
    assert "An ACK is never answered\n" in ended.stdout
    assert "answer: none\n" in ended.stdout


def test_explain_tells_how_long_an_answer_is_held_back() -> None:
    ended = ask(*OURS, "--to", "4000", "--set", "redirect.delay_seconds=1.5")
    assert "answer: 302 Moved Temporarily, held back for 1.5 seconds\n" in ended.stdout


def test_explain_never_answers_with_the_router_itself() -> None:
    ended = ask(*OURS, "--to", "4000", "--set", "router.external_host_fqdn=MBX1.example.test")
    assert ended.exit_code == 0, ended.output
    itself = ("--set", "router.external_host_fqdn=MBX1.example.test", "--set", "router.sip_tcp_listening_port=5062")
    assert ask(*OURS, "--to", "4000", *itself).exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "warning"),
    [
        (("--transport", "tls"), "TLS handshake already fails"),
        (("--transport", "tls", "--set", "router.um_startup_mode=TCP"), "no call comes over TLS"),
        (("--set", "router.um_startup_mode=TLS"), "no call comes over TCP"),
    ],
)
def test_explain_warns_where_the_call_would_not_come_so_far(arguments: Sequence[str], warning: str) -> None:
    ended = ask(*OURS, "--to", "4000", *arguments)
    assert ended.exit_code == 0
    assert warning in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "--to or --message is required"),
        (("--to", "4 000"), "holds white space"),
        (("--to", "4000", "--peer", "gw.test"), "gw.test is no numeric address"),
        (("--to", "4000", "--peer", "1.2.3.4\x1b"), "1.2.3.4\\x1b is no numeric address"),
        (("--to", "4000", "--local", "here"), "here is no numeric address"),
        (("--to", "4000", "--certificate", "gw.test"), "over TLS only"),
        (("--to", "4000", "--diversion", "1\nX: y"), "a line end cannot stand"),
        (("--to", "4000", "--message", "-"), "leave out what else"),
        (("--message", "missing.sip"), "missing.sip: No such file"),
        (("--message", "-"), "there is no message"),
        (("--to", "4000", "--set", "directory.file=missing.toml"), "missing.toml"),
        (("--to", "4000", "--set", "no.such_key=1"), "no.such_key"),
    ],
)
def test_explain_of_what_cannot_be_used_tells_the_problem_and_exits_with_2(
    arguments: Sequence[str], problem: str
) -> None:
    ended = ask(*arguments)
    assert ended.exit_code == 2, ended.output
    assert ended.stdout == ""
    assert problem in ended.stderr
    assert ended.stderr.startswith("callrouter: ")


def test_explain_tells_all_problems_of_a_directory_at_once(home: Path) -> None:
    (home / "directory.toml").write_text('[[gateways]]\nname = ""\naddress = "no where"\n', "utf-8")
    ended = ask(*OURS, "--to", "4000")
    assert ended.exit_code == 2
    assert "directory.toml:2" in ended.stderr
    assert "directory.toml:3" in ended.stderr


def test_explain_refuses_a_message_larger_than_the_router_takes(home: Path) -> None:
    (home / "call.sip").write_bytes(b"x" * 300_000)
    ended = ask("--message", "call.sip")
    assert ended.exit_code == 2
    assert "larger than the router takes" in ended.stderr


def test_explain_with_a_directory_in_the_environment_needs_no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLROUTER_DIRECTORY__FILE", "directory.toml")
    assert ask("--to", "4000", "--peer", "192.0.2.7").exit_code == 0


def test_explain_needs_no_certificate(home: Path) -> None:
    lines = '[tls]\ncertificate_file = "no.pem"\nprivate_key_file = "no.pem"\nca_file = "no.pem"\n'
    (home / "router.toml").write_text(f'{lines}[directory]\nfile = "directory.toml"\n', "utf-8")
    assert ask("--config", "router.toml", "--peer", "192.0.2.7", "--to", "4000").exit_code == 0


def test_explain_is_a_command_of_callrouter(home: Path) -> None:
    ended = run_command("explain", *OURS, "--to", "4000", cwd=home)
    assert ended.returncode == 0, ended.stderr
    assert "decision: redirected to MBX1" in ended.stdout


def examples() -> list[tuple[str, str]]:
    """The commands of the page, without their first two words, and what it says that they print."""
    return _CONSOLE.findall(PAGE.read_text("utf-8"))


@pytest.mark.skipif(sys.platform == "win32", reason="the page's commands are written for a POSIX shell")
@pytest.mark.parametrize("place", range(3))
def test_page_shows_what_the_command_prints(home: Path, place: int) -> None:
    (home / "config").symlink_to(ROOT / "config")
    [message] = _MESSAGE.findall(PAGE.read_text("utf-8"))
    (home / "call.sip").write_text(message, "utf-8")
    command, shown = examples()[place]
    ended = ask(*shlex.split(command.replace("\\\n", "")))
    assert [line.rstrip() for line in ended.stdout.splitlines()] == shown.splitlines()
    assert ended.stderr == ""


def test_page_has_three_examples() -> None:
    assert len(examples()) == 3
