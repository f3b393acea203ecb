"""Rules for nft: a table of our own that can be loaded again and again, in lines that also fit into another chain.

nft asks every base chain: an accept here ends this chain alone, so that a table that drops by default still drops. A
drop is final, which is what restricts the sources.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import attrgetter

from callrouter.firewall.rules import Rule, describe_rules
from callrouter.firewall.source import Source, split_families

_TABLE = "inet callrouter"
_SADDR = {4: "ip saddr", 6: "ip6 saddr"}
_INDENT = " " * 8


def render_nftables(rules: Sequence[Rule], sources: Sequence[Source]) -> str:
    """The input of `nft -f`. Without sources anyone may connect; with them, everyone else is dropped at these ports."""
    lines = [
        *(f"# {line}" for line in describe_rules(rules)),
        "# An accept does not undo the drop of another table: where one drops by default, put the lines that say",
        "# accept into its chain (docs/howto/firewall.md).",
        "",
        f"add table {_TABLE}",
        f"delete table {_TABLE}",
        "",
        f"table {_TABLE} {{",
        "    chain input {",
        f"{_INDENT}type filter hook input priority filter; policy accept;",
        "",
        *(f"{_INDENT}{statement}" for statement in _write_statements(rules, sources)),
        "    }",
        "}",
    ]
    return "\n".join(lines) + "\n"


def _write_statements(rules: Sequence[Rule], sources: Sequence[Source]) -> Iterator[str]:
    for remark, group in groupby(rules, attrgetter("remark")):
        alike = list(group)
        if not alike[0].ports:
            yield from (f"# {rule.name}: {remark}" for rule in alike)
            continue
        yield f"# {remark}"
        for rule in alike:
            yield from (
                f'{match}tcp dport {_write_set(rule.ports)} accept comment "{rule.name}"'
                for match in _write_matches(sources)
            )
    if sources:
        ports = sorted({port for rule in rules for port in rule.ports})
        yield "# Nobody else, but for this host itself; connections that are open stay so"
        yield f'iifname != "lo" ct state new tcp dport {_write_set(ports)} drop'


def _write_matches(sources: Sequence[Source]) -> list[str]:
    """What a packet must come from: nft compares the addresses of one family at a time."""
    return [f"{_SADDR[version]} {_write_set(family)} " for version, family in split_families(sources)] or [""]


def _write_set(elements: Sequence[object]) -> str:
    return f"{{ {', '.join(map(str, elements))} }}"
