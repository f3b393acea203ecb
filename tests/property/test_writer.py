"""The compiled writer says what the one in Python says."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sip.writer import join, join_in_python, make_tag, make_tag_in_python

TEXTS = st.one_of(st.text(st.characters(max_codepoint=0x7F)), st.text(), st.text(st.characters(categories=["Cs"])))
# Octets outside UTF-8 come as surrogates (`grammar.decode`).
ESCAPED = st.binary(max_size=8).map(lambda octets: octets.decode("utf-8", "surrogateescape"))


@given(st.lists(st.one_of(TEXTS, ESCAPED), max_size=8).map(tuple))
@example(())
@example(("", ""))
@example(("a", "\xe9", "\udcff", "\U0001f600"))
@example(("\udcc3", "\udca9"))  # two halves that only together are a letter
def test_both_writers_join_alike(texts: tuple[str, ...]) -> None:
    try:
        joined = join_in_python(texts)
    except UnicodeEncodeError:  # a surrogate that stands for no octet, which `decode` never makes
        with pytest.raises(UnicodeEncodeError):
            join(texts)
    else:
        assert join(texts) == joined


@given(st.tuples(st.binary(), st.text(), st.text() | st.none(), st.integers()))
def test_both_writers_make_the_same_tags(name: tuple[object, ...]) -> None:
    tag = make_tag(name)
    assert tag == make_tag_in_python(name)
    assert len(tag) == 10
    assert set(tag) <= set("0123456789abcdef")
