import pytest

from callrouter.sip.errors import ParamError
from callrouter.sip.params import end_of_quoted, parse_params, split_outside_quotes, unquote


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a,b", ["a", "b"]),
        ("", [""]),
        (",", ["", ""]),
        ('"a,b",c', ['"a,b"', "c"]),
        ("<a,b>,c", ["<a,b>", "c"]),
        ('"<",a,">"', ['"<"', "a", '">"']),
        ('"a\\",b",c', ['"a\\",b"', "c"]),
        ("<a,b", ["<a,b"]),
        ("a>,b", ["a>", "b"]),
    ],
)
def test_split_outside_quotes_cuts_only_where_nothing_is_open(text: str, pieces: list[str]) -> None:
    assert split_outside_quotes(text, ",") == pieces


@pytest.mark.parametrize("text", ['"', '"a', 'a,"b\\"', '"\\'])
def test_split_outside_quotes_open_quoted_string_raises_param_error(text: str) -> None:
    with pytest.raises(ParamError):
        split_outside_quotes(text, ",")


@pytest.mark.parametrize(("text", "end"), [('""', 2), ('"a"b', 3), ('"\\""', 4), ('"\\\\"', 4), ('"a\\\\\\"b"', 8)])
def test_end_of_quoted_counts_quoted_pairs(text: str, end: int) -> None:
    assert end_of_quoted(text, 0) == end


def test_parse_params_names_are_lower_cased_and_values_kept_as_written() -> None:
    assert parse_params('A=B; c ;D = "E;f"') == {"a": "B", "c": None, "d": '"E;f"'}


@pytest.mark.parametrize("text", ["", ";", "a;;b", "a;A", "a=", "=b", "a b=c", '"a"=b', "\u212a=1", 'a="b'])
def test_parse_params_malformed_text_raises_param_error(text: str) -> None:
    with pytest.raises(ParamError):
        parse_params(text)


@pytest.mark.parametrize(
    ("text", "meaning"), [('"a"', "a"), ("a", "a"), ('"', '"'), ('"a\\"b\\\\"', 'a"b\\'), ('"\\x"', "x"), ("", "")]
)
def test_unquote_takes_off_quotes_and_quoted_pairs(text: str, meaning: str) -> None:
    assert unquote(text) == meaning
