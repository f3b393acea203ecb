"""Settings from all sources: defaults < TOML < environment < `--set`; every fault of every source told at once.

Each value is checked for itself, also one that another source overrides, so that nobody finds a wrong file only when
a variable goes away. Reads the one file it is given; logs and prints nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from callrouter.settings.given import Given, Reading, read_document, read_environment, read_overrides
from callrouter.settings.keys import list_groups, list_keys
from callrouter.settings.model import Settings
from callrouter.settings.rules import Conflict, find_conflicts
from callrouter.sources.document import DirectoryDocument
from callrouter.sources.problem import Problem, format_key, list_findings
from callrouter.sources.toml_text import TomlDocument, UnreadableTomlError, parse_toml, read_toml

__all__ = [
    "DEFAULT_ORIGIN",
    "EMBEDDED_NAME",
    "LoadedSettings",
    "Problem",
    "SettingsError",
    "load_settings",
    "trace_settings",
]

DEFAULT_ORIGIN = "default"
EMBEDDED_NAME = "built-in lab.toml"


class SettingsError(Exception):
    """Settings that cannot be used; `str()` has one line for each problem."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings and, for every `group.field`, where its value came from: `lab.toml:12`, `--set`, `default`."""

    settings: Settings
    origins: Mapping[str, str]


def load_settings(
    config_file: Path | None, *, environ: Mapping[str, str], overrides: Sequence[str], embedded: str | None = None
) -> Settings:
    """Load the settings.

    Args:
        config_file: TOML; relative paths in it are relative to its folder, those from elsewhere to the working
            directory.
        environ: all environment variables; see `read_environment` for which count.
        overrides: `group.key=value` texts of the command line.
        embedded: TOML used where there is no `config_file`. Whoever gives one fills in the TLS files that are unset,
            so that they may be missing. Its directory gives way to a `directory.file` from elsewhere.

    Raises:
        SettingsError: with every problem of every source.
    """
    return trace_settings(config_file, environ=environ, overrides=overrides, embedded=embedded).settings


def trace_settings(
    config_file: Path | None, *, environ: Mapping[str, str], overrides: Sequence[str], embedded: str | None = None
) -> LoadedSettings:
    """Load the settings as `load_settings` does, and keep where each came from."""
    merge = _Merge()
    try:
        merge.take(_read_file(config_file, embedded))
    except UnreadableTomlError as error:
        name = EMBEDDED_NAME if config_file is None else str(config_file)
        merge.reject_source(Problem(f"{name}:{error.line}" if error.line else name, "", error.message))
    merge.take(read_environment(environ))
    merge.take(read_overrides(overrides))
    merge.prefer_directory_file()
    settings = Settings.model_validate(merge.values)
    fallback = DEFAULT_ORIGIN if config_file is None else str(config_file)
    merge.check_rules(settings, tls_files_required=embedded is None, fallback=fallback)
    if merge.problems:
        raise SettingsError(merge.problems)
    origins = {key: merge.chosen[key].where() if key in merge.chosen else DEFAULT_ORIGIN for key in list_keys()}
    return LoadedSettings(settings, MappingProxyType(origins))


def _read_file(config_file: Path | None, embedded: str | None) -> Reading:
    if config_file is not None:
        return read_document(read_toml(config_file), config_file.parent)
    if embedded is not None:
        return read_document(parse_toml(embedded, name=EMBEDDED_NAME), None)
    return read_document(TomlDocument(DEFAULT_ORIGIN), None)


@dataclass(slots=True)
class _Merge:
    """The values taken so far, a later source over an earlier one, and all that was wrong."""

    values: dict[str, dict[str, object]] = field(default_factory=dict)
    chosen: dict[str, Given] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    doubtful: set[str] = field(default_factory=set)
    """Keys with a wrong value somewhere, about which rules would tell the same trouble twice."""
    complete: bool = True

    def take(self, reading: Reading) -> None:
        for item in reading:
            if isinstance(item, Problem):
                self.problems.append(item)
                self.doubtful.add(item.key)
            else:
                self._take_value(item)

    def reject_source(self, problem: Problem) -> None:
        self.problems.append(problem)
        self.complete = False

    def _take_value(self, given: Given) -> None:
        model = list_groups()[given.group]
        try:
            record = model.model_validate({given.field: given.value})
        except ValidationError as error:
            self.doubtful.add(given.key)
            for finding in list_findings(error, model):
                # pydantic's way to point at the key, not the value, of an entry that people named.
                path = finding.path[:-1] if finding.path[-1] == "[key]" else finding.path
                where = given.where(path[1:])
                key = format_key((given.group, *path))
                self.problems.append(Problem(where, key, finding.message))
            return
        value = getattr(record, given.field)
        if isinstance(value, Path) and given.folder is not None:
            value = given.folder / value
        self.values.setdefault(given.group, {})[given.field] = value
        self.chosen[given.key] = given

    def prefer_directory_file(self) -> None:
        """Let the built-in directory give way to a file that somebody named; what people wrote never gives way."""
        if not self.values.get("directory", {}).get("file"):
            return
        for name in DirectoryDocument.model_fields:
            given = self.chosen.get(f"directory.{name}")
            if given is not None and given.origin.name == EMBEDDED_NAME:
                del self.chosen[given.key]
                del self.values["directory"][name]

    def check_rules(self, settings: Settings, *, tls_files_required: bool, fallback: str) -> None:
        """Add what the settings say against each other, unless a part of it is already known to be wrong."""
        if not self.complete:
            return
        for conflict in find_conflicts(settings, tls_files_required=tls_files_required):
            if self.doubtful.isdisjoint(conflict.keys):
                where = self._place(conflict, fallback)
                self.problems.append(Problem(where, format_key(conflict.path), conflict.message))

    def _place(self, conflict: Conflict, fallback: str) -> str:
        """Name where the conflict's own key was set, else where another that takes part was."""
        own = format_key(conflict.path[:2])
        for key in (own, *conflict.keys):
            if key in self.chosen:
                return self.chosen[key].where(conflict.path[2:] if key == own else ())
        return fallback
