from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from bench.cases import Spread
from bench.demands import list_demands
from bench.page import write_page
from bench.results import Results, merge_results, read_results, write_results
from tests.bench.outcomes import make_case, make_idle, make_results, make_scenario

RESULTS = make_results(
    make_scenario("closed", make_case(router=20_000, kamailio=80_000, floor=100_000)),
    make_scenario("latency", make_case("TCP, open loop", router=10_000, kamailio=40_000)),
    make_scenario("idle", idle={"router, 10,000 connections": [make_idle(connections=10_000)]}),
)


def find_demand(results: Results, what: str) -> tuple[str, bool]:
    [demand] = [demand for demand in list_demands(results) if demand.what == what]
    return demand.measured, demand.is_met


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_results(tmp_path / "results.json", RESULTS)
    assert read_results(tmp_path / "results.json") == RESULTS


def test_new_scenarios_take_the_place_of_old_ones() -> None:
    new = make_results(make_scenario("closed", make_case(router=1, floor=1)), make_scenario("log"))
    merged = merge_results(RESULTS, new, ["log", "closed", "idle", "latency"])
    assert [scenario.name for scenario in merged.scenarios] == ["log", "closed", "idle", "latency"]
    assert merged.find("closed") == new.scenarios[0]
    assert merged.find("idle") == RESULTS.find("idle")


def test_page_shows_every_scenario_and_its_charts_are_xml(tmp_path: Path) -> None:
    files = write_page(tmp_path, RESULTS)
    text = (tmp_path / "results.md").read_text("utf-8")
    assert "| router | 20,000 (20,000-20,000) | 50.0 (50.0-50.0) |" in text
    assert "| router / kamailio | 0.25 (0.25-0.25) | 0.25 (0.25-0.25) |" in text
    charts = [file for file in files if file.suffix == ".svg"]
    assert {chart.name for chart in charts} == {"rates.svg", "costs.svg", "latency-tcp.svg"}
    for chart in charts:
        assert ET.parse(chart).getroot().tag.endswith("svg")  # noqa: S314 - ours
        assert f"({chart.name})" in text


@pytest.mark.parametrize(
    ("what", "measured", "is_met"),
    [
        ("TCP, of Kamailio, one process", "0.25", False),
        ("TCP, of the floor", "0.20", False),
        ("TLS, of the floor", "not measured", False),
        ("TCP, interpreted, of the floor", "not measured", False),
        ("TCP, p99 at half of peak, of Kamailio's at half of its own", "1.00", True),
        ("TCP, p99 at half of Kamailio's peak, of Kamailio's", "not measured", False),
        ("bytes of an idle mutual-TLS connection", "30,000", True),
        ("10,000 idle connections held and answering", "all, for 30 s", True),
    ],
)
def test_demand_is_met_by_what_was_measured_alone(what: str, measured: str, is_met: bool) -> None:
    assert find_demand(RESULTS, what) == (measured, is_met)


def test_long_run_has_to_be_long() -> None:
    rounds = {"router, all": 5_000_000, "router, first calls": 100, "router, last calls": 95}
    short = make_results(make_scenario("long", make_case("TCP", **rounds)))
    long = make_results(make_scenario("long", make_case("TCP", **{**rounds, "router, all": 10_000_000})))
    what = "the last of 10,000,000 calls, of the first"
    assert find_demand(short, what) == ("0.95, over 5,000,000 only", False)
    assert find_demand(long, what) == ("0.95", True)


def test_spread_is_the_median_between_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(2.0, 1.0, 3.0)
