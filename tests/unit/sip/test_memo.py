"""What a connection remembers is what would be read anew, and it stays small."""

import pytest

from callrouter.sip.cseq import parse_cseq
from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.memo import Memo
from callrouter.sip.uri import parse_host_port, parse_uri


def test_memo_repeated_text_gives_the_same_value() -> None:
    memo = Memo()
    assert memo.uri("sip:2001@host") is memo.uri("sip:2001@host")
    assert memo.uri("sip:2001@host") == parse_uri("sip:2001@host")
    assert memo.host_port("Host:5060") == memo.host_port("Host:5060") == parse_host_port("Host:5060")
    assert memo.cseq("7 INVITE") is memo.cseq("7 INVITE")
    assert memo.cseq("7 INVITE") == parse_cseq("7 INVITE")


@pytest.mark.parametrize("times", [1, 2])
def test_memo_malformed_text_raises_every_time(times: int) -> None:
    memo = Memo()
    for _ in range(times):
        with pytest.raises(UriError):
            memo.uri("<sip:2001@host>")
        with pytest.raises(UriError):
            memo.host_port("host:0")
        with pytest.raises(HeaderError):
            memo.cseq("x INVITE")


def test_memo_many_texts_keeps_few() -> None:
    memo = Memo()
    for number in range(10_000):
        memo.uri(f"sip:{number}@host")
        memo.host_port(f"host{number}:5060")
        memo.cseq(f"{number} INVITE")
    assert max(len(memo._uris), len(memo._hosts), len(memo._cseqs)) <= 64


def test_memo_long_text_is_not_kept() -> None:
    memo = Memo()
    long_user = "1" * 300
    assert memo.uri(f"sip:{long_user}@host") == parse_uri(f"sip:{long_user}@host")
    assert not memo._uris
