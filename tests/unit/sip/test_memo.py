import pytest

from callrouter.sip.errors import HeaderError, UriError
from callrouter.sip.memo import Memo, Table
from callrouter.sip.via import parse_via


def test_memo_same_text_gives_the_same_value() -> None:
    memo = Memo()
    assert memo.uri("sip:a@b") is memo.uri("sip:a@b")
    assert memo.sent_by("SIP/2.0/TCP B:1") is memo.sent_by("SIP/2.0/TCP B:1") == ("TCP", "b", 1, "b:1")
    via = "SIP/2.0/TCP B:1;branch=z9hG4bKa"
    assert parse_via(via, memo.sent_by) == parse_via(via)
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


@pytest.mark.parametrize("max_entries", [1, 64])
def test_memo_many_or_large_texts_are_not_all_kept(max_entries: int) -> None:
    memo = Memo(max_entries)
    most = 0
    for number in range(3 * max_entries):
        memo.uri(f"sip:{number}@h")
        memo.sent_by(f"SIP/2.0/TCP h{number}")
        memo.cseq(f"{number} ACK")
        most = max(most, len(memo))
        memo.sent_by(f"SIP/2.0/TCP {'h' * 4000}{number}")
        memo.uri(f"sip:{'9' * 4000}{number}@h")
        assert len(memo) <= most
    assert most == 3 * max_entries


def test_table_keeps_what_was_read_last() -> None:
    table: Table[int] = Table(2)
    assert [table.keep(text, len(text)) for text in ("a", "bb", "ccc")] == [1, 2, 3]
    assert (table.find("a"), table.find("ccc"), len(table)) == (None, 3, 1)
