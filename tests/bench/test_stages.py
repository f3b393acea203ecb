from bench.hot_path import record_calls
from bench.stages import STAGES, format_table, measure


def test_every_stage_is_measured() -> None:
    figures = measure(record_calls(4), 2)
    assert list(figures) == [stage.name for stage in STAGES]
    assert all(0 < figure < float("inf") for figure in figures.values())


def test_table_has_a_line_a_stage_and_the_last_is_the_whole() -> None:
    figures = {stage.name: 2.5 for stage in STAGES} | {STAGES[-1].name: 10.0}
    *lines, last = format_table(figures).splitlines()
    assert len(lines) == len(STAGES) - 1
    assert all(line.endswith("2.50 us    25%") for line in lines)
    assert last.endswith("10.00 us   100%")
