import itertools
from collections import Counter
from collections.abc import Sequence

import pytest

from callrouter.directory.model import MailboxServer
from callrouter.pool.model import Member, build_pool
from callrouter.pool.selection import Selection, Tally, _hash, _mix, rank, select

MEMBERS = build_pool([MailboxServer("MBX1"), MailboxServer("MBX2"), MailboxServer("MBX3")]).members
TOP = 2**30 - 1


def unmix(number: int) -> int:
    """What `_mix` makes this number of."""
    number = unshift(number, 15) * pow(0x297A2D39, -1, 2**30) & TOP
    number = unshift(number, 12) * pow(0x2C1B3C6D, -1, 2**30) & TOP
    return unshift(number, 15)


def unshift(number: int, places: int) -> int:
    original = number
    for _ in range(30 // places):
        original = number ^ (original >> places)
    return original


@pytest.mark.parametrize("selection", Selection)
def test_select_of_nobody_or_one_needs_no_call_id(selection: Selection) -> None:
    assert select((), "c1", selection) is None
    assert select(MEMBERS[:1], "", selection) is MEMBERS[0]


def test_select_first_takes_the_first_whatever_the_call() -> None:
    assert {select(MEMBERS, str(number), Selection.FIRST) for number in range(20)} == {MEMBERS[0]}


def test_select_rendezvous_gives_a_call_the_same_server_in_any_order() -> None:
    for number in range(50):
        chosen = select(MEMBERS, str(number), Selection.RENDEZVOUS)
        assert chosen is not None
        assert select(MEMBERS[::-1], str(number), Selection.RENDEZVOUS) == chosen


def test_select_rendezvous_uses_every_server() -> None:
    assert {select(MEMBERS, str(number), Selection.RENDEZVOUS) for number in range(100)} == set(MEMBERS)


def test_mix_is_undone_by_its_inverse() -> None:
    assert all(_mix(unmix(number)) == number for number in (0, 1, 12345, TOP - 1, TOP))


@pytest.mark.parametrize("mixed", [0, TOP])
def test_select_rendezvous_hash_at_either_end_still_chooses(mixed: int) -> None:
    member = Member(MailboxServer("edge"), _hash("c1") ^ unmix(mixed), 5062, 5063)
    chosen = select([*MEMBERS, member], "c1", Selection.RENDEZVOUS)
    # h near 1 has the highest score, h near 0 the lowest.
    assert (chosen is member) == (mixed == TOP)
    assert rank([*MEMBERS, member], "c1", Selection.RENDEZVOUS)[0 if mixed else -1] is member


def test_select_rendezvous_equal_scores_go_to_the_first_name() -> None:
    twins = [Member(MailboxServer(name), 7, 5062, 5063) for name in "cab"]
    for order in itertools.permutations(twins):
        chosen = select(order, "c1", Selection.RENDEZVOUS)
        assert chosen is not None
        assert chosen.server.name == "a"
        assert [member.server.name for member in rank(order, "c1", Selection.RENDEZVOUS)] == ["a", "b", "c"]


# Computed once: another router, or the next version of this one, has to choose the same.
@pytest.mark.parametrize(
    ("call_id", "order"),
    [
        ("", "213"),
        ("\udcff", "213"),
        ("a@gw.test", "213"),
        ("c1", "123"),
        ("c2", "123"),
        ("c11", "231"),
        ("c18", "231"),
        ("c19", "321"),
        ("c20", "321"),
        ("c24", "132"),
        ("c26", "312"),
        ("c47", "132"),
    ],
)
def test_rank_rendezvous_order_is_the_same_in_every_version(call_id: str, order: str) -> None:
    servers = [MailboxServer("1"), MailboxServer("2", weight=2.5), MailboxServer("3", weight=0.4)]
    ranked = rank(build_pool(servers).members, call_id, Selection.RENDEZVOUS)
    assert "".join(member.server.name for member in ranked) == order


# --- round-robin


@pytest.mark.parametrize("count", [1, 2, 3])
def test_select_round_robin_visits_all_in_turn(count: int) -> None:
    names = [_name(MEMBERS[:count], Selection.ROUND_ROBIN, Tally(ordinal)) for ordinal in range(3 * count)]
    assert names == ["MBX1", "MBX2", "MBX3"][:count] * 3


def test_select_round_robin_goes_by_name_not_by_order() -> None:
    for order in itertools.permutations(MEMBERS):
        assert [_name(order, Selection.ROUND_ROBIN, Tally(ordinal)) for ordinal in range(3)] == ["MBX1", "MBX2", "MBX3"]


# --- least-calls


@pytest.mark.parametrize(
    ("calls", "name"),
    [
        ({}, "a"),
        ({"a": 1}, "b"),
        ({"a": 1, "b": 1}, "c"),
        ({"a": 1, "b": 1, "c": 1}, "c"),
        ({"a": 1, "b": 1, "c": 2}, "a"),
        ({"a": 1, "b": 2, "c": 1}, "c"),
        ({"a": 9, "b": 9, "c": 17}, "c"),
        ({"a": 9, "b": 9, "c": 19}, "a"),
    ],
)
def test_select_least_calls_prefers_the_fewest_per_weight(calls: dict[str, int], name: str) -> None:
    members = build_pool([MailboxServer("c", weight=2.0), MailboxServer("b"), MailboxServer("a")]).members
    for order in itertools.permutations(members):
        assert _name(order, Selection.LEAST_CALLS, Tally(0, calls)) == name


def test_select_least_calls_before_any_call_goes_by_name() -> None:
    members = build_pool([MailboxServer("b", weight=0.5), MailboxServer("a"), MailboxServer("c", weight=9.0)]).members
    assert _name(members, Selection.LEAST_CALLS, Tally()) == "a"


def test_select_least_calls_kept_up_to_date_follows_the_weights() -> None:
    members = build_pool([MailboxServer("a", weight=1.0), MailboxServer("b", weight=3.0)]).members
    calls: Counter[str] = Counter()
    for _ in range(40):
        calls[_name(members, Selection.LEAST_CALLS, Tally(0, calls))] += 1
    assert calls == {"a": 10, "b": 30}


# --- rank


@pytest.mark.parametrize("selection", Selection)
def test_rank_begins_with_the_one_selected_and_has_everybody_once(selection: Selection) -> None:
    for ordinal in range(4):
        tally = Tally(ordinal, {"MBX1": ordinal})
        ranked = rank(MEMBERS[::-1], str(ordinal), selection, tally)
        assert ranked[0] is select(MEMBERS[::-1], str(ordinal), selection, tally)
        assert sorted(member.server.name for member in ranked) == ["MBX1", "MBX2", "MBX3"]
        assert rank((), str(ordinal), selection, tally) == []


def test_rank_round_robin_goes_round() -> None:
    ranked = rank(MEMBERS, "c1", Selection.ROUND_ROBIN, Tally(4))
    assert [member.server.name for member in ranked] == ["MBX2", "MBX3", "MBX1"]


def test_rank_rendezvous_is_what_is_left_when_the_first_leaves() -> None:
    for call_id in map(str, range(20)):
        ranked = rank(MEMBERS, call_id, Selection.RENDEZVOUS)
        assert ranked[1] is select([m for m in MEMBERS if m is not ranked[0]], call_id, Selection.RENDEZVOUS)


def test_rank_first_keeps_the_order_of_the_pool() -> None:
    assert rank(MEMBERS[::-1], "c1", Selection.FIRST) == list(MEMBERS[::-1])


def test_tally_of_a_router_that_has_just_started_is_empty() -> None:
    assert (Tally().ordinal, dict(Tally().calls)) == (0, {})


def test_selection_words_are_those_of_the_setting() -> None:
    assert [str(word) for word in Selection] == ["rendezvous", "round-robin", "least-calls", "first"]


def _name(members: Sequence[Member], selection: Selection, tally: Tally) -> str:
    chosen = select(members, "c1", selection, tally)
    assert chosen is not None
    return chosen.server.name
