import pytest

from callrouter.directory.model import ComponentState, MailboxServer
from callrouter.pool.health import UNWATCHED, HealthPolicy, HealthState, Place, PoolHealth, Probing, TargetHealth
from callrouter.pool.model import Pool, build_pool, seed_of
from callrouter.wire import Transport

UP, DOWN, UNKNOWN = HealthState.UP, HealthState.DOWN, HealthState.UNKNOWN


def health_of(mode: Probing, tcp: HealthState, tls: HealthState) -> PoolHealth:
    states = {("a", Transport.TCP): tcp, ("a", Transport.TLS): tls}
    return PoolHealth(HealthPolicy(mode), {key: TargetHealth(Place(), state) for key, state in states.items()})


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


@pytest.mark.parametrize(("ports", "is_available"), [((1, 0), True), ((0, 1), True), ((0, 0), False)])
def test_member_is_available_where_it_listens_at_all(ports: tuple[int, int], is_available: bool) -> None:
    (member,) = build_pool([MailboxServer("a", tcp_port=ports[0], tls_port=ports[1])]).members
    assert (member.tcp_port, member.tls_port) == ports
    assert member.is_available is is_available


@pytest.mark.parametrize(
    ("mode", "tcp", "tls", "ports"),
    [
        (Probing.OFF, DOWN, UNKNOWN, (5062, 5063)),
        (Probing.ON, UP, UP, (5062, 5063)),
        (Probing.ON, UP, DOWN, (5062, 0)),
        (Probing.ON, DOWN, UP, (0, 5063)),
        (Probing.ON, UNKNOWN, UP, (0, 5063)),
        (Probing.ON, UNKNOWN, DOWN, (0, 0)),
        (Probing.ASSUME_HEALTHY, UNKNOWN, DOWN, (5062, 0)),
    ],
)
def test_member_has_the_ports_where_calls_can_go(
    mode: Probing, tcp: HealthState, tls: HealthState, ports: tuple[int, int]
) -> None:
    pool = build_pool([MailboxServer("a")], health_of(mode, tcp, tls))
    (member,) = pool.members
    assert (member.tcp_port, member.tls_port) == ports
    assert pool.available == ((member,) if any(ports) else ())
    assert pool.by_name == {"a": member}


def test_build_pool_keeps_the_health_it_was_made_by() -> None:
    health = health_of(Probing.ON, UP, DOWN)
    assert build_pool([], health).health is health
    assert build_pool([]).health is UNWATCHED


def test_member_seed_depends_on_the_name_only() -> None:
    one, other, another = build_pool(
        [MailboxServer("a"), MailboxServer("a", "x", weight=2.0), MailboxServer("b")]
    ).members
    assert one.seed == other.seed == seed_of("a")
    assert another.seed != one.seed


@pytest.mark.parametrize(("text", "number"), [("", 0x49C73C9), ("MBX1", 0x3221D44B), ("\udcff", 0x1C224D7E)])
def test_seed_of_is_the_same_in_every_process(text: str, number: int) -> None:
    assert seed_of(text) == number
    assert 0 <= number < 2**30
