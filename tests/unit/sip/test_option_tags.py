import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.option_tags import parse_token_list


def test_parse_token_list_rows_and_commas_are_one_list() -> None:
    assert parse_token_list(["100rel, timer", "", "path"]) == ("100rel", "timer", "path")
    assert parse_token_list([]) == ()


@pytest.mark.parametrize("row", [",", "a,,b", "a b", "a\r\nb", "a;b", "<a>"])
def test_parse_token_list_what_is_no_token_raises_header_error(row: str) -> None:
    with pytest.raises(HeaderError):
        parse_token_list([row])
