import pytest

from callrouter.directory.model import ComponentState, MailboxServer
from callrouter.pool.model import Pool, build_pool, hash_64


def test_build_pool_keeps_the_order_and_knows_who_is_available() -> None:
    servers = [MailboxServer("b"), MailboxServer("a", state=ComponentState.DRAINING), MailboxServer("c")]
    pool = build_pool(servers)
    assert [member.server for member in pool.members] == servers
    assert [member.server.name for member in pool.available] == ["b", "c"]
    assert {name: member.server for name, member in pool.by_name.items()} == {each.name: each for each in servers}
    assert build_pool([]) == Pool()


@pytest.mark.parametrize("state", ComponentState)
def test_member_is_available_only_where_active(state: ComponentState) -> None:
    (member,) = build_pool([MailboxServer("a", state=state)]).members
    assert member.is_available is (state is ComponentState.ACTIVE)


def test_member_seed_depends_on_the_name_only() -> None:
    one, other, another = build_pool(
        [MailboxServer("a"), MailboxServer("a", "x", weight=2.0), MailboxServer("b")]
    ).members
    assert one.seed == other.seed == hash_64("a")
    assert another.seed != one.seed


@pytest.mark.parametrize(
    ("text", "number"), [("", 0xE4A6A0577479B2B4), ("MBX1", 0x35A033DD7663DB), ("\udcff", 0xA72EEED9830CBF91)]
)
def test_hash_64_is_the_same_in_every_process(text: str, number: int) -> None:
    assert hash_64(text) == number
    assert 0 <= number < 2**64
