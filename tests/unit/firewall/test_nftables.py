import re

import pytest

from callrouter.firewall.nftables import render_nftables
from callrouter.firewall.rules import build_rules
from callrouter.firewall.source import Source
from callrouter.settings.model import Settings
from tests.unit.firewall.samples import HEAD, HOST, IPV4, IPV6, RULES

WARNING = [
    "An accept does not undo the drop of another table: where one drops by default, put the lines that say",
    "accept into its chain (docs/howto/firewall.md).",
]


def render_chain(*sources: Source) -> list[str]:
    """What is in the chain below its own line, without indentation."""
    text = render_nftables(RULES, sources)
    chain = text.partition("policy accept;\n\n")[2].removesuffix("    }\n}\n")
    assert all(line.startswith(" " * 8) for line in chain.splitlines())
    return [line.removeprefix(" " * 8) for line in chain.splitlines()]


def test_table_is_made_anew_and_stands_below_what_is_said_about_it() -> None:
    lines = render_nftables(RULES, ()).splitlines()
    assert lines[: len(HEAD) + len(WARNING)] == [f"# {line}" for line in (*HEAD, *WARNING)]
    assert lines[len(HEAD) + len(WARNING) :][:8] == [
        "",
        "add table inet callrouter",
        "delete table inet callrouter",
        "",
        "table inet callrouter {",
        "    chain input {",
        "        type filter hook input priority filter; policy accept;",
        "",
    ]
    assert lines[-2:] == ["    }", "}"]


def test_rules_without_sources_accept_anyone_and_drop_nobody() -> None:
    assert render_chain() == [
        "# SESWorker (GFW) (TCP-In): left out",
        "# SIP",
        'tcp dport { 5060, 5061 } accept comment "UMCallRouter (GFW) (TCP-In)"',
        'tcp dport { 5060, 5061 } accept comment "UMCallRouter (TCP-In)"',
        "# SIP over TCP 5062",
        'tcp dport { 5062 } accept comment "UMService (TCP-In)"',
    ]


def test_rules_with_sources_accept_each_family_for_itself_and_drop_the_others() -> None:
    assert render_chain(IPV4, HOST, IPV6)[-4:] == [
        'ip saddr { 192.0.2.0/24, 198.51.100.7/32 } tcp dport { 5062 } accept comment "UMService (TCP-In)"',
        'ip6 saddr { 2001:db8::/32 } tcp dport { 5062 } accept comment "UMService (TCP-In)"',
        "# Nobody else, but for this host itself; connections that are open stay so",
        'iifname != "lo" ct state new tcp dport { 5060, 5061, 5062 } drop',
    ]


@pytest.mark.parametrize("sources", [(IPV4,), (IPV6,)], ids=["IPv4", "IPv6"])
def test_family_without_sources_is_not_let_in(sources: tuple[Source, ...]) -> None:
    chain = "\n".join(render_chain(*sources))
    assert chain.count("accept comment") == 3
    assert set(re.findall(r"(ip6?) saddr", chain)) == {"ip" if sources == (IPV4,) else "ip6"}
    assert " drop" in chain


def test_comments_of_rules_are_no_longer_than_nft_takes() -> None:
    assert max(len(rule.name) for rule in build_rules(Settings())) <= 128
