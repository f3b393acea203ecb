import pytest

from callrouter.sip.diversion import parse_diversions
from callrouter.sip.errors import HeaderError


def test_parse_diversions_keeps_the_order_most_recent_first() -> None:
    diversions = parse_diversions(
        ['"A, B" <sip:1@h>;reason=No-Answer;counter=1, <tel:+2>;reason="user-busy"', "<sip:3@h>"]
    )
    assert [(each.address.raw_uri, each.reason) for each in diversions] == [
        ("sip:1@h", "no-answer"),
        ("tel:+2", "user-busy"),
        ("sip:3@h", "unknown"),
    ]


def test_parse_diversions_malformed_entry_raises_header_error() -> None:
    with pytest.raises(HeaderError):
        parse_diversions(['<sip:1@h>;reason="open'])
