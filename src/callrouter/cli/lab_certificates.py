"""Certificates for commands that prepare everything themselves: those of the lab, where the settings name none."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from callrouter.certificates.authority import IncompleteCertificates, write_lab_certificates
from callrouter.certificates.names import host_names
from callrouter.cli.options import fail
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode

DEFAULT_VAR = Path("var")
VAR_VARIABLE = "CALLROUTER_VAR"
"""Where the lab keeps what it makes, for every command; the image sets it."""

VarOption: TypeAlias = Annotated[
    Path, typer.Option(envvar=VAR_VARIABLE, help="Where certificates and the SIPp scenario are kept.")
]


def find_lab_certificates() -> Path:
    """The folder of the certificates that a lab here has made, for commands that call it."""
    return Path(os.environ.get(VAR_VARIABLE) or DEFAULT_VAR) / "certs"


def fill_certificates(settings: Settings, var: Path) -> Settings:
    """The settings with the lab's certificates where none are named; they are made where they are missing."""
    tls, mailbox = settings.tls, settings.mailbox
    modes = {settings.router.um_startup_mode, mailbox.um_startup_mode}
    if modes == {StartupMode.TCP} or any((tls.certificate_file, tls.private_key_file, tls.ca_file)):
        return settings
    hosts = (
        settings.router.external_host_fqdn,
        mailbox.advertised_host,
        *(each.advertised_host for each in mailbox.servers),
    )
    own_names = [name for name in hosts if name]
    bound = (settings.router.bind_address, mailbox.bind_address, *(each.bind_address for each in mailbox.servers))
    addresses = [address for address in bound if address]
    try:
        made = write_lab_certificates(
            var / "certs", hosts=[*own_names, *addresses, *host_names()], now=datetime.now(UTC)
        )
    except (IncompleteCertificates, ValueError) as error:
        fail([str(error)])
    except OSError as error:
        fail([f"{error.filename}: {error.strerror}; the lab keeps its certificates there (--var, {VAR_VARIABLE})"])
    filled = tls.model_copy(
        update={
            "certificate_file": made.router_file,
            "private_key_file": made.router_key_file,
            "ca_file": made.ca_file,
        }
    )
    if mailbox.certificate_file is None and mailbox.private_key_file is None:
        mailbox = mailbox.model_copy(
            update={"certificate_file": made.mailbox_file, "private_key_file": made.mailbox_key_file}
        )
    return settings.model_copy(update={"tls": filled, "mailbox": mailbox})
