import re

import pytest

from callrouter.firewall.netsh import render_netsh
from callrouter.firewall.source import Source
from tests.unit.firewall.samples import EVERY_IPV4, EVERY_IPV6, HEAD, HOST, IPV4, IPV6, RULES

ADD = "netsh advfirewall firewall add rule"


def test_rules_are_lines_to_paste_each_under_what_is_said_about_it() -> None:
    assert render_netsh(RULES, ()).splitlines() == [
        *(f"rem {line}" for line in HEAD),
        "rem SESWorker (GFW) (TCP-In): left out",
        "rem SIP",
        f'{ADD} name="UMCallRouter (GFW) (TCP-In)" dir=in action=allow protocol=TCP localport="5060,5061"',
        f'{ADD} name="UMCallRouter (TCP-In)" dir=in action=allow protocol=TCP localport="5060,5061"',
        "rem SIP over TCP 5062",
        f'{ADD} name="UMService (TCP-In)" dir=in action=allow protocol=TCP localport="5062"',
    ]


@pytest.mark.parametrize(
    ("sources", "remote"),
    [
        ((IPV4,), "192.0.2.0/24"),
        ((IPV4, HOST, IPV6), "192.0.2.0/24,198.51.100.7/32,2001:db8::/32"),
        # A prefix of length 0 is no subnet to Windows Firewall.
        ((EVERY_IPV4,), "0.0.0.0/1,128.0.0.0/1"),
        ((IPV4, EVERY_IPV6), "192.0.2.0/24,::/1,8000::/1"),
    ],
)
def test_rules_with_sources_name_them_all_in_every_rule(sources: tuple[Source, ...], remote: str) -> None:
    printed = render_netsh(RULES, sources)
    assert re.findall(r' remoteip="(.*)"$', printed, re.MULTILINE) == [remote] * 3


def test_lines_hold_nothing_that_a_prompt_takes_for_its_own() -> None:
    # Redirections, pipes, variables; commas and parentheses stand in quotes, but for remarks.
    printed = render_netsh(RULES, (IPV4, IPV6))
    assert not re.search(r"[&|<>^%$`]", printed)
    for line in printed.splitlines():
        if not line.startswith("rem "):
            assert not re.search(r"[,()]", re.sub(r'"[^"]*"', "", line))
