"""One target's way from state to state, result by result; the property test has all other ways."""

from dataclasses import FrozenInstanceError, replace

import pytest

from callrouter.directory.model import ComponentState, MailboxServer
from callrouter.pool.health import (
    UNWATCHED,
    Change,
    HealthPolicy,
    HealthState,
    Place,
    PoolHealth,
    ProbeResult,
    Probing,
    TargetHealth,
    answered,
    failed,
    refused,
    timed_out,
)
from callrouter.wire import Transport

TCP, TLS = Transport.TCP, Transport.TLS
MBX1 = MailboxServer("MBX1", "mbx1.test", "192.0.2.21")
MBX2 = MailboxServer("MBX2", tcp_port=5072, tls_port=0)
ON = HealthPolicy(Probing.ON, down_after=3, up_after=2)
RESULTS = {"+": answered(200), "-": timed_out(2.0), "!": refused()}
LETTERS = {HealthState.UNKNOWN: "?", HealthState.UP: "U", HealthState.DOWN: "D"}


def watch(policy: HealthPolicy = ON, *servers: MailboxServer) -> PoolHealth:
    return PoolHealth(policy).retain(servers or (MBX1,), 10.0)


def feed(health: PoolHealth, results: str) -> PoolHealth:
    """MBX1 over TCP, one result a second."""
    for number, letter in enumerate(results):
        health, _ = health.record(("MBX1", TCP), RESULTS[letter], 11.0 + number)
    return health


# --- results


@pytest.mark.parametrize(
    ("status", "is_alive"),
    [
        (200, True),
        (202, True),
        (302, True),
        (400, True),
        (403, True),
        (404, True),
        (405, True),
        (499, True),
        (500, False),
        (501, True),
        (502, False),
        (503, False),
        (504, False),
        (600, False),
        (603, False),
    ],
)
def test_answered_is_alive_below_500_and_at_501(status: int, is_alive: bool) -> None:
    assert answered(status) == ProbeResult(is_alive, f"answers {status}", is_refused=False, status=status)


@pytest.mark.parametrize(
    ("result", "detail", "is_refused"),
    [
        (timed_out(2.0), "no answer within 2 s", False),
        (timed_out(0.25), "no answer within 0.25 s", False),
        (refused(), "connection refused", True),
        (failed("TLS handshake failed"), "TLS handshake failed", False),
    ],
)
def test_probe_without_an_answer_failed_and_says_how(result: ProbeResult, detail: str, is_refused: bool) -> None:
    assert result == ProbeResult(is_alive=False, detail=detail, is_refused=is_refused, status=0)


# --- states


@pytest.mark.parametrize(
    ("results", "states"),
    [
        ("+", "U"),
        ("--+", "??U"),
        ("---", "??D"),
        ("!", "D"),
        ("+---", "UUUD"),
        ("+--+--+", "UUUUUUU"),
        ("+-!", "UUD"),
        ("!++", "DDU"),
        ("!+-+-++", "DDDDDDU"),
        ("!+!+", "DDDD"),
        ("---++--", "??DDUUU"),
        ("+!-+", "UDDD"),
    ],
)
def test_target_changes_state_by_thresholds_and_refusals_only(results: str, states: str) -> None:
    target, told = TargetHealth(Place()), ""
    for letter in results:
        target = target.after(RESULTS[letter], 1.0, ON)
        told += LETTERS[target.state]
    assert told == states


@pytest.mark.parametrize(("down_after", "up_after", "states"), [(1, 1, "DUDU"), (2, 1, "?UUU"), (1, 2, "DDDD")])
def test_target_follows_the_thresholds_of_the_policy(down_after: int, up_after: int, states: str) -> None:
    target, told = TargetHealth(Place()), ""
    for letter in "-+-+":
        target = target.after(RESULTS[letter], 1.0, HealthPolicy(Probing.ON, down_after, up_after))
        told += LETTERS[target.state]
    assert told == states


def test_target_keeps_counters_detail_and_instants() -> None:
    place = Place("mbx1.test", "192.0.2.21", 5062)
    assert watch().targets["MBX1", TCP] == TargetHealth(place, HealthState.UNKNOWN, 10.0, "", 0, 0, None)
    assert feed(watch(), "+").targets["MBX1", TCP] == TargetHealth(
        place, HealthState.UP, 11.0, "answers 200", 1, 0, 11.0
    )
    assert feed(watch(), "++--").targets["MBX1", TCP] == TargetHealth(
        place, HealthState.UP, 11.0, "no answer within 2 s", 0, 2, 14.0
    )
    assert feed(watch(), "++---").targets["MBX1", TCP] == TargetHealth(
        place, HealthState.DOWN, 15.0, "no answer within 2 s", 0, 3, 15.0
    )


# --- changes


def test_record_tells_a_change_once() -> None:
    health, changes = watch(), []
    for number, result in enumerate((answered(200), refused(), refused(), answered(200), answered(404))):
        health, change = health.record(("MBX1", TCP), result, 20.0 + number)
        changes.append(change)
    up, down = HealthState.UP, HealthState.DOWN
    assert changes == [
        Change("MBX1", TCP, HealthState.UNKNOWN, up, "answers 200", 20.0, 200),
        Change("MBX1", TCP, up, down, "connection refused", 21.0, 0),
        None,
        None,
        Change("MBX1", TCP, down, up, "answers 404", 24.0, 404),
    ]


def test_record_of_one_target_leaves_the_others_and_the_old_value_alone() -> None:
    before = watch()
    after = feed(before, "+")
    assert (before.state_of("MBX1", TCP), before.state_of("MBX1", TLS)) == (HealthState.UNKNOWN, HealthState.UNKNOWN)
    assert (after.state_of("MBX1", TCP), after.state_of("MBX1", TLS)) == (HealthState.UP, HealthState.UNKNOWN)
    with pytest.raises(FrozenInstanceError):
        after.policy = ON  # type: ignore[misc]  # the point of the test


@pytest.mark.parametrize("key", [("MBX9", TCP), ("MBX2", TLS)])
def test_record_of_an_unknown_target_changes_nothing(key: tuple[str, Transport]) -> None:
    health = watch(ON, MBX1, MBX2)
    assert health.record(key, refused(), 11.0) == (health, None)


# --- usable


@pytest.mark.parametrize(
    ("mode", "unknown", "up", "down"),
    [
        (Probing.OFF, True, True, True),
        (Probing.ON, False, True, False),
        (Probing.ASSUME_HEALTHY, True, True, False),
    ],
)
def test_is_usable_depends_on_state_and_mode(mode: Probing, unknown: bool, up: bool, down: bool) -> None:
    health = watch(replace(ON, mode=mode))
    assert health.is_usable("MBX1", TCP) is unknown
    assert feed(health, "+").is_usable("MBX1", TCP) is up
    assert feed(health, "!").is_usable("MBX1", TCP) is down
    assert feed(health, "!").is_usable("MBX1", TLS) is unknown


def test_is_usable_server_that_is_not_in_the_health_counts_as_unknown() -> None:
    assert not watch(ON, MBX2).is_usable("MBX1", TCP)
    assert watch(replace(ON, mode=Probing.ASSUME_HEALTHY), MBX2).is_usable("MBX1", TCP)


def test_is_usable_transport_that_nobody_probes_always() -> None:
    health = watch(replace(ON, transports=(TCP,)))
    assert list(health.targets) == [("MBX1", TCP)]
    assert (health.is_usable("MBX1", TCP), health.is_usable("MBX1", TLS)) == (False, True)


def test_unwatched_finds_everything_usable() -> None:
    assert UNWATCHED.is_usable("MBX1", TLS)
    assert UNWATCHED.retain([MBX1], 1.0) == UNWATCHED == PoolHealth()
    assert UNWATCHED.record(("MBX1", TCP), refused(), 1.0) == (UNWATCHED, None)


# --- the directory and the settings change


def test_retain_watches_every_port_in_the_order_of_the_directory() -> None:
    health = watch(ON, MBX2, replace(MBX1, state=ComponentState.INACTIVE))
    assert {key: target.place for key, target in health.targets.items()} == {
        ("MBX2", TCP): Place("", "", 5072),
        ("MBX1", TCP): Place("mbx1.test", "192.0.2.21", 5062),
        ("MBX1", TLS): Place("mbx1.test", "192.0.2.21", 5063),
    }
    assert list(health.targets) == [("MBX2", TCP), ("MBX1", TCP), ("MBX1", TLS)]


def test_retain_forgets_who_left_and_keeps_who_stays() -> None:
    health = feed(watch(ON, MBX1, MBX2), "!")
    assert health.retain([MBX1], 50.0).targets == {key: health.targets[key] for key in (("MBX1", TCP), ("MBX1", TLS))}
    again = health.retain([MBX2], 50.0).retain([MBX1, MBX2], 60.0)
    assert (again.state_of("MBX1", TCP), again.targets["MBX1", TCP].since_at) == (HealthState.UNKNOWN, 60.0)
    assert again.targets["MBX2", TCP].since_at == 10.0


@pytest.mark.parametrize("change", [{"fqdn": "x.test"}, {"address": "192.0.2.99"}, {"tcp_port": 5082}])
def test_retain_knows_nothing_of_a_server_that_moved(change: dict[str, str | int]) -> None:
    health = feed(watch(), "!").retain([replace(MBX1, **change)], 50.0)  # type: ignore[arg-type]  # one of each type
    assert health.targets["MBX1", TCP].state is HealthState.UNKNOWN
    assert health.targets["MBX1", TCP].since_at == 50.0


def test_retain_keeps_a_server_whose_place_is_the_same() -> None:
    health = feed(watch(), "!")
    assert health.retain([replace(MBX1, weight=9.0, state=ComponentState.DRAINING)], 50.0) == health
    moved_over_tls = health.retain([replace(MBX1, tls_port=1)], 50.0)
    assert moved_over_tls.state_of("MBX1", TCP) is HealthState.DOWN


def test_with_policy_keeps_states_until_the_next_result() -> None:
    health = feed(watch(), "+--").with_policy(HealthPolicy(Probing.ON, down_after=1, up_after=1))
    assert health.state_of("MBX1", TCP) is HealthState.UP
    assert feed(health, "-").state_of("MBX1", TCP) is HealthState.DOWN


def test_with_policy_that_switches_probing_off_makes_all_usable_and_forgets() -> None:
    health = feed(watch(), "!").with_policy(HealthPolicy())
    assert health.is_usable("MBX1", TCP)
    assert health.retain([MBX1], 50.0).targets == {}


def test_words_of_the_setting_and_of_the_states() -> None:
    assert [str(mode) for mode in Probing] == ["off", "on", "assume-healthy"]
    assert [str(state) for state in HealthState] == ["Unknown", "Up", "Down"]
