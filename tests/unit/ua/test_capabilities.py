import pytest

from callrouter.ua.capabilities import ALLOW, CAPABILITIES, find_unsupported, requires_100rel
from tests.unit.sip.messages import make_request


def test_capabilities_name_what_rfc_3261_11_2_asks_for() -> None:
    names = [line.partition(":")[0] for line in CAPABILITIES.splitlines()]
    assert names == ["Allow", "Accept", "Accept-Encoding", "Accept-Language", "Supported"]
    assert {"INVITE", "ACK", "CANCEL", "OPTIONS", "BYE"} <= set(ALLOW.split(", "))


@pytest.mark.parametrize(
    ("rows", "unsupported"), [(None, ""), ("100Rel", ""), ("timer\r\nRequire: x", "timer, x"), ("a b", "")]
)
def test_find_unsupported_lists_what_is_foreign(rows: str | None, unsupported: str) -> None:
    assert find_unsupported(make_request(Require=rows).headers) == unsupported


@pytest.mark.parametrize(
    ("rows", "is_required"),
    [
        ("100rel", True),
        ("100REL", True),
        ("timer , 100rel", True),
        ("timer\r\nRequire: 100rel", True),
        (None, False),
        ("", False),
        ("x100rel", False),
        ("100relx", False),
        ("100rel;x", False),
    ],
)
def test_requires_100rel_reads_whole_tags(rows: str | None, is_required: bool) -> None:
    assert requires_100rel(make_request(Require=rows).headers) is is_required
