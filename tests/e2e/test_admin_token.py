"""`admin.token_file`: made and told once, kept, read by whoever asks the router, and refused where it is none."""

import stat
from pathlib import Path

import httpx
import pytest

from callrouter.cli.admin_token import UnusableToken, read_token
from tests.e2e.command import read_ports, run_command, start_command

FILE = ("--set", "admin.token_file=secrets/token")
SERVE = ("serve", "-c", "router.toml", "--set", "admin.bind_address=0.0.0.0", *FILE)


def ask(port: int, token: str = "", path: str = "/api/v1/calls") -> int:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers).status_code


async def test_token_is_made_once_told_once_and_asked_for_ever_after(home: Path) -> None:
    tokens, told = [], []
    for _ in range(2):
        async with start_command(*SERVE, cwd=home) as router:
            port = read_ports(await router.read_event("listening"))["HTTP"]
            token = (home / "secrets" / "token").read_text("ascii").strip()
            assert (ask(port), ask(port, "wrong"), ask(port, token)) == (401, 401, 200)
            assert ask(port, path="/readyz") == 200
            url = ("--url", f"http://127.0.0.1:{port}")
            assert run_command("readyz", *url, cwd=home).returncode == 0
            place = ("--set", f"admin.port={port}")
            assert run_command("settings", "get", "-c", "router.toml", *place, *FILE, cwd=home).returncode == 0
            await router.stop()
            tokens.append(token)
            told.append(token in router.printed)
    assert tokens[0] == tokens[1]
    assert len(tokens[0]) >= 32
    assert told == [True, False]
    assert stat.S_IMODE((home / "secrets" / "token").stat().st_mode) == 0o600
    assert [each.name for each in (home / "secrets").iterdir()] == ["token"]


async def test_reload_keeps_the_token_and_finds_nothing_changed(home: Path) -> None:
    async with start_command(*SERVE, cwd=home) as router:
        await router.read_event("listening")
        with (home / "router.toml").open("a", encoding="utf-8") as file:
            file.write("\n")
        await router.read_event("reloaded")
        await router.stop()
    assert "wait for a restart" not in router.printed


async def test_token_that_is_given_goes_over_the_file(home: Path) -> None:
    async with start_command(*SERVE, cwd=home, environment={"CALLROUTER_ADMIN__TOKEN": "given"}) as router:
        port = read_ports(await router.read_event("listening"))["HTTP"]
        assert ask(port, "given") == 200
        await router.stop()
    assert not (home / "secrets").exists()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"two words\n", "holds no token"),
        (b"\xff\xfe", "holds no token"),
        (b"x" * 2000, "holds no token"),
    ],
)
def test_file_without_a_token_ends_start_and_check_with_its_name(home: Path, content: bytes, problem: str) -> None:
    (home / "secrets").mkdir()
    (home / "secrets" / "token").write_bytes(content)
    for command in (SERVE, ("check", *SERVE[1:]), ("settings", "get", *SERVE[1:])):
        ended = run_command(*command, cwd=home)
        assert ended.returncode == 2
        assert f"secrets/token: {problem}" in ended.stderr
        assert "admin.token_file" in ended.stderr


def test_file_that_cannot_be_made_ends_the_start_with_its_name(home: Path) -> None:
    (home / "secrets").write_text("in the way", "ascii")
    ended = run_command(*SERVE, cwd=home)
    assert ended.returncode == 2
    assert "callrouter: secrets/token: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_check_makes_no_token(home: Path) -> None:
    assert run_command("check", *SERVE[1:], cwd=home).returncode == 0
    assert not (home / "secrets").exists()


def test_token_is_read_without_the_space_around_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("  s3cret\r\n", "ascii")
    assert read_token(file) == "s3cret"
    with pytest.raises(UnusableToken, match="No such file"):
        read_token(tmp_path / "missing")
