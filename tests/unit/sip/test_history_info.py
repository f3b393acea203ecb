import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.history_info import parse_history_info


def test_parse_history_info_reads_index_and_escaped_reason() -> None:
    entries = parse_history_info(
        ["<sip:u@h?Reason=SIP%3Bcause%3D486%3Btext%3D%22Busy%22&x=y>;index=1, <sip:p@h>;index=1.1", "<sip:q@h?x=y>"]
    )
    assert [(entry.index, entry.reason) for entry in entries] == [
        ("1", 'SIP;cause=486;text="Busy"'),
        ("1.1", ""),
        ("", ""),
    ]


def test_parse_history_info_malformed_entry_raises_header_error() -> None:
    with pytest.raises(HeaderError):
        parse_history_info(["<sip:u@h"])
