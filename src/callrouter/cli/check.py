"""`callrouter check`: would it start? All errors at once; no port is opened."""

from datetime import UTC, datetime

import typer

from callrouter.certificates.inspect import days_left
from callrouter.cli.admin_token import find_token_problem
from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.preparation import StartError, prepare


def check(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Check settings, directory and certificates; exit code 0 when the router would start, 2 when not."""
    settings = load_or_exit(config, set_)
    problems = find_token_problem(settings)
    try:
        prepared = prepare(settings)
    except StartError as error:
        fail((*error.problems, *problems))
    if problems:
        fail(problems)
    directory, router = prepared.directory, settings.router
    typer.echo(f"settings     {config or 'defaults and environment'}: good")
    typer.echo(
        f"directory    {prepared.origin.source}: {len(directory.gateways)} gateways, {len(directory.servers)} servers"
    )
    now = datetime.now(UTC)
    for file, facts in prepared.certificates:
        typer.echo(f"certificate  {file}: {facts.subject}, {days_left(facts, now)} days left")
    typer.echo(
        f"ports        {router.um_startup_mode}:"
        f" TCP {router.sip_tcp_listening_port}, TLS {router.sip_tls_listening_port}"
    )
    if not directory.gateways:
        typer.secho("warning: without a gateway every call is answered 403", fg=typer.colors.YELLOW, err=True)
    if not directory.servers:
        typer.secho("warning: without a server every call is answered 503", fg=typer.colors.YELLOW, err=True)
