"""Rendezvous selection spreads calls by weight, and moves only the calls of a server that leaves."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.directory.model import MailboxServer
from callrouter.pool.model import Member, Pool, build_pool
from callrouter.pool.selection import Selection, select
from callrouter.testing.strategies import mailbox_servers, pools

CALLS = 100_000
TOLERANCE = 0.005
"""Share of all calls. The standard deviation of a share of one half is 0.0016."""


def members_with(weights: dict[str, float]) -> tuple[Member, ...]:
    return build_pool(MailboxServer(name, weight=weight) for name, weight in weights.items()).members


def choices(members: tuple[Member, ...]) -> dict[str, str]:
    """Call-ID -> name of the server."""
    call_ids = [f"{number:x}@gw.example.com" for number in range(CALLS)]
    chosen = {call_id: select(members, call_id, Selection.RENDEZVOUS) for call_id in call_ids}
    return {call_id: member.server.name for call_id, member in chosen.items() if member is not None}


@pytest.mark.parametrize(
    "weights",
    [
        {"MBX1": 1.0, "MBX2": 1.0},
        {"MBX1": 1.0, "MBX2": 3.0},
        {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 1.0},
        {"a": 0.5, "b": 1.0, "c": 2.0, "d": 4.0},
    ],
    ids=str,
)
def test_select_many_calls_share_them_by_weight(weights: dict[str, float]) -> None:
    shares = Counter(choices(members_with(weights)).values())
    for name, weight in weights.items():
        assert shares[name] / CALLS == pytest.approx(weight / sum(weights.values()), abs=TOLERANCE)


def test_select_one_of_five_leaves_only_its_calls_move() -> None:
    members = members_with(dict.fromkeys("abcde", 1.0))
    before, after = choices(members), choices(members[:2] + members[3:])
    moved = {call_id for call_id, name in before.items() if after[call_id] != name}
    assert moved == {call_id for call_id, name in before.items() if name == "c"}
    assert Counter(after[call_id] for call_id in moved).keys() == {"a", "b", "d", "e"}


def test_select_one_more_weighs_in_takes_calls_and_moves_no_others() -> None:
    members = members_with({"a": 1.0, "b": 1.0, "c": 2.0})
    before, after = choices(members[:2]), choices(members)
    assert {after[call_id] for call_id, name in before.items() if after[call_id] != name} == {"c"}


@given(pools(), st.text(max_size=12), st.data())
def test_select_any_pool_chooses_one_of_it_whatever_the_order(pool: Pool, call_id: str, data: st.DataObject) -> None:
    members = pool.members
    chosen = select(members, call_id, Selection.RENDEZVOUS)
    assert chosen in (members or [None])
    assert select(data.draw(st.permutations(members)), call_id, Selection.RENDEZVOUS) == chosen
    assert select(members, call_id, Selection.FIRST) == (members[0] if members else None)


@given(mailbox_servers())
def test_build_pool_any_server_is_there_and_available_where_active(server: MailboxServer) -> None:
    (member,) = build_pool([server]).members
    assert member.server == server
    assert member in build_pool([server]).available or not member.is_available
