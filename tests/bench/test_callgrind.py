"""With a valgrind of our own that writes what the test wants: what is looked at is what becomes of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from bench.callgrind import CallgrindError, build_environment, count_instructions, read_version

Pretend: TypeAlias = Callable[[str], None]

_PROFILE = "fn=(1) main\ncfn=(2) run\ncalls=0 7\n1 500\n3 20\n\nsummary: 520\n"


@pytest.fixture
def pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pretend:
    """Puts a program named valgrind first, which does this with `out`, the name that its files begin with."""

    def write(code: str) -> None:
        script = tmp_path / "valgrind"
        find = "out = next(each.partition('=')[2] for each in sys.argv if each.startswith('--callgrind-out-file='))"
        script.write_text(f"#!{sys.executable}\nimport sys\nfrom pathlib import Path\n{find}\n{code}\n", "utf-8")
        script.chmod(0o700)
        monkeypatch.setenv("PATH", str(tmp_path))

    return write


def dump(numbers: str) -> str:
    return f"for number in {numbers}: Path(f'{{out}}.{{number}}').write_text({_PROFILE!r})"


def test_what_was_between_two_marks_is_counted(pretend: Pretend, tmp_path: Path) -> None:
    pretend(f"{dump('(1, 2)')}\nprint('compiled')")
    profile = tmp_path / "profiles" / "callgrind.out.compiled"
    counted = count_instructions("no.such.module", [], build_environment(), profile)
    assert (counted.instructions, counted.output) == (520, "compiled\n")
    # A call that began before the first mark is not a call of what is between them.
    assert profile.read_text("utf-8") == "fn=(1) main\ncfn=(2) run\n3 20\n\nsummary: 520\n"


@pytest.mark.parametrize("numbers", ["()", "(1,)", "(1, 2, 3)"])
def test_other_than_two_marks_give_no_count(pretend: Pretend, numbers: str) -> None:
    pretend(dump(numbers))
    with pytest.raises(CallgrindError, match="marks"):
        count_instructions("no.such.module", [], build_environment())


def test_program_that_fails_gives_no_count_and_its_words_are_shown(pretend: Pretend) -> None:
    pretend(f"{dump('(1, 2)')}\nsys.exit('an ACK did not end its transaction')")
    with pytest.raises(CallgrindError, match="exit code 1\nan ACK did not end"):
        count_instructions("no.such.module", [], build_environment())


def test_missing_valgrind_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CallgrindError, match="not installed"):
        read_version()


def test_environment_of_a_run_is_fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setenv("CALLROUTER_LOG__LEVEL", "debug")
    environment = build_environment(tmp_path)
    assert environment.keys() == {"PATH", "PYTHONHASHSEED", "PYTHONNOUSERSITE", "PYTHONPATH"}
    assert (environment["PYTHONHASHSEED"], environment["PYTHONPATH"]) == ("0", str(tmp_path))
