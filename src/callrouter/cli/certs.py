"""`callrouter certs`: a CA and certificates for a lab."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from callrouter.certificates.authority import FILE_NAMES, IncompleteCertificates, write_lab_certificates
from callrouter.certificates.names import host_names
from callrouter.cli.options import fail


def certs(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write; created where it is missing.")],
    host: Annotated[
        list[str] | None,
        typer.Option(
            "--host", help="Name or address of router and Mailbox server; may be given again. Default: this host's."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make a new set over an old one.")] = False,
) -> None:
    """Make a lab CA and certificates for router, Mailbox server and client. Not for production."""
    try:
        made = write_lab_certificates(directory, hosts=host or host_names(), now=datetime.now(UTC), overwrite=force)
    except (IncompleteCertificates, ValueError, OSError) as error:
        fail([str(error)])
    if not made.written:
        typer.echo(f"{directory} has a whole set already; --force makes a new one")
        return
    for name in FILE_NAMES:
        typer.echo(directory / name)
