from pathlib import Path

from callrouter import __version__
from tests.e2e.command import run_command


def test_version_is_printed_and_the_exit_code_is_0(tmp_path: Path) -> None:
    ended = run_command("--version", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, f"callrouter {__version__}\n")
