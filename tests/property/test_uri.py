"""URIs come back from their text, and compare as RFC 3261 19.1.4 and RFC 3966 4 say."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sip.errors import UriError
from callrouter.sip.uri import SipUri, Uri, equivalent, parse_uri
from callrouter.testing.strategies import hostile_text, uris

EQUAL = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    ("sip:carol@chicago.com;newparam=5", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
]
"""The pairs that 19.1.4 calls equivalent."""
UNEQUAL = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
]
"""The pairs that 19.1.4 calls not equivalent."""


def without_password(uri: Uri) -> Uri:
    if not isinstance(uri, SipUri):
        return uri
    return SipUri(uri.scheme, uri.user, uri.host, uri.port, uri.params, uri.headers)


@given(uris())
def test_parse_uri_sound_text_is_read(text: str) -> None:
    assert parse_uri(text) == parse_uri(text)
    assert parse_uri(str(parse_uri(text))) == parse_uri(text)


def read(text: str) -> Uri | None:
    try:
        return parse_uri(text)
    except UriError:
        return None


@given(st.tuples(uris(), st.integers(0, 40), st.sampled_from("@:;?=&%[]()-.#5aA ") | hostile_text()))
@example(("sip:user:secret@host", 0, ""))
@example(("sip:[::ffff:192.0.2.1]", 0, ""))
def test_parse_uri_text_of_a_uri_gives_an_equal_uri_without_its_password(case: tuple[str, int, str]) -> None:
    sound, place, put_in = case
    uri = read(sound[:place] + put_in + sound[place:])
    assert uri is None or parse_uri(str(uri)) == without_password(uri)


@given(uris(), uris())
def test_equivalent_any_two_uris_is_reflexive_and_symmetric(one: str, other: str) -> None:
    mine, theirs = parse_uri(one), parse_uri(other)
    assert equivalent(mine, mine)
    assert equivalent(theirs, theirs)
    assert equivalent(mine, theirs) == equivalent(theirs, mine)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equivalent_equal_pairs_of_the_rfc_are_equal_both_ways(one: str, other: str) -> None:
    assert equivalent(parse_uri(one), parse_uri(other))
    assert equivalent(parse_uri(other), parse_uri(one))


@pytest.mark.parametrize(("one", "other"), UNEQUAL)
def test_equivalent_unequal_pairs_of_the_rfc_are_unequal_both_ways(one: str, other: str) -> None:
    assert not equivalent(parse_uri(one), parse_uri(other))
    assert not equivalent(parse_uri(other), parse_uri(one))
