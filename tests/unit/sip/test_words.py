import pytest

from callrouter.sip.words import address_of, uri_of


@pytest.mark.parametrize(
    ("text", "uri"),
    [
        ("2001", "sip:2001@192.0.2.1"),
        ("+14255550100", "sip:+14255550100@192.0.2.1"),
        ("#12", "sip:%2312@192.0.2.1"),
        ("alice@example.com", "sip:alice@example.com"),
        ("sip:alice@example.com", "sip:alice@example.com"),
        ("tel:+14255550100", "tel:+14255550100"),
        ("2001?Reason=x", "sip:2001@192.0.2.1?Reason=x"),
    ],
)
def test_uri_of_words_is_a_uri(text: str, uri: str) -> None:
    assert uri_of(text, "192.0.2.1") == uri


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5001", "<sip:5001@192.0.2.1>"),
        ("5001;reason=no-answer", "<sip:5001@192.0.2.1>;reason=no-answer"),
        ("sip:5001@pbx.example.com;reason=no-answer", "<sip:5001@pbx.example.com>;reason=no-answer"),
        ('"Bob" <sip:5001@pbx.example.com;user=phone>', '"Bob" <sip:5001@pbx.example.com;user=phone>'),
    ],
)
def test_address_of_words_is_a_header_value(text: str, value: str) -> None:
    assert address_of(text, "192.0.2.1") == value
