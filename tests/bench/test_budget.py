from dataclasses import replace

import pytest

from bench.budget import BudgetError, Figures, compare, dump_figures, load_figures

HERE = {"python": "3.11.7", "libc": "glibc 2.36"}
STORED = Figures(HERE, 1000.0, {"interpreted": 50_000.0, "compiled": 20_000.0})
ELSEWHERE = {**HERE, "python": "3.12.1"}


def with_compiled(figure: float, stored: Figures = STORED) -> Figures:
    return replace(stored, per_redirect={**stored.per_redirect, "compiled": figure})


def test_nothing_is_said_of_figures_that_stay() -> None:
    comparison = compare(STORED, STORED)
    assert comparison.misses == []
    assert comparison.notes == []


@pytest.mark.parametrize("figure", [18_001.0, 21_999.0])
def test_a_tenth_is_allowed_either_way(figure: float) -> None:
    comparison = compare(with_compiled(figure), STORED)
    assert comparison.misses == []
    assert comparison.notes == []


def test_a_form_that_costs_more_is_missed_alone() -> None:
    assert compare(with_compiled(22_001.0), STORED).misses == [
        "compiled: 22,001 instructions a redirect, stored 20,000 instructions, allowed 22,000 instructions"
    ]


def test_each_form_that_costs_more_has_its_line() -> None:
    dear = replace(STORED, per_redirect={form: figure * 2 for form, figure in STORED.per_redirect.items()})
    assert [line.partition(":")[0] for line in compare(dear, STORED).misses] == ["interpreted", "compiled"]


def test_a_form_that_costs_less_asks_to_be_stored_again() -> None:
    comparison = compare(with_compiled(17_999.0), STORED)
    assert comparison.misses == []
    assert [line for line in comparison.notes if "--update" in line and line.startswith("compiled: ")]


def test_a_form_that_was_not_counted_is_not_compared() -> None:
    assert compare(replace(STORED, per_redirect={"compiled": 20_000.0}), STORED).misses == []


def test_a_form_of_which_nothing_is_stored_is_missed() -> None:
    [miss] = compare(STORED, replace(STORED, per_redirect={"compiled": 20_000.0})).misses
    assert miss.startswith("interpreted: ")


def test_elsewhere_the_yardstick_decides_and_the_difference_is_told() -> None:
    # Half of the instructions for everything: the same code under another interpreter.
    now = Figures(ELSEWHERE, 500.0, {"interpreted": 25_000.0, "compiled": 10_000.0})
    comparison = compare(now, STORED)
    assert comparison.misses == []
    [note] = comparison.notes
    assert note.endswith("python is 3.12.1, was 3.11.7")


def test_elsewhere_a_miss_is_one_by_the_yardstick() -> None:
    # Fewer instructions than stored, and yet too many.
    now = Figures(ELSEWHERE, 500.0, {"compiled": 11_100.0})
    assert compare(now, STORED).misses == [
        "compiled: 22.20 yardsticks a redirect, stored 20.00 yardsticks, allowed 22.00 yardsticks"
    ]


def test_what_a_count_depends_on_is_compared_on_both_sides() -> None:
    now = replace(STORED, environment={"libc": "glibc 2.36", "vectors": "avx2"})
    [note] = compare(now, STORED).notes
    assert note.endswith("python is unknown, was 3.11.7; vectors is avx2, was unknown")


def test_figures_are_read_as_they_were_stored() -> None:
    assert load_figures(dump_figures(STORED)) == STORED


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"environment": [], "per_redirect": {}, "yardstick": 1}',
        '{"environment": {}, "per_redirect": {"compiled": null}, "yardstick": 1}',
        '{"environment": {}, "per_redirect": {"compiled": 1}, "yardstick": 0}',
    ],
)
def test_what_is_no_figures_is_refused(text: str) -> None:
    with pytest.raises(BudgetError):
        load_figures(text)
