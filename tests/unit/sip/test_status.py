import re

import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.status import PHRASES, parse_status_line, status_line


@pytest.mark.parametrize("status", PHRASES)
def test_status_line_of_a_known_status_has_its_phrase(status: int) -> None:
    assert status_line(status) == f"SIP/2.0 {status} {PHRASES[status]}\r\n"
    assert re.fullmatch(r"SIP/2\.0 [1-6][0-9][0-9] [A-Za-z/ -]+\r\n", status_line(status))


def test_status_line_of_an_unknown_status_keeps_its_space() -> None:
    assert status_line(599) == "SIP/2.0 599 \r\n"


def test_status_line_with_a_phrase_uses_it() -> None:
    assert status_line(400, "Missing To Header Field") == "SIP/2.0 400 Missing To Header Field\r\n"


@pytest.mark.parametrize(
    ("text", "status", "phrase"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("sip/2.0 100 Trying", 100, "Trying"),
        ("SIP/2.0 699 ", 699, ""),
        ("SIP/2.0 180", 180, ""),
        ("SIP/2.0 302 Moved  Temporarily ", 302, "Moved  Temporarily "),
        ("SIP/2.0 200 \u05d1\udcff", 200, "\u05d1\udcff"),
    ],
)
def test_parse_status_line_reads_status_and_phrase(text: str, status: int, phrase: str) -> None:
    assert parse_status_line(text) == (status, phrase)


@pytest.mark.parametrize("status", PHRASES)
def test_parse_status_line_reads_what_status_line_writes(status: int) -> None:
    assert parse_status_line(status_line(status).removesuffix("\r\n")) == (status, PHRASES[status])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0",
        "SIP/2.0 ",
        "SIP/2.0  200 OK",
        "SIP/3.0 200 OK",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 OK",
        "SIP/2.0 700 OK",
        "SIP/2.0 2x0 OK",
        "SIP/2.0 \u0662\u0660\u0660 OK",
        "SIP/2.0\t200 OK",
        "INVITE sip:a@b SIP/2.0",
    ],
)
def test_parse_status_line_of_anything_else_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_status_line(text)
