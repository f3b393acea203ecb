"""What several commands share: the options that name settings, and how settings errors end a command."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn, TypeAlias

import typer

from callrouter.settings.load import SettingsError, load_settings
from callrouter.settings.model import Settings

EXIT_UNUSABLE = 2
"""Settings, files or ports that cannot be used."""

ConfigOption: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="CALLROUTER_CONFIG",
        help="Settings (TOML). See docs/reference/settings.md.",
        show_default=False,
    ),
]
SetOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", "-s", metavar="GROUP.KEY=VALUE", help="One setting; may be given again. Goes over everything else."
    ),
]


def load_or_exit(config: Path | None, overrides: Sequence[str] | None, embedded: str | None = None) -> Settings:
    """The settings, or the end of the command with every error on its own line."""
    try:
        return load_settings(config, environ=os.environ, overrides=overrides or (), embedded=embedded)
    except SettingsError as error:
        fail([str(problem) for problem in error.problems])


def fail(problems: Sequence[str]) -> NoReturn:
    """End the command: one line per problem on standard error, exit code 2."""
    for problem in problems:
        typer.secho(f"callrouter: {problem}", fg=typer.colors.RED, err=True)
    raise typer.Exit(EXIT_UNUSABLE)
