import pytest

from callrouter.sip.content import (
    MediaType,
    parse_call_id,
    parse_content_length,
    parse_content_type,
    parse_disposition,
    parse_max_forwards,
)
from callrouter.sip.errors import HeaderError


@pytest.mark.parametrize(("text", "length"), [("0", 0), ("0150", 150), ("9" * 18, int("9" * 18))])
def test_parse_content_length_digits_are_read(text: str, length: int) -> None:
    assert parse_content_length(text) == length


@pytest.mark.parametrize("text", ["", "-1", "+1", "1 ", "1,1", "0x1", "1.0", "\u0661", "9" * 19])
def test_parse_content_length_anything_else_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_content_length(text)


@pytest.mark.parametrize(("text", "hops"), [("0", 0), ("0068", 68), ("255", 255)])
def test_parse_max_forwards_up_to_255_is_read(text: str, hops: int) -> None:
    assert parse_max_forwards(text) == hops


@pytest.mark.parametrize("text", ["", "256", "-1", "x", "9" * 5000])
def test_parse_max_forwards_anything_else_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_max_forwards(text)


@pytest.mark.parametrize("text", ["a", "a@b", "A@b", "\u00e9(<>)@[::1]"])
def test_parse_call_id_without_white_space_stays_octet_for_octet(text: str) -> None:
    assert parse_call_id(text) == text


@pytest.mark.parametrize("text", ["", "a b", "a\tb"])
def test_parse_call_id_empty_or_with_white_space_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_call_id(text)


def test_parse_content_type_is_lower_cased_with_its_parameters() -> None:
    assert parse_content_type('Application / SDP ; Charset="UTF-8"') == MediaType(
        "application", "sdp", {"charset": '"UTF-8"'}
    )


@pytest.mark.parametrize("text", ["", "sdp", "a/", "/b", "a/b/c", "a/b;", 'a/b;c="', "a b/c"])
def test_parse_content_type_malformed_text_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_content_type(text)


@pytest.mark.parametrize(
    ("text", "kind", "is_optional"),
    [("session", "session", False), ("Render;Handling=OPTIONAL", "render", True), ("a;handling=required", "a", False)],
)
def test_parse_disposition_tells_whether_it_is_optional(text: str, kind: str, is_optional: bool) -> None:
    disposition = parse_disposition(text)
    assert (disposition.type, disposition.is_optional) == (kind, is_optional)


@pytest.mark.parametrize("text", ["", "a b", ";handling=optional", "a;"])
def test_parse_disposition_malformed_text_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_disposition(text)
