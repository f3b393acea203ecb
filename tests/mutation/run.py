"""Mutation testing of the decision: `make mutate`, or `python -m tests.mutation.run [redirect|facts|selection]`.

Every mutant of a module is tried by the tests of that module, one after the other in a process of its own, forked from
one that has everything else imported. What no test notices is a survivor; `accepted.toml` says of each why that is no
matter. Ends with 1 where there is another survivor, where fewer than 90 % are noticed, or where an entry is out of
date.

Not mutmut 3, which leaves out properties and what stands at the top of a module, where the table of rules is; and not
cosmic-ray, which starts an interpreter for every mutant.
"""

import importlib.abc
import importlib.util
import os
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import Phase, settings

from callrouter.decision import Decision
from callrouter.directory.lookup import DirectoryLookup
from callrouter.pool.model import Pool
from callrouter.sip.parser import parse_head
from callrouter.sip.validate import validate
from tests.mutation.mutants import list_mutants

_ROOM = Path(__file__).parent
_ROOT = _ROOM.parents[1]
_LEAST_KILLED = 0.9
_MUTANT_SECONDS = 60
_PROFILE = "mutation"
_IMPORTED = (Decision, DirectoryLookup, Pool, parse_head, validate)
"""What no mutant changes is imported once, before the processes fork."""


@dataclass(frozen=True)
class Target:
    """A module and the tests that have to notice a change of it, the most telling first."""

    module: str
    tests: tuple[str, ...]

    @property
    def file(self) -> Path:
        return _ROOT / "src" / f"{self.module.replace('.', '/')}.py"


_DECISION = (
    "unit/test_redirect.py",
    "unit/test_redirect_health.py",
    "unit/test_redirect_numbers.py",
    "unit/test_targets.py",
    "property/test_decide.py",
)
TARGETS = {
    "redirect": Target("callrouter.redirect", _DECISION),
    "targets": Target("callrouter.targets", ("unit/test_targets.py", *_DECISION)),
    "facts": Target("callrouter.facts", ("unit/test_facts.py", *_DECISION)),
    "selection": Target("callrouter.pool.selection", ("unit/pool/test_selection.py", *_DECISION)),
}


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from a source that is not its file's."""

    def __init__(self, module: str, file: Path, source: str) -> None:
        self._module = module
        self._file = file
        self._source = source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._module else None

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self._source, str(self._file), "exec"), module.__dict__)  # noqa: S102 - our own source


def main(names: Sequence[str]) -> int:
    """Try every mutant of the modules with these names, or of all; the exit code."""
    chosen = {name: TARGETS[name] for name in (names or TARGETS)}
    settings.register_profile(
        _PROFILE, max_examples=30, deadline=None, derandomize=True, database=None, phases=[Phase.generate]
    )
    settings.load_profile(_PROFILE)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    accepted = tomllib.loads((_ROOM / "accepted.toml").read_text("utf-8"))
    return max([_try_module(name, target, accepted.get(name, {})) for name, target in chosen.items()])


def _try_module(name: str, target: Target, accepted: dict[str, str]) -> int:
    """Try every mutant of one module and tell what came of it; 1 where that is not as it should be."""
    source = target.file.read_text("utf-8")
    if not _passes(target, source):
        _tell(f"{name}: the tests fail without any change")
        return 1
    started_at = time.monotonic()
    mutants = list_mutants(source)
    survivors = [mutant for mutant in mutants if _passes(target, mutant.source)]
    killed = len(mutants) - len(survivors)
    seconds = time.monotonic() - started_at
    _tell(f"{name}: {killed} of {len(mutants)} mutants noticed ({killed / len(mutants):.1%}) in {seconds:.0f} s")
    for mutant in survivors:
        _tell(f"  line {mutant.line}: {mutant}\n    {accepted.get(str(mutant), 'NOT NOTICED')}")
    stale = accepted.keys() - {str(mutant) for mutant in survivors}
    for entry in sorted(stale):
        _tell(f"  accepted, but not a survivor: {entry}")
    unexpected = [mutant for mutant in survivors if str(mutant) not in accepted]
    return int(bool(unexpected or stale) or killed < _LEAST_KILLED * len(mutants))


def _tell(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _passes(target: Target, source: str) -> bool:
    """Whether the tests of a module pass with this source, in a process of its own."""
    pid = os.fork()
    if pid == 0:
        # Whatever happens here, nothing of the parent may go on in this process.
        try:
            status = _run_tests(target, source)
        except BaseException:  # noqa: BLE001 - a mutant may do anything
            status = 2
        os._exit(status)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0


def _run_tests(target: Target, source: str) -> int:
    signal.alarm(_MUTANT_SECONDS)  # a mutant that never ends is ended, and noticed by that
    sys.meta_path.insert(0, _Changed(target.module, target.file, source))
    options = ["-c", str(_ROOM / "pytest.ini"), "--rootdir", str(_ROOT), "-p", "no:cacheprovider"]
    # Of conftest.py there is nothing to load: it lies outside of what `-c` makes the project.
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        # One by one: most mutants are noticed by the first file, and the last one takes long to import.
        for test in target.tests:
            status = int(pytest.main([*options, str(_ROOT / "tests" / test)]))
            if status:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
