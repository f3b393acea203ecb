"""`callrouter lab`: everything on one host with nothing to prepare. Certificates are made on the first start."""

import os
import shutil
import sys
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from rich.console import Console

from callrouter.app import Application
from callrouter.cli.lab_certificates import VarOption, fill_certificates
from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.cli.serve import run_server
from callrouter.preparation import Role
from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings

_COMMAND = "callrouter"
_SIPP_SCENARIO = "three_hops.sipp.xml"
_SIPP_SOCKETS = 1000
"""SIPp refuses to start where its default, 50,000, is more than the process may open."""


def lab(config: ConfigOption = None, set_: SetOption = None, var: VarOption = Path("var")) -> None:
    """Run a router and an emulated Mailbox server for this host and private networks, with certificates of its own."""
    settings = fill_certificates(load_or_exit(config, set_, embedded=lab_toml()), var)
    try:
        _write_scenario(var)
    except OSError as error:
        fail([f"{error.filename}: {error.strerror}"])

    def reread() -> Settings:
        fresh = load_settings(config, environ=os.environ, overrides=set_ or (), embedded=lab_toml())
        return fill_certificates(fresh, var)

    run_server(settings, reread, config, lambda application: _introduce(application, var), Role.ROUTER | Role.MAILBOX)


def _write_scenario(var: Path) -> None:
    """SIPp's own scenarios do not follow a 302; ours is put where the printed line finds it."""
    var.mkdir(parents=True, exist_ok=True)
    text = files("callrouter.cli").joinpath(_SIPP_SCENARIO).read_text("utf-8")
    (var / _SIPP_SCENARIO).write_text(text, "utf-8")


def _introduce(application: Application, var: Path) -> None:
    """Say where everything is and what to try first, in lines that work as printed."""
    console = Console(highlight=False, soft_wrap=True)
    settings = application.settings
    where: list[tuple[str, ...]] = []
    ports: dict[str, int] = {}
    for listener in application.readiness().listeners:
        note = "" if listener.transport == "TCP" else "client certificate needed"
        where.append(("router", f"SIP/{listener.transport}", f"{listener.address} port {listener.port}", note))
        ports[listener.transport] = listener.port
    where.extend(list_mailbox_ports(application))
    if application.admin_address is not None:
        address, port = application.admin_address
        where.append(("API", "HTTP", f"http://{address}:{port}/docs", f"health: http://{address}:{port}/readyz"))
    ca_file = settings.tls.ca_file
    if "TLS" in ports and ca_file is not None:
        where.append(("CA", "", str(ca_file), "give it to your phone or SBC"))
    console.print(
        "[bold]callrouter lab[/bold]: every INVITE is redirected twice, then answered. No audio is sent or read."
    )
    print_columns(console, where)
    console.print("\nPoint a phone at it, or try:\n")
    for line in _list_lines(settings, ports, var):
        console.print(f"  {line}")
    console.print("\nCtrl-C stops it. Each hop of a call gets one line below.\n")


def print_columns(console: Console, rows: Sequence[tuple[str, ...]]) -> None:
    """Rows under each other, never wrapped: what is copied from them has to be whole."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        console.print(f"  {'   '.join(cells).rstrip()}", markup=False)


def list_mailbox_ports(application: Application) -> list[tuple[str, str, str, str]]:
    """Role, transport, place and remark of every port of the emulated Mailbox servers."""
    if application.mailbox is None:
        return []
    rows = []
    for server in application.mailbox.servers:
        for role, listener in server.listeners:
            for address, port in listener.addresses:
                rows.append((role, f"SIP/{listener.transport.value}", f"{address} port {port}", server.name))
    return rows


def _name_command() -> str:
    """How this program was called, so that the same works again: not everybody's path leads to it."""
    program = Path(sys.argv[0])
    if program.name != _COMMAND:
        return f"{sys.executable} -m {_COMMAND}"
    found = shutil.which(_COMMAND)
    return _COMMAND if found and Path(found).samefile(program) else str(program)


def _list_lines(settings: Settings, ports: dict[str, int], var: Path) -> list[str]:
    """Commands that place calls."""
    host = settings.router.bind_address or "127.0.0.1"
    host = f"[{host}]" if ":" in host else host
    lines = []
    if "TCP" in ports:
        at = f"{host}:{ports['TCP']}"
        lines.append(f"{_name_command()} call sip:2001@{at}")
    if "TLS" in ports and settings.tls.ca_file is not None:
        folder = settings.tls.ca_file.parent
        identity = f"--ca {folder / 'ca.pem'} --certificate {folder / 'client.pem'} --key {folder / 'client-key.pem'}"
        if (folder / "client.pem").exists():
            lines.append(f'{_name_command()} call "sip:2001@{host}:{ports["TLS"]};transport=tls" {identity}')
    if "TCP" in ports:
        scenario = var / _SIPP_SCENARIO
        lines.append(f"sipp -sf {scenario} -t tn -max_socket {_SIPP_SOCKETS} -m 1 -s 2001 {at}")
        lines.append(f"sipsak -vv -E tcp -s sip:{at}")
    return lines
