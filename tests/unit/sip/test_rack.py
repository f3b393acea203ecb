import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.rack import RAck, parse_rack, parse_rseq


@pytest.mark.parametrize(
    ("text", "rack"),
    [
        ("776656 1 INVITE", RAck(776656, 1, "INVITE")),
        ("1 4294967295 INVITE", RAck(1, 4294967295, "INVITE")),
        ("1  \t 1\tINVITE", RAck(1, 1, "INVITE")),
        ("0000000000001 00000000000000002 INVITE", RAck(1, 2, "INVITE")),
        ("1 1 foo!", RAck(1, 1, "foo!")),
    ],
)
def test_parse_rack_reads_two_numbers_and_a_method(text: str, rack: RAck) -> None:
    assert parse_rack(text) == rack
    assert parse_rack(str(rack)) == rack


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1 1",
        "1 1 INVITE x",
        "-1 1 INVITE",
        "1 x INVITE",
        "1 1 IN(VITE",
        "4294967296 1 INVITE",
        "1 4294967296 INVITE",
        "1\u00a01 INVITE",
        "\u0661 1 INVITE",
        "1" * 33 + " 1 INVITE",
    ],
)
def test_parse_rack_of_anything_else_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_rack(text)


@pytest.mark.parametrize(("text", "number"), [("1", 1), ("4294967295", 4294967295), ("00000000000001", 1)])
def test_parse_rseq_reads_a_number_of_32_bits(text: str, number: int) -> None:
    assert parse_rseq(text) == number


@pytest.mark.parametrize("text", ["", " 1", "+1", "4294967296", "0" * 33])
def test_parse_rseq_of_anything_else_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_rseq(text)
