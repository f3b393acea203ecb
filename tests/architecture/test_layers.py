import subprocess
import sys
from pathlib import Path

from tests.architecture.house import ROOT


def test_imports_point_only_downward() -> None:
    # The command, not its Python parts, which are nobody's promise. Without a cache the answer is about what is there.
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    checked = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=50, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "0 broken" in checked.stdout
