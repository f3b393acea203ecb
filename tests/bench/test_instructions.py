import sys
from pathlib import Path

import pytest

from bench import instructions
from bench.budget import Figures, dump_figures, load_figures
from bench.callgrind import CallgrindError

STORED = Figures({"python": "3.11.7"}, 1000.0, {"interpreted": 50_000.0, "compiled": 20_000.0})
DEAR = Figures({"python": "3.11.7"}, 1000.0, {"interpreted": 50_000.0, "compiled": 23_000.0})


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    file = tmp_path / "instructions.json"
    file.write_text(dump_figures(STORED), "utf-8")
    monkeypatch.setattr(instructions, "STORED", file)
    return file


def run(monkeypatch: pytest.MonkeyPatch, counted: Figures, *arguments: str) -> int:
    monkeypatch.setattr(instructions, "count_redirects", lambda *_: counted)
    monkeypatch.setattr(sys, "argv", ["instructions", *arguments])
    return instructions.main()


@pytest.mark.usefixtures("stored")
def test_check_of_what_is_stored_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, STORED, "--check") == 0


@pytest.mark.usefixtures("stored")
def test_check_of_a_dear_redirect_ends_with_1_and_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, DEAR, "--check") == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("instructions: missed: compiled: 23,000 instructions a redirect, stored 20,000")


@pytest.mark.usefixtures("stored")
def test_a_dear_redirect_passes_where_nothing_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(monkeypatch, DEAR) == 0


def test_update_stores_what_was_counted(monkeypatch: pytest.MonkeyPatch, stored: Path) -> None:
    assert run(monkeypatch, DEAR, "--update") == 0
    assert load_figures(stored.read_text("utf-8")) == DEAR
    assert run(monkeypatch, DEAR, "--check") == 0


def test_check_without_stored_figures_ends_with_2(monkeypatch: pytest.MonkeyPatch, stored: Path) -> None:
    stored.unlink()
    assert run(monkeypatch, STORED, "--check") == 2


def test_what_cannot_be_counted_ends_with_2(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Figures:
        raise CallgrindError("valgrind is not installed")

    monkeypatch.setattr(instructions, "count_redirects", fail)
    monkeypatch.setattr(sys, "argv", ["instructions", "--check"])
    assert instructions.main() == 2


def test_update_of_one_form_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        run(monkeypatch, STORED, "--update", "--form", "compiled")


def test_the_figures_in_the_repository_can_be_read_and_are_of_both_forms() -> None:
    assert load_figures(instructions.STORED.read_text("utf-8")).per_redirect.keys() == set(instructions.FORMS)
