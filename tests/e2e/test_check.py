"""`callrouter check`: would it start? Everything that is wrong at once, and no port opened."""

import socket
from pathlib import Path

import pytest

from tests.e2e.command import run_command

WRONG = """\
[router]
sip_tcp_listening_port = 70000
bind_address = "nowhere"
no_such_key = 1

[limits]
max_headers = "many"

[[directory.gateways]]
name = "g"
address = "300.0.0.1"
"""


def test_check_of_good_settings_says_what_would_be_used_and_exits_with_0(home: Path) -> None:
    ended = run_command("check", "-c", "router.toml", cwd=home)
    assert ended.returncode == 0, ended.stderr
    assert "router.toml: good" in ended.stdout
    assert "3 gateways, 1 servers" in ended.stdout
    assert "days left" in ended.stdout
    assert ended.stderr == ""


@pytest.mark.parametrize("command", ["check", "serve"])
def test_wrong_settings_are_all_told_at_once_with_file_and_key_and_the_exit_code_is_2(home: Path, command: str) -> None:
    (home / "wrong.toml").write_text(WRONG, "utf-8")
    ended = run_command(
        command, "-c", "wrong.toml", cwd=home, environment={"CALLROUTER_LIMITS__MAX_BODY_BYTES": "plenty"}
    )
    assert ended.returncode == 2
    assert ended.stdout == ""
    lines = ended.stderr.splitlines()
    for where, key in [
        ("wrong.toml:2", "router.sip_tcp_listening_port"),
        ("wrong.toml:3", "router.bind_address"),
        ("wrong.toml:4", "router.no_such_key"),
        ("wrong.toml:7", "limits.max_headers"),
        ("wrong.toml:11", "address"),
        ("CALLROUTER_LIMITS__MAX_BODY_BYTES", "limits.max_body_bytes"),
    ]:
        assert [line for line in lines if where in line and key in line], (where, key, lines)
    assert all(line.startswith("callrouter: ") for line in lines)


def test_check_tells_problems_of_directory_and_certificates_together(home: Path) -> None:
    (home / "directory.toml").write_text('[[gateways]]\nname = "g"\naddress = "nonsense here"\n', "utf-8")
    (home / "certs" / "ca.pem").unlink()
    settings = (home / "router.toml").read_text("utf-8")
    inline = settings.index("[[directory")
    (home / "router.toml").write_text(f'{settings[:inline]}[directory]\nfile = "directory.toml"\n', "utf-8")
    ended = run_command("check", "-c", "router.toml", cwd=home)
    assert ended.returncode == 2
    assert "directory.toml:3" in ended.stderr
    assert "ca.pem" in ended.stderr


def test_check_warns_where_every_call_would_be_refused(tmp_path: Path) -> None:
    ended = run_command("check", "--set", "router.um_startup_mode=TCP", cwd=tmp_path)
    assert ended.returncode == 0
    assert "403" in ended.stderr
    assert "503" in ended.stderr


def test_check_of_a_file_that_is_not_there_names_it_and_exits_with_2(tmp_path: Path) -> None:
    ended = run_command("check", "-c", "missing.toml", cwd=tmp_path)
    assert ended.returncode == 2
    assert "missing.toml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_check_opens_no_port(home: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = run_command("check", "-c", "router.toml", "--set", f"router.sip_tcp_listening_port={port}", cwd=home)
    assert ended.returncode == 0
    assert f"TCP {port}," in ended.stdout
