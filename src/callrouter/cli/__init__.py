"""The command line: one file per command. Exit codes: 0 done, 1 a check said no, 2 it could not be done as asked."""

import typer

from callrouter.cli.call import call
from callrouter.cli.certs import certs
from callrouter.cli.check import check
from callrouter.cli.explain import explain
from callrouter.cli.firewall import firewall
from callrouter.cli.lab import lab
from callrouter.cli.mailbox import mailbox
from callrouter.cli.readyz import readyz
from callrouter.cli.serve import serve
from callrouter.cli.settings import settings_app
from callrouter.cli.version import show_version

app = typer.Typer(
    name="callrouter",
    help="The Exchange UM Call Router without Exchange: answers SIP INVITEs with the documented 302.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.callback()(show_version)
app.command()(serve)
app.command()(lab)
app.command()(mailbox)
app.command()(call)
app.command()(check)
app.command()(explain)
app.add_typer(settings_app, name="settings")
app.command()(firewall)
app.command()(certs)
app.command()(readyz)


def main() -> None:
    """The entry point of `callrouter`."""
    app()
