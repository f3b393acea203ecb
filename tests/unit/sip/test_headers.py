import pytest

from callrouter.sip.headers import DISPLAY_NAMES, SPELLINGS, Headers, canonical_name


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("Via", "via"),
        ("VIA", "via"),
        ("v", "via"),
        ("V", "via"),
        ("Via \t", "via"),
        ("v ", "via"),
        ("CALL-id", "call-id"),
        ("i", "call-id"),
        ("L", "content-length"),
        ("X-Unknown", "x-unknown"),
        ("g", "g"),
        ("", ""),
        (" Via", ""),
        ("Vi a", ""),
        ("V\u00eda", ""),
        ("\u212a", ""),
    ],
)
def test_canonical_name_full_and_compact_forms_in_any_case_are_one(raw: str, name: str) -> None:
    assert (SPELLINGS.get(raw) or canonical_name(raw)) == name


def test_spellings_are_short_cuts_of_canonical_name() -> None:
    assert {raw: canonical_name(raw) for raw in SPELLINGS} == dict(SPELLINGS)
    assert all(canonical_name(display) == name for name, display in DISPLAY_NAMES.items())


def test_headers_rows_keep_their_order_under_one_name() -> None:
    headers = Headers({"via": ["one", "two"], "to": ["x"]})
    assert headers.get("via") == "one"
    assert headers.get("from") is None
    assert headers.rows("via") == ["one", "two"]
    assert headers.rows("from") == []
    assert headers.items() == [("via", "one"), ("via", "two"), ("to", "x")]
    assert len(headers) == 3
    assert "via" in headers
    assert "from" not in headers
