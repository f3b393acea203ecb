"""Text of a peer, made safe to show."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.observability.text import visible_text

ANY_TEXT = st.text(st.characters(categories=None))


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("", ""),
        ("a84b4c76e66710@pc33", "a84b4c76e66710@pc33"),
        ("Zoë ☎", "Zoë ☎"),
        ("a\r\nb\tc", "a\\r\\nb\\tc"),
        ("\x1b[31mred\x00\x7f", "\\x1b[31mred\\x00\\x7f"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
        ("a\u2028b\u202ec\x85", "a\\u2028b\\u202ec\\u0085"),
        ("\U000e0001", "\\U000e0001"),
        ("back\\slash", "back\\slash"),
    ],
)
def test_visible_text_shows_what_does_not_print_as_escapes(raw: str, shown: str) -> None:
    assert visible_text(raw) == shown


@given(raw=ANY_TEXT)
def test_visible_text_of_anything_is_one_printable_line_that_encodes(raw: str) -> None:
    shown = visible_text(raw)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert shown.encode().decode() == shown


@given(raw=ANY_TEXT)
def test_visible_text_twice_is_the_same_as_once(raw: str) -> None:
    assert visible_text(visible_text(raw)) == visible_text(raw)
