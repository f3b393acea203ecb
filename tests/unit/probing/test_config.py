import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.probing.config import ProbeConfig


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 4.5), (0.5, 5.0), (1.0, 5.5)])
def test_interval_by_default_is_five_seconds_give_or_take_a_tenth(drawn: float, seconds: float) -> None:
    assert ProbeConfig().draw_interval(lambda: drawn) == pytest.approx(seconds)


@given(interval=st.floats(0.05, 3600), jitter=st.floats(0, 1), drawn=st.floats(0, 1))
def test_interval_of_any_draw_stays_within_the_jitter(interval: float, jitter: float, drawn: float) -> None:
    config = ProbeConfig(interval_seconds=interval, jitter=jitter)
    seconds = config.draw_interval(lambda: drawn)
    assert interval * (1 - jitter) - 1e-9 <= seconds <= interval * (1 + jitter) + 1e-9


def test_configs_of_the_same_values_are_the_same() -> None:
    assert ProbeConfig() == ProbeConfig()
    assert ProbeConfig() != ProbeConfig(timeout_seconds=1.0)
