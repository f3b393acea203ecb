"""What reads one value raises nothing but its documented error, agrees with its short cuts, and stays linear."""

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sip.address import find_tag, parse_address_list, parse_name_addr
from callrouter.sip.contact import parse_contacts
from callrouter.sip.content import (
    parse_call_id,
    parse_content_length,
    parse_content_type,
    parse_disposition,
    parse_max_forwards,
)
from callrouter.sip.cseq import parse_cseq
from callrouter.sip.diversion import parse_diversions
from callrouter.sip.errors import HeaderError, MalformedError, ParamError, UriError
from callrouter.sip.grammar import decode, encode, is_param_value, quoted
from callrouter.sip.headers import canonical_name
from callrouter.sip.history_info import parse_history_info
from callrouter.sip.message import Request
from callrouter.sip.option_tags import parse_token_list
from callrouter.sip.params import parse_params, split_outside_quotes, unquote
from callrouter.sip.parser import parse_head
from callrouter.sip.uri import canonical_ipv6, equivalent, parse_host_port, parse_uri, unescape
from callrouter.sip.via import parse_via, split_vias, stamp_via
from callrouter.testing.strategies import hostile_text, name_addrs, quoted_strings, tokens, uris, via_values
from tests.cost import processor_seconds

LARGE = 65536
MOST_SECONDS = 0.5
HOSTILE_UNITS = (
    *('"', "\\", '"\\', '"\\"', "<", "<>", "><", ";", ",", ";a=", ';a="', "%", "%4", "%41", ":", "[", "/", "@", "."),
    *("\t", "\r\n ", "\r\n"),
)


def read_diversions(text: str) -> list[str]:
    return [diversion.reason for diversion in parse_diversions([text])]


def read_history(text: str) -> list[tuple[str, str]]:
    return [(entry.index, entry.reason) for entry in parse_history_info([text])]


def read_uri(text: str) -> bool:
    uri = parse_uri(text)
    return equivalent(uri, uri)


def read_via(text: str) -> str:
    return stamp_via(text, parse_via(text), "192.0.2.1", 5060)


READERS: dict[str, tuple[Callable[[str], object], tuple[type[MalformedError], ...]]] = {
    "name-addr": (parse_name_addr, (HeaderError,)),
    "address-list": (lambda text: parse_address_list([text]), (HeaderError,)),
    "tag": (find_tag, (HeaderError,)),
    "contact": (lambda text: parse_contacts([text]), (HeaderError,)),
    "diversion": (read_diversions, (HeaderError,)),
    "history-info": (read_history, (HeaderError,)),
    "call-id": (parse_call_id, (HeaderError,)),
    "content-length": (parse_content_length, (HeaderError,)),
    "max-forwards": (parse_max_forwards, (HeaderError,)),
    "content-type": (parse_content_type, (HeaderError,)),
    "disposition": (parse_disposition, (HeaderError,)),
    "cseq": (parse_cseq, (HeaderError,)),
    "token-list": (lambda text: parse_token_list([text]), (HeaderError,)),
    "params": (parse_params, (ParamError,)),
    "split": (lambda text: split_outside_quotes(text, ";"), (ParamError,)),
    "vias": (split_vias, (HeaderError,)),
    "via": (read_via, (HeaderError,)),
    "uri": (read_uri, (UriError,)),
    "host-port": (parse_host_port, (UriError,)),
    "ipv6": (canonical_ipv6, (UriError,)),
    "unescape": (unescape, ()),
    "unquote": (unquote, ()),
    "canonical-name": (canonical_name, ()),
    "param-value": (is_param_value, ()),
}
"""What reads a text, and all that it may raise."""


def outcome(name: str, text: str) -> object:
    read, errors = READERS[name]
    try:
        return read(text)
    except errors as error:
        return type(error)


@given(hostile_text() | st.tuples(hostile_text(), via_values() | uris(), hostile_text()).map("".join))
@example("SIP/2.0/")
@example("SIP/2.0/TCP")
@example(" / / ")
@example("")
@example("\u212a=1")
def test_readers_any_text_raise_only_what_they_document_and_always_the_same(text: str) -> None:
    first = {name: repr(outcome(name, text)) for name in READERS}
    assert {name: repr(outcome(name, text)) for name in READERS} == first


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("unit", HOSTILE_UNITS, ids=repr)
def test_readers_value_of_64_kilobytes_cost_little(name: str, unit: str) -> None:
    body = unit * (LARGE // len(unit))
    texts = (body, f'"{body}', f"sip:{body}", f"SIP/2.0/TCP h;a={body}", f"<sip:a@b>;{body}")
    assert processor_seconds(lambda: [outcome(name, text) for text in texts]) < MOST_SECONDS


@given(hostile_text())
def test_parse_head_any_text_is_a_message_without_line_ends_in_its_values(text: str) -> None:
    message = parse_head(text, 256)
    assert not [value for _, value in message.headers.items() if "\r" in value or "\n" in value]


@pytest.mark.parametrize("unit", ["a:\r\n", "\r\n", "\r\n ", "\r", "\n", ":", "\r\na", "v:,\r\n", "\r\n a"], ids=repr)
def test_parse_head_of_64_kilobytes_costs_little(unit: str) -> None:
    head = "INVITE sip:a SIP/2.0\r\n" + unit * (LARGE // len(unit))
    assert processor_seconds(lambda: parse_head(head, 256)) < MOST_SECONDS
    message = parse_head(head, 256)
    assert isinstance(message, Request)
    assert message.defects


@given(st.binary())
def test_decode_any_octets_is_undone_by_encode(octets: bytes) -> None:
    assert encode(decode(octets)) == octets


def tag_or_error(read: Callable[[str], str], text: str) -> str | None:
    try:
        return read(text)
    except HeaderError:
        return None


@given(name_addrs(st.just("") | tokens()))
def test_find_tag_sound_address_is_that_of_parse_name_addr(text: str) -> None:
    assert find_tag(text) == parse_name_addr(text).tag


@given(hostile_text() | st.tuples(name_addrs(tokens()), hostile_text()).map("".join))
@example('"a" "<b>')
@example('<a"b"c>;tag=x')
@example('"<" <sip:a>;tag=1')
@example("a<b>;tag=x ")
@example("<sip:a>;tag")
@example('"a<b"c>;tag=1')
def test_find_tag_any_text_is_that_of_parse_name_addr(text: str) -> None:
    assert tag_or_error(find_tag, text) == tag_or_error(lambda each: parse_name_addr(each).tag, text)


@given(hostile_text())
def test_quoted_any_text_is_undone_by_unquote(text: str) -> None:
    clean = text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    assert unquote(quoted(text)) == clean
    assert is_param_value(quoted(text))


@given(st.lists(quoted_strings() | tokens() | st.just("<a;b,c>"), min_size=1, max_size=6), st.sampled_from(",;"))
def test_split_outside_quotes_joined_pieces_come_back(pieces: list[str], separator: str) -> None:
    assert split_outside_quotes(separator.join(pieces), separator) == pieces


@given(st.dictionaries(tokens().map(str.lower), st.none() | tokens() | quoted_strings(), max_size=5))
def test_parse_params_written_parameters_come_back(params: dict[str, str | None]) -> None:
    text = " ; ".join(name if value is None else f"{name.upper()} = {value}" for name, value in params.items())
    assert (parse_params(text) if text else {}) == params
