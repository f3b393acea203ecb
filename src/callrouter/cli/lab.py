"""`callrouter lab`: everything on one host with nothing to prepare. Certificates are made on the first start."""

import os
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from callrouter.app import Application
from callrouter.certificates.authority import IncompleteCertificates, write_lab_certificates
from callrouter.certificates.names import host_names
from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.cli.serve import run_server
from callrouter.settings.lab import lab_toml
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings, StartupMode

_SIPP_SCENARIO = "redirect.sipp.xml"


def lab(
    config: ConfigOption = None,
    set_: SetOption = None,
    var: Annotated[Path, typer.Option(help="Where certificates and the SIPp scenario are kept.")] = Path("var"),
) -> None:
    """Run a router that takes calls from this host and private networks, with certificates of its own making."""
    settings = load_or_exit(config, set_, embedded=lab_toml())
    try:
        settings = _with_certificates(settings, var / "certs")
        scenario = _write_scenario(var)
    except (IncompleteCertificates, ValueError, OSError) as error:
        fail([str(error)])

    def reread() -> Settings:
        fresh = load_settings(config, environ=os.environ, overrides=set_ or (), embedded=lab_toml())
        return _with_certificates(fresh, var / "certs")

    run_server(settings, reread, config, lambda application: _introduce(application, scenario))


def _with_certificates(settings: Settings, directory: Path) -> Settings:
    """The settings with the lab's certificates where none are named."""
    tls = settings.tls
    named = (tls.certificate_file, tls.private_key_file, tls.ca_file)
    if settings.router.um_startup_mode is StartupMode.TCP or any(named):
        return settings
    own_name = settings.router.external_host_fqdn
    made = write_lab_certificates(
        directory, hosts=[*([own_name] if own_name else []), *host_names()], now=datetime.now(UTC)
    )
    filled = tls.model_copy(
        update={
            "certificate_file": made.router_file,
            "private_key_file": made.router_key_file,
            "ca_file": made.ca_file,
        }
    )
    return settings.model_copy(update={"tls": filled})


def _write_scenario(var: Path) -> Path:
    """SIPp's own scenarios do not expect a 302; ours is put where the printed line finds it."""
    scenario = var / _SIPP_SCENARIO
    var.mkdir(parents=True, exist_ok=True)
    scenario.write_text(files("callrouter.cli").joinpath(_SIPP_SCENARIO).read_text("utf-8"), "utf-8")
    return scenario


def _introduce(application: Application, scenario: Path) -> None:
    """Say where everything is and what to try first, in lines that work as printed."""
    console = Console(highlight=False, soft_wrap=True)
    tls = application.settings.tls
    where = Table.grid(padding=(0, 3))
    tcp_port = tls_port = 0
    for listener in application.readiness().listeners:
        note = "" if listener.transport == "TCP" else "client certificate needed"
        where.add_row(f"SIP/{listener.transport}", f"{listener.address} port {listener.port}", note)
        if listener.transport == "TCP":
            tcp_port = listener.port
        else:
            tls_port = listener.port
    if application.admin_address is not None:
        address, port = application.admin_address
        where.add_row("API", f"http://{address}:{port}/docs", f"health: http://{address}:{port}/readyz")
    if tls_port and tls.ca_file and tls.certificate_file:
        where.add_row("CA", str(tls.ca_file), "give it to your phone or SBC")
    console.print("[bold]callrouter lab[/bold]: every INVITE gets its 302. Point a phone at it, or try:")
    console.print(where)
    if tcp_port:
        console.print(f"\n  sipp -sf {scenario} -t t1 -m 1 -s 2001 127.0.0.1:{tcp_port}")
        console.print(f"  sipsak -vv -E tcp -s sip:127.0.0.1:{tcp_port}")
    if tls_port and tls.ca_file and (client := tls.ca_file.with_name("client.pem")).exists():
        key = tls.ca_file.with_name("client-key.pem")
        console.print(
            f"  openssl s_client -connect 127.0.0.1:{tls_port} -CAfile {tls.ca_file} -cert {client} -key {key} -brief"
        )
    console.print("\nCtrl-C stops it. Each call gets one line below.\n")
