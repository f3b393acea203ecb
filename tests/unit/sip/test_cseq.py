import pytest

from callrouter.sip.cseq import CSeq, parse_cseq
from callrouter.sip.errors import HeaderError


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("1 INVITE", 1, "INVITE"),
        ("0009  INVITE", 9, "INVITE"),
        ("4294967295\tx~", 2**32 - 1, "x~"),
        (f"{'0' * 31}1 ACK", 1, "ACK"),
    ],
)
def test_parse_cseq_sound_text_is_read(text: str, number: int, method: str) -> None:
    assert parse_cseq(text) == CSeq(number, method)


@pytest.mark.parametrize(
    "text",
    [
        *("", "1", "INVITE", "1INVITE", "4294967296 INVITE", "-1 INVITE", "1 INVITE x", "1 IN<VITE", "1.0 INVITE"),
        *("\u0661 INVITE", "1\u00a0INVITE", f"{'0' * 40}1 INVITE"),
    ],
)
def test_parse_cseq_malformed_text_raises_header_error(text: str) -> None:
    with pytest.raises(HeaderError):
        parse_cseq(text)
