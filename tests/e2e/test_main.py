"""The two ways to start: `callrouter` and `python -m callrouter`."""

import subprocess
import sys
from pathlib import Path

from callrouter.cli import COMMANDS
from tests.e2e.command import build_environment, run_command


def test_module_and_script_are_the_same_command(tmp_path: Path) -> None:
    script = Path(sys.executable).with_name("callrouter")
    started = subprocess.run(
        [script, "--help"], cwd=tmp_path, env=build_environment(), capture_output=True, text=True, check=False
    )
    as_module = run_command("--help", cwd=tmp_path)
    assert started.returncode == as_module.returncode == 0
    for help_text in (started.stdout, as_module.stdout):
        assert all(f" {command} " in help_text for command in COMMANDS)


def test_every_command_explains_itself(tmp_path: Path) -> None:
    for command in COMMANDS:
        ended = run_command(command, "-h", cwd=tmp_path)
        assert ended.returncode == 0
        assert "Usage" in ended.stdout


def test_command_that_does_not_exist_exits_with_2(tmp_path: Path) -> None:
    assert run_command("no-such-command", cwd=tmp_path).returncode == 2


def test_command_loads_nothing_of_the_others() -> None:
    script = (
        "import sys\n"
        "from callrouter.cli import app\n"
        "app(['readyz', '--help'], standalone_mode=False)\n"
        "print([name for name in ('callrouter.app', 'callrouter.caller', 'fastapi') if name in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.endswith("[]\n")
