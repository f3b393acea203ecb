from collections.abc import Mapping
from itertools import count

import pytest

from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.memo import Memo
from callrouter.sip.via import parse_via


def test_memo_same_text_gives_the_same_value() -> None:
    memo = Memo()
    assert memo.uri("sip:a@b") is memo.uri("sip:a@b")
    via = "SIP/2.0/TCP B:1;branch=z9hG4bKa"
    assert parse_via(via, memo.sent_by) == parse_via(via, memo.sent_by) == parse_via(via)
    assert memo.sent_by == {"SIP/2.0/TCP B:1": ("TCP", "b", 1)}
    assert memo.cseq("1 ACK") is memo.cseq("1 ACK") == (1, "ACK")


def test_memo_malformed_text_raises_every_time() -> None:
    memo = Memo()
    for _ in range(2):
        with pytest.raises(UriError):
            memo.uri("x")
        with pytest.raises(HeaderError):
            parse_via("SIP/2.0/TCP b:0", memo.sent_by)
        with pytest.raises(HeaderError):
            memo.cseq("1")


def test_memo_many_or_large_texts_are_not_all_kept() -> None:
    memo = Memo()
    numbers = count()
    for _ in range(1000):
        number = next(numbers)
        memo.uri(f"sip:{number}@h")
        parse_via(f"SIP/2.0/TCP h{number}", memo.sent_by)
        parse_via(f"SIP/2.0/TCP {'h' * 4000}{number}", memo.sent_by)
        memo.cseq(f"{number} ACK")
        memo.uri(f"sip:{'9' * 4000}{number}@h")
    tables: list[Mapping[str, object]] = [memo._uris, memo.sent_by, memo._cseqs]
    assert max(map(len, tables)) <= 64
    assert max(len(text) for table in tables for text in table) <= 256
