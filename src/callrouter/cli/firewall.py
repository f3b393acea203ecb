"""`callrouter firewall`: the inbound rules of Exchange setup, with the ports of these settings, for three firewalls."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, TypeAlias

import typer

from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.firewall.netsh import render_netsh
from callrouter.firewall.network_policy import render_network_policy
from callrouter.firewall.nftables import render_nftables
from callrouter.firewall.rules import Role, Rule, RuleError, build_rules
from callrouter.firewall.source import Source, SourceError, parse_sources
from callrouter.settings.lab import lab_toml

_Render: TypeAlias = Callable[[Sequence[Rule], Sequence[Source]], str]


class Format(StrEnum):
    """Who reads the rules."""

    NFTABLES = "nftables"
    NETSH = "netsh"
    NETWORKPOLICY = "networkpolicy"


class Roles(StrEnum):
    """Whose rules are wanted."""

    ROUTER = "router"
    MAILBOX = "mailbox"
    ALL = "all"


_RENDERERS: Mapping[Format, _Render] = MappingProxyType(
    {Format.NFTABLES: render_nftables, Format.NETSH: render_netsh, Format.NETWORKPOLICY: render_network_policy}
)
_ROLES: Mapping[Roles, tuple[Role, ...]] = MappingProxyType(
    {Roles.ROUTER: (Role.ROUTER,), Roles.MAILBOX: (Role.MAILBOX,), Roles.ALL: tuple(Role)}
)


def firewall(
    format_: Annotated[
        Format,
        typer.Option("--format", "-f", case_sensitive=False, help="For nft, for Windows or for Kubernetes."),
    ] = Format.NFTABLES,
    role: Annotated[Roles, typer.Option(case_sensitive=False, help="Whose ports.")] = Roles.ALL,
    source: Annotated[
        list[str] | None,
        typer.Option(metavar="CIDR", help="Who may connect; may be given again. Default: anyone."),
    ] = None,
    config: ConfigOption = None,
    set_: SetOption = None,
) -> None:
    """Print firewall rules that let calls in, under their documented names and with the ports of the settings."""
    settings = load_or_exit(config, set_, embedded=lab_toml())
    try:
        sources = parse_sources(source or ())
        rules = build_rules(settings, _ROLES[role])
    except SourceError as error:
        fail([f"--source {problem}" for problem in error.problems])
    except RuleError as error:
        fail(error.problems)
    typer.echo(_RENDERERS[format_](rules, sources), nl=False)
