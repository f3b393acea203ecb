"""Rules for Windows: lines for an elevated prompt. Lists are quoted, because PowerShell takes a bare comma for its own.

Windows Firewall lets nobody in without a rule, so that the sources need no second rule that refuses the others.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from callrouter.firewall.rules import Rule, describe_rules
from callrouter.firewall.source import Source, split_families

_COMMAND = "netsh advfirewall firewall add rule"


def render_netsh(rules: Sequence[Rule], sources: Sequence[Source]) -> str:
    """One `netsh` line for each rule; what is said about them are `rem` lines. Without sources anyone may connect."""
    lines = [f"rem {line}" for line in describe_rules(rules)]
    for remark, group in groupby(rules, attrgetter("remark")):
        alike = list(group)
        if alike[0].ports:
            lines.append(f"rem {remark}")
            lines.extend(_write_rule(rule, sources) for rule in alike)
        else:
            lines.extend(f"rem {rule.name}: {remark}" for rule in alike)
    return "\n".join(lines) + "\n"


def _write_rule(rule: Rule, sources: Sequence[Source]) -> str:
    ports = ",".join(map(str, rule.ports))
    line = f'{_COMMAND} name="{rule.name}" dir=in action=allow protocol=TCP localport="{ports}"'
    return f'{line} remoteip="{",".join(map(str, _list_subnets(sources)))}"' if sources else line


def _list_subnets(sources: Sequence[Source]) -> Iterator[Source]:
    """All of IPv4 or of IPv6 is written as its halves: a prefix of length 0 is no subnet to Windows Firewall."""
    for _, family in split_families(sources):
        for source in family:
            if source.prefixlen:
                yield source
            else:
                yield from source.subnets()
