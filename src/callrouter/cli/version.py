"""`callrouter --version`."""

from typing import Annotated

import typer

from callrouter import __version__


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callrouter {__version__}")
        raise typer.Exit


def show_version(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Options before the command."""
