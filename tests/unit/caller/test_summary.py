import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.caller.result import Outcome
from callrouter.caller.summary import Summary
from tests.unit.caller.results import make_result


def test_summary_of_nothing_is_empty() -> None:
    assert Summary().as_json(0.0) == {
        "calls": 0,
        "answered": 0,
        "refused": 0,
        "failed": 0,
        "by_reason": {},
        "setup_seconds": {},
        "seconds": 0.0,
        "calls_per_second": 0.0,
    }


def test_summary_counts_by_reason_the_most_frequent_first() -> None:
    summary = Summary()
    for result in [
        make_result(Outcome.BROKEN, answered_after_seconds=0.2),
        *[make_result(Outcome.REFUSED, status=404)] * 2,
        make_result(Outcome.REFUSED, status=503),
        *[make_result()] * 3,
    ]:
        summary.add(result)
    told = summary.as_json(2.0)
    assert (told["calls"], told["answered"], told["refused"], told["failed"]) == (7, 3, 3, 1)
    assert told["by_reason"] == {"answered": 3, "refused 404": 2, "broken": 1, "refused 503": 1}
    assert told["calls_per_second"] == 3.5
    assert summary.setup_seconds() == {"p50": 0.0125, "p95": 0.2, "p99": 0.2, "max": 0.2}


@pytest.mark.parametrize(
    ("count", "expected"), [(1, (0, 0, 0, 0)), (100, (49, 94, 98, 99)), (1000, (499, 949, 989, 999))]
)
def test_summary_percentiles_are_those_of_the_nearest_rank(count: int, expected: tuple[int, ...]) -> None:
    summary = Summary()
    for number in reversed(range(count)):
        summary.add(make_result(answered_after_seconds=float(number)))
    assert tuple(summary.setup_seconds().values()) == expected


@given(st.lists(st.floats(0, 100), min_size=1))
def test_summary_percentiles_are_measured_times_and_rise(times: list[float]) -> None:
    summary = Summary()
    for seconds in times:
        summary.add(make_result(answered_after_seconds=seconds))
    found = list(summary.setup_seconds().values())
    assert found == sorted(found)
    assert set(found) <= set(times)
    assert found[-1] == max(times)
