"""SIPp follows both redirects itself, because its scenarios tell it how; they judge every answer."""

from collections import Counter
from pathlib import Path

import pytest

from tests.interop.sipp_tool import Load, Sipp
from tests.interop.three_hops.lab import THREE_HOPS, Lab

pytestmark = [pytest.mark.interop, pytest.mark.timed]

_STRICT = Path(__file__).resolve().parent.parent / "sipp" / "three_hops.xml"


async def test_sipp_five_hundred_calls_along_three_hops_all_succeed(sipp: Sipp, lab: Lab) -> None:
    before, hung_up = lab.count_hops(), lab.count_hung_up()

    result = await sipp.place_calls(_STRICT, f"{lab.address}:5060", Load(calls=500, per_second=100, mode="tn"))

    assert (result.exit_code, result.successful, result.failed) == (0, 500, 0), result.errors
    lab.wait_for_calls(hung_up + 500)
    assert lab.count_hops() - before == Counter(dict.fromkeys(THREE_HOPS, 500))


async def test_sipp_scenario_that_the_lab_writes_follows_both_redirects(sipp: Sipp, lab: Lab) -> None:
    before, hung_up = lab.count_hops(), lab.count_hung_up()
    scenario = lab.directory / "var" / "three_hops.sipp.xml"

    result = await sipp.place_calls(scenario, f"{lab.address}:5060", Load(calls=20, per_second=20, mode="tn"))

    assert (result.exit_code, result.successful, result.failed) == (0, 20, 0), result.errors
    lab.wait_for_calls(hung_up + 20)
    assert lab.count_hops() - before == Counter(dict.fromkeys(THREE_HOPS, 20))


async def test_sipp_scenario_without_a_redirect_fails_every_call(sipp: Sipp, lab: Lab) -> None:
    # Shows that the scenario looks: the worker answers the first INVITE, and well, but it is no router.
    result = await sipp.place_calls(_STRICT, f"{lab.address}:5065", Load(calls=5, per_second=20, mode="tn"))

    assert (result.exit_code, result.successful, result.failed) == (1, 0, 5)
    assert "while expecting '302'" in result.errors
