"""Where settings come from: defaults, file, environment, `--set`; each goes over the one before."""

from pathlib import Path

import pytest

from tests.e2e.command import read_ports, run_command, start_command
from tests.hardening.rig import build_invite, connect

VARIABLE = "CALLROUTER_REDIRECT__SERVER_HEADER"


@pytest.mark.parametrize(
    ("environment", "arguments", "expected"),
    [
        ({}, (), b"from-file"),
        ({VARIABLE: "from-environment"}, (), b"from-environment"),
        ({}, ("--set", "redirect.server_header=from-set"), b"from-set"),
        ({VARIABLE: "from-environment"}, ("-s", "redirect.server_header=from-set"), b"from-set"),
    ],
    ids=["file", "environment-over-file", "set-over-file", "set-over-environment"],
)
async def test_later_source_goes_over_an_earlier_one(
    home: Path, environment: dict[str, str], arguments: tuple[str, ...], expected: bytes
) -> None:
    with (home / "router.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[redirect]\nserver_header = "from-file"\n')
    async with start_command("serve", "-c", "router.toml", *arguments, cwd=home, environment=environment) as router:
        port = read_ports(await router.read_event("listening"))["TCP"]
        async with connect(port) as caller:
            answer = await caller.exchange(build_invite("whose-setting"))
        assert b"\r\nServer: " + expected + b"\r\n" in answer
        await router.stop()


@pytest.mark.parametrize("command", ["serve", "lab", "check", "readyz"])
def test_setting_that_does_not_exist_is_named_and_the_exit_code_is_2(home: Path, command: str) -> None:
    arguments = ("--set", "router.no_such_key=1", "--set", "nonsense")
    ended = run_command(
        command, "-c", "router.toml", *arguments, cwd=home, environment={"CALLROUTER_ROUTER__ALSO_NONE": "1"}
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    for wrong in ("router.no_such_key", "nonsense", "CALLROUTER_ROUTER__ALSO_NONE"):
        assert wrong in ended.stderr


def test_relative_paths_of_a_settings_file_are_relative_to_it(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    assert run_command("check", "-c", home / "router.toml", cwd=elsewhere).returncode == 0
