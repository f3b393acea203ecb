import pytest

from callrouter.sip.contact import parse_contacts
from callrouter.sip.errors import HeaderError


def test_parse_contacts_rows_and_commas_keep_their_order() -> None:
    contacts = parse_contacts(["<sip:1@h>;q=0.5, <sip:2@h>", "sip:3@h;q=1.000;expires=60"])
    assert [(each.address.raw_uri, each.q, each.expires) for each in contacts] == [
        ("sip:1@h", 0.5, None),
        ("sip:2@h", 1.0, None),
        ("sip:3@h", 1.0, 60),
    ]


@pytest.mark.parametrize("q", ["2", "1.5", "1.001", "0.1234", "-0", "0.x", "", ".5", "1e0", "\u0661"])
def test_parse_contacts_q_outside_its_grammar_raises_header_error(q: str) -> None:
    with pytest.raises(HeaderError):
        parse_contacts([f"<sip:1@h>;q={q}"])


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [("0", 0), ("4294967295", 2**32 - 1), ("4294967296", 3600), ("99999999999999999999", 3600), ("soon", 3600)],
)
def test_parse_contacts_malformed_expires_counts_as_an_hour(expires: str, seconds: int) -> None:
    assert parse_contacts([f"<sip:1@h>;expires={expires}"])[0].expires == seconds


def test_parse_contacts_without_rows_is_empty() -> None:
    assert parse_contacts([]) == ()
