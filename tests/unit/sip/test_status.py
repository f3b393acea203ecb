import re

import pytest

from callrouter.sip.status import PHRASES, status_line


@pytest.mark.parametrize("status", PHRASES)
def test_status_line_of_a_known_status_has_its_phrase(status: int) -> None:
    assert status_line(status) == f"SIP/2.0 {status} {PHRASES[status]}\r\n"
    assert re.fullmatch(r"SIP/2\.0 [1-6][0-9][0-9] [A-Za-z/ -]+\r\n", status_line(status))


def test_status_line_of_an_unknown_status_keeps_its_space() -> None:
    assert status_line(599) == "SIP/2.0 599 \r\n"


def test_status_line_with_a_phrase_uses_it() -> None:
    assert status_line(400, "Missing To Header Field") == "SIP/2.0 400 Missing To Header Field\r\n"
