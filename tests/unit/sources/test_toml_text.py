from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.sources.problem import KeyPath
from callrouter.sources.toml_text import LineIndex, TomlDocument, UnreadableTomlError, parse_toml, read_toml

TEXT = '''\
title = "first"   # 1
dotted.name = 2

[router]   # 4
bind_address = ""
"quoted = key" = 1

[[directory.gateways]]   # 8
name = "a"
[[directory.gateways]]
name = """
address = "not a key"
"""
address = "::1"   # 14

[[directory.gateways.tags]]
colour = "red"   # 17

[log]
levels = [
  { name = "x" },
  { name = "y" },
]
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("title",), 1),
        (("dotted", "name"), 2),
        (("router",), 4),
        (("router", "bind_address"), 5),
        (("router", "quoted = key"), 4),  # the key's own line is not found, that of its table is
        (("directory",), 8),
        (("directory", "gateways", 0, "name"), 9),
        (("directory", "gateways", 1), 10),
        (("directory", "gateways", 1, "name"), 11),
        (("directory", "gateways", 1, "address"), 14),
        (("directory", "gateways", 1, "tags", 0, "colour"), 17),
        (("directory", "gateways", 0, "address"), 8),
        (("log", "levels", 1, "name"), 20),
    ],
)
def test_where_names_the_line_of_the_nearest_known_key(path: KeyPath, line: int) -> None:
    assert parse_toml(TEXT, name="x.toml").where(path) == f"x.toml:{line}"


def test_where_without_any_known_key_names_the_document() -> None:
    assert parse_toml(TEXT, name="x.toml").where(("absent", 0)) == "x.toml"
    assert TomlDocument("--set").where(("router", "bind_address")) == "--set"


def test_line_index_is_the_mapping_of_the_keys_of_its_text() -> None:
    index = LineIndex("a = 1\n[b]\nc = 2\n")
    assert dict(index) == {("a",): 1, ("b",): 2, ("b", "c"): 3}
    assert len(index) == 3


def test_toml_document_without_content_still_knows_its_lines() -> None:
    document = parse_toml("a = 1\nb = 2\n", name="x.toml").without_content()
    assert document.content == {}
    assert document.where(("b",)) == "x.toml:2"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a = 1\nb = \n", 2, r"Invalid value \(column 5\)"),
        ("a = 1\nb =", 2, "Invalid value at the end of the file"),
        ("a = '", 1, "at the end of the file"),
        ("\n\n[router", 3, r"Expected ']'.*"),
        ("a = " + "[" * 100_000, None, "nested too deeply"),
        ("a = " + "9" * 5000, None, "Exceeds the limit"),
    ],
)
def test_parse_toml_with_syntax_error_says_where(text: str, line: int | None, message: str) -> None:
    with pytest.raises(UnreadableTomlError, match=message) as caught:
        parse_toml(text, name="x.toml")
    assert caught.value.line == line


@given(st.text() | st.text("[]{}=\"'.,#\n a1"))
def test_parse_toml_of_anything_parses_or_raises_unreadable(text: str) -> None:
    try:
        document = parse_toml(text, name="x")
    except UnreadableTomlError:
        return
    assert all(1 <= line <= text.count("\n") + 1 for line in document.lines.values())


@given(st.lists(st.sampled_from(["name = 1", "# name", "", "[[a.b]]", "[c]", "x.y = 2"]), max_size=12))
def test_parse_toml_lines_point_at_the_line_that_holds_the_key(lines: list[str]) -> None:
    try:
        document = parse_toml("\n".join(lines), name="x")
    except UnreadableTomlError:
        return
    for path, line in document.lines.items():
        last = next(part for part in reversed(path) if isinstance(part, str))
        assert last in lines[line - 1]


def test_read_toml_accepts_a_byte_order_mark_and_crlf(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\nb = 2\r\n")
    document = read_toml(file)
    assert document.content == {"a": 1, "b": 2}
    assert document.where(("b",)) == f"{file}:2"


def test_read_toml_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes(b'a = "\xfc"')
    for path, message in [
        (tmp_path / "absent.toml", "No such file"),
        (tmp_path, "cannot be read"),
        (Path("a\0b"), "cannot be read"),
        (latin, r"not UTF-8 text \(byte 5\)"),
    ]:
        with pytest.raises(UnreadableTomlError, match=message):
            read_toml(path)
