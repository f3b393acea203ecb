"""The ring of calls."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.observability.journal import Journal
from tests.unit.observability.samples import answered


def test_journal_keeps_the_newest_first_and_no_more_than_its_size() -> None:
    journal = Journal(3)
    for number in range(5):
        journal.add(answered(call_id=str(number)))
    assert [call.call_id for call in journal.latest(10)] == ["4", "3", "2"]
    assert [call.call_id for call in journal.latest(2)] == ["4", "3"]
    assert journal.latest(0) == []
    assert len(journal) == 3


def test_journal_of_size_zero_keeps_none() -> None:
    journal = Journal(0)
    journal.add(answered())
    assert journal.latest(10) == []
    assert journal.find(answered().call_id) == []


def test_journal_size_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="non-negative"):
        Journal(-1)


def test_find_returns_every_call_with_the_call_id_newest_first() -> None:
    journal = Journal(10)
    calls = [answered(call_id=call_id, status=status) for call_id, status in [("a", 302), ("b", 302), ("a", 503)]]
    for call in calls:
        journal.add(call)
    assert journal.find("a") == [calls[2], calls[0]]
    assert journal.find("A") == []


def test_find_takes_a_call_id_as_it_came_and_as_it_is_shown() -> None:
    journal = Journal(10)
    call = answered(call_id="caf\udce9")
    journal.add(call)
    assert journal.find("caf\udce9") == journal.find("caf\\xe9") == [call]


def test_clear_forgets_all_and_says_how_many() -> None:
    journal = Journal(10)
    journal.add(answered())
    journal.add(answered())
    assert journal.clear() == 2
    assert journal.clear() == 0
    journal.add(answered())
    assert len(journal.latest(10)) == 1


@given(size=st.integers(0, 8), call_ids=st.lists(st.sampled_from("abc"), max_size=20), limit=st.integers(0, 30))
def test_journal_equals_the_reversed_tail_of_what_was_added(size: int, call_ids: list[str], limit: int) -> None:
    journal = Journal(size)
    for call_id in call_ids:
        journal.add(answered(call_id=call_id))
    kept = call_ids[::-1][:size]
    assert [call.call_id for call in journal.latest(limit)] == kept[:limit]
    assert len(journal.find("a")) == kept.count("a")
