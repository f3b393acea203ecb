"""The command line: one file per command. Exit codes: 0 done, 1 a check said no, 2 it could not be done as asked."""

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from callrouter.cli.version import show_version

COMMANDS = ("serve", "lab", "mailbox", "call", "check", "explain", "settings", "firewall", "certs", "readyz")
"""Each by the name of its module, which has it under the same name; a group of commands as a `Typer`."""


class _Commands(TyperGroup):
    """Loads only the command that is called: a health check every few seconds must not load a whole server."""

    def list_commands(self, _ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        found = getattr(import_module(f"callrouter.cli.{cmd_name}"), cmd_name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False)
            alone.command(cmd_name)(found)
            found = alone
        return get_command(found)


app = typer.Typer(
    name="callrouter",
    cls=_Commands,
    help="The Exchange UM Call Router without Exchange: answers SIP INVITEs with the documented 302.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(show_version)


def main() -> None:
    """The entry point of `callrouter`."""
    app()
