"""How texts become octets, and names tags."""

import pytest

from callrouter.sip.writer import join, join_in_python, make_tag, make_tag_in_python


def test_join_puts_octets_back_as_they_came() -> None:
    texts = ("Via: a\r\n", "", "\udcff\u00e9", "\U0001f600")
    assert join(texts) == join_in_python(texts) == b"Via: a\r\n\xff\xc3\xa9\xf0\x9f\x98\x80"
    assert join(()) == b""


@pytest.mark.parametrize("name", [0, 1, 2**40 - 1, 2**40, -2, -(2**61) + 3, 0x123456789A])
def test_tag_is_made_of_the_lowest_forty_bits(name: int) -> None:
    assert make_tag(name) == f"{hash(name) & (2**40 - 1):010x}" == make_tag_in_python(name)


def test_what_is_no_text_is_not_joined() -> None:
    with pytest.raises(TypeError):
        join(("a", b"b"))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        make_tag([])  # type: ignore[arg-type]
