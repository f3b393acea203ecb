"""Tests mirror the sources: whoever looks for the test of a module finds it by the module's name."""

from pathlib import Path

from tests.architecture.house import TESTS, list_modules

# What only runs as a whole is tested as a whole; a file of tests/e2e says by its name which of these it is about.
RUN_AS_A_WHOLE = {
    "cli",
    "app.py",
    "lifecycle.py",
    "mailbox_operations.py",
    "operations.py",
    "ports.py",
    "preparation.py",
    "readiness.py",
    "signals.py",
    "__main__.py",
}


def find_test(module: Path) -> list[Path]:
    """The test files of a module (a path inside the package)."""
    name = module.stem.strip("_")
    if module.parts[0] in RUN_AS_A_WHOLE:
        return [file for file in (TESTS / "e2e").glob("test_*.py") if name in file.stem]
    if module.parts[0] == "transport":
        mirrored = TESTS / module.parent / f"test_{name}.py"
    else:
        mirrored = TESTS / "unit" / module.parent / f"test_{name}.py"
    return [mirrored] if mirrored.exists() else []


def test_every_module_has_a_test_file_of_its_name() -> None:
    modules = list_modules()
    assert modules
    assert [str(module) for module in modules if not find_test(module)] == []


def test_rule_knows_where_each_kind_of_module_is_tested() -> None:
    assert find_test(Path("cli/serve.py")) != []
    assert find_test(Path("settings/keys.py")) == [TESTS / "unit" / "settings" / "test_keys.py"]
    assert find_test(Path("transport/admission.py")) == [TESTS / "transport" / "test_admission.py"]
    assert find_test(Path("settings/no_such_module.py")) == []
