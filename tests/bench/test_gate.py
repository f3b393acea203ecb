import pytest

from bench.gate import Gate
from tests.bench.outcomes import make_case, make_idle, make_outcome, make_scenario

CLOSED = make_scenario("closed", make_case(router=20_000, kamailio=80_000, floor=100_000))
IDLE = make_scenario("idle", idle={"router, 1,000 connections": [make_idle(40_000)], "floor, 1,000": [make_idle(1)]})


@pytest.mark.parametrize(
    ("gate", "misses"),
    [
        (Gate(), 0),
        (Gate(min_rate=20_000), 0),
        (Gate(min_rate=20_001), 1),
        (Gate(floor_ratio=0.2), 0),
        (Gate(floor_ratio=0.21), 1),
        (Gate(min_rate=20_001, floor_ratio=0.2), 0),
        (Gate(min_rate=20_000, floor_ratio=0.21), 0),
        (Gate(min_rate=20_001, floor_ratio=0.21), 1),
        (Gate(kamailio_ratio=0.25), 0),
        (Gate(kamailio_ratio=0.26), 1),
        (Gate(min_rate=1, kamailio_ratio=0.26), 1),
        (Gate(max_idle_bytes=40_000), 0),
        (Gate(max_idle_bytes=39_999), 1),
    ],
)
def test_gate_misses_what_is_below_its_demands(gate: Gate, misses: int) -> None:
    assert len(gate.find_misses([CLOSED, IDLE])) == misses


def test_both_kinds_of_a_ratio_have_to_reach_the_demand() -> None:
    case = make_case(router=100, kamailio=100, floor=100)
    case.rounds["kamailio"] = [make_outcome(100, cpu_share=0.5)]  # as fast by the clock, twice by processor time
    assert Gate(kamailio_ratio=0.5).find_misses([make_scenario("closed", case)]) == []
    assert Gate(kamailio_ratio=0.6).find_misses([make_scenario("closed", case)]) != []


@pytest.mark.parametrize("gate", [Gate(min_rate=1), Gate(floor_ratio=0.1), Gate(kamailio_ratio=0.1)])
def test_what_was_not_measured_is_missed(gate: Gate) -> None:
    assert gate.find_misses([IDLE]) == ["redirects a second were not measured"]
    assert Gate(max_idle_bytes=1).find_misses([CLOSED]) == ["memory of idle connections was not measured"]
    without = make_scenario("closed", make_case(router=1, floor=1))
    assert len(Gate(kamailio_ratio=0.1).find_misses([without])) == 1


def test_unexpected_answers_and_lost_connections_are_failures() -> None:
    case = make_case(router=1, floor=1)
    case.rounds["router"] = [make_outcome(1, errors={"status 403": 2})]
    assert make_scenario("closed", case).failures == ["TCP 8x16, router: status 403: 2"]
    assert len(make_scenario("idle", idle={"router": [make_idle(lost=1)]}).failures) == 1
    assert CLOSED.failures == IDLE.failures == []
