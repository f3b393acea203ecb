import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from callrouter.sources.document import DirectoryDocument
from callrouter.sources.problem import Finding, Problem, find_near, format_key, list_findings, suggest


@given(where=st.text(), key=st.text(), message=st.text())
def test_problem_text_of_anything_is_one_printable_line(where: str, key: str, message: str) -> None:
    text = str(Problem(where, key, message))
    assert text.isprintable()
    assert len(text.splitlines()) <= 1


def test_problem_text_leaves_empty_parts_out() -> None:
    assert str(Problem("lab.toml:3", "", "is wrong")) == "lab.toml:3: is wrong"
    assert str(Problem("", "a.b", "is wrong")) == "a.b: is wrong"


def test_problem_with_lone_surrogate_can_be_written() -> None:
    assert str(Problem("a\udc80", "", "m")).encode() == b"a\\udc80: m"


def test_format_key_mixes_names_and_positions() -> None:
    assert format_key(("gateways", 3, "address")) == "gateways[3].address"
    assert format_key(()) == ""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("router.sip_tcp_port", "router.sip_tcp_listening_port"),
        ("redirect.port_offset", "mailbox.port_offset"),
        ("zzzz", ""),
    ],
)
def test_find_near_prefers_the_same_field_in_another_group(name: str, expected: str) -> None:
    assert find_near(name, ["router.sip_tcp_listening_port", "mailbox.port_offset"]) == expected


def test_suggest_without_a_near_key_says_nothing() -> None:
    assert suggest("zzzz", ["address"]) == ""
    assert suggest("adress", ["address"]) == "; did you mean address?"


def test_list_findings_gives_place_and_toml_words() -> None:
    document = {
        "gateways": [{"name": "a", "adress": "::1"}, 5],
        "servers": "none",
        "gateway": [],
    }
    with pytest.raises(ValidationError) as caught:
        DirectoryDocument.model_validate(document)
    assert set(list_findings(caught.value, DirectoryDocument)) == {
        Finding(("gateways", 0, "address"), "is required"),
        Finding(("gateways", 0, "adress"), "unknown key; did you mean address?"),
        Finding(("gateways", 1), "Input should be a table"),
        Finding(("servers",), "Input should be a list"),
        Finding(("gateway",), "unknown key; did you mean gateways?"),
    }
