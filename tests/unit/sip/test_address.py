import pytest

from callrouter.sip.address import find_tag, parse_address_list, parse_name_addr
from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.uri import parse_uri


@pytest.mark.parametrize(
    ("text", "name", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", {}),
        ("sip:a@b;tag=1", "", "sip:a@b", {"tag": "1"}),
        ("Bob <sip:a@b;lr>;tag=1;x", "Bob", "sip:a@b;lr", {"tag": "1", "x": None}),
        ('"A \\"B\\" <C>" <sip:a@b>', 'A "B" <C>', "sip:a@b", {}),
        ("caller<sip:a@b>;tag=1", "caller", "sip:a@b", {"tag": "1"}),
        (" T. A. Watson  < sip:a@b > ; TAG = 1 ", "T. A. Watson", "sip:a@b", {"tag": "1"}),
        ('"" <tel:+1>', "", "tel:+1", {}),
        ("<not a uri>", "", "not a uri", {}),
    ],
)
def test_parse_name_addr_sound_text_is_taken_apart(
    text: str, name: str, uri: str, params: dict[str, str | None]
) -> None:
    address = parse_name_addr(text)
    assert (address.display_name, address.raw_uri, address.params) == (name, uri, params)
    assert address.tag == (params.get("tag") or "")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "<>",
        "< >",
        '"Mr. J. User <sip:j@x>',
        '"Bob" sip:a@b',
        "<sip:a@b",
        "<sip:a@b> x",
        "<sip:a@b>;",
        "<sip:a@b>;;tag=1",
        "<sip:a@b>;tag=1;tag=2",
        "<sip:a@b>;tag=",
        "<sip:a@b>;tag",
        '<sip:a@b>;x="1',
        "<sip:a@b>;(=1",
    ],
)
def test_parse_name_addr_malformed_text_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_name_addr(text)


def test_name_addr_uri_is_read_when_asked_for() -> None:
    assert parse_name_addr("<sip:a@b>").uri == parse_uri("sip:a@b")
    with pytest.raises(UriError):
        _ = parse_name_addr("<not a uri>").uri


def test_parse_address_list_rows_and_commas_are_one_list_in_order() -> None:
    rows = ['"a, b" <sip:1@h>, <sip:2@h;x=,>', "sip:3@h;tag=t"]
    assert [address.raw_uri for address in parse_address_list(rows)] == ["sip:1@h", "sip:2@h;x=,", "sip:3@h"]


@pytest.mark.parametrize("row", ["<sip:a@b>,", '<sip:a@b>, "x'])
def test_parse_address_list_malformed_entry_raises_header_error(row: str) -> None:
    with pytest.raises(HeaderError):
        parse_address_list([row])


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("<sip:a@b>;tag=x1", "x1"),
        ('"Bob" <sip:a@b>;tag=x1', "x1"),
        ("<sip:a@b>", ""),
        ("<sip:a@b>;q=1;TAG=x1", "x1"),
        ("sip:a@b;tag=x1", "x1"),
        ('"<sip:c@d>;tag=no" <sip:a@b>;tag=yes', "yes"),
    ],
)
def test_find_tag_reads_the_tag_of_the_header_field_only(text: str, tag: str) -> None:
    assert find_tag(text) == tag


def test_find_tag_malformed_text_raises_header_error() -> None:
    with pytest.raises(HeaderError):
        find_tag("<sip:a@b>;tag=1;tag=2")
