"""What each source gives: one value for one setting, with the words that say where it came from.

Sources in rising precedence: a TOML document, the environment, `--set`. A name that is no setting is a problem of
its source; whether a value fits is the business of `load`.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict

from callrouter.settings.keys import ENVIRONMENT_PREFIX, LEVEL_DELIMITER, list_groups, list_keys, name_variable
from callrouter.settings.model import Settings
from callrouter.sources.problem import KeyPath, Problem, find_near, suggest
from callrouter.sources.toml_text import TomlDocument

SET_OPTION = "--set"


@dataclass(frozen=True, slots=True)
class Given:
    """A value from one source, not yet checked.

    origin: the source, able to name a line where it is a file.  folder: what relative paths are relative to; None
    leaves them relative to the working directory.
    """

    group: str
    field: str
    value: object
    origin: TomlDocument
    folder: Path | None = None

    @property
    def key(self) -> str:
        """The setting, as `group.field`."""
        return f"{self.group}.{self.field}"

    def where(self, path: KeyPath = ()) -> str:
        """Name the source, and the line of a place inside the value."""
        return self.origin.where((self.group, self.field, *path))


Reading: TypeAlias = Iterator[Given | Problem]


def read_document(document: TomlDocument, folder: Path | None) -> Reading:
    """Yield what a TOML document sets."""
    groups = list_groups()
    for group, table in document.content.items():
        if group not in groups:
            message = "unknown group" + suggest(group, list(groups))
            yield Problem(document.where((group,)), group, message)
        elif not isinstance(table, dict):
            yield Problem(document.where((group,)), group, f"must be a table: [{group}]")
        else:
            for field, value in table.items():
                if field in groups[group].model_fields:
                    yield Given(group, field, value, document, folder)
                else:
                    yield _report_unknown(document.where((group, field)), f"{group}.{field}")


def read_environment(environ: Mapping[str, str]) -> Reading:
    """Yield what the variables with our prefix and a level delimiter set; others, as service links, are ignored."""
    known = {name_variable(*key.split(".")).lower(): key for key in list_keys()}
    seen: dict[str, str] = {}
    decoder = EnvSettingsSource(_EnvironmentForm)
    for variable, text in environ.items():
        name = variable.lower()
        if not name.startswith(ENVIRONMENT_PREFIX.lower()) or LEVEL_DELIMITER not in name:
            continue
        origin = TomlDocument(f"environment {variable}")
        key = known.get(name)
        if key is None:
            dotted = name.removeprefix(ENVIRONMENT_PREFIX.lower()).replace(LEVEL_DELIMITER, ".").strip("._")
            near = find_near(dotted, list_keys())
            hint = f"; did you mean {name_variable(*near.split('.'))}?" if near else ""
            yield Problem(origin.name, dotted, f"unknown setting{hint}")
        elif name in seen:
            yield Problem(origin.name, key, f"is set by {seen[name]} as well; case makes no difference")
        else:
            seen[name] = variable
            yield _decode_variable(decoder, key, text, origin)


def read_overrides(overrides: Sequence[str]) -> Reading:
    """Yield what `group.field=value` texts set, the last one for a key deciding."""
    known = set(list_keys())
    origin = TomlDocument(SET_OPTION)
    for override in overrides:
        key, equals, text = override.partition("=")
        key = key.strip()
        if not equals:
            yield Problem(origin.name, key, "must have the form group.key=value")
        elif key not in known:
            yield _report_unknown(origin.name, key)
        else:
            group, field = key.split(".")
            yield Given(group, field, _read_override(text), origin)


def _report_unknown(where: str, key: str) -> Problem:
    return Problem(where, key, "unknown setting" + suggest(key, list_keys()))


def _read_override(text: str) -> object:
    """Read TOML where it has a meaning that the bare text lacks: quoted strings, lists and tables.

    Numbers, truth values and anything else stay text, which the setting's type reads; so `redirect.profile=2013` is
    the text that it has to be.
    """
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    value = parsed.get("value")
    return value if len(parsed) == 1 and isinstance(value, str | list | dict) else text


class _EnvironmentForm(BaseSettings):
    """Carries the naming rules to pydantic-settings; has no values of its own."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter=LEVEL_DELIMITER)


def _decode_variable(decoder: EnvSettingsSource, key: str, text: str, origin: TomlDocument) -> Given | Problem:
    """Let pydantic-settings read one variable alone, so that each can fail by itself: JSON for lists, else text."""
    group, field = key.split(".")
    name = name_variable(group, field).lower()
    try:
        decoded = decoder.explode_env_vars(group, Settings.model_fields[group], {name: text})
    except RecursionError:
        return Problem(origin.name, key, "is nested too deeply")
    except ValueError as error:
        return Problem(origin.name, key, f"must be JSON: {error}")
    return Given(group, field, decoded[field], origin)
