"""`callrouter mailbox`: emulated Mailbox servers alone, signalling only; the router is elsewhere."""

import os
from pathlib import Path

from rich.console import Console

from callrouter.app import Application
from callrouter.cli.lab import list_mailbox_ports, print_columns
from callrouter.cli.lab_certificates import VarOption, fill_certificates
from callrouter.cli.options import ConfigOption, SetOption, load_or_exit
from callrouter.cli.serve import run_server
from callrouter.preparation import Role
from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings


def mailbox(config: ConfigOption = None, set_: SetOption = None, var: VarOption = Path("var")) -> None:
    """Run emulated Mailbox servers: the UM service on 5062/5063 and its worker on 5065 to 5068.

    Calls are answered in SIP; no audio is sent or read. Without --config it takes calls from this host and private
    networks, with certificates of its own making, as the lab does.
    """
    settings = fill_certificates(load_or_exit(config, set_, embedded=lab_toml()), var)

    def reread() -> Settings:
        fresh = load_settings(config, environ=os.environ, overrides=set_ or (), embedded=lab_toml())
        return fill_certificates(fresh, var)

    run_server(settings, reread, config, _introduce, Role.MAILBOX)


def _introduce(application: Application) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print("[bold]callrouter mailbox[/bold]: calls are answered in SIP, without audio.")
    where = list_mailbox_ports(application)
    if application.admin_address is not None:
        address, port = application.admin_address
        where.append(("API", "HTTP", f"http://{address}:{port}/docs", f"health: http://{address}:{port}/readyz"))
    print_columns(console, where)
    console.print("\nCtrl-C stops it. Each hop of a call gets one line below.\n")
