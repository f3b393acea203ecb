"""Rounds in turns, and what comes of one in which a server fails."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pytest

from bench.cases import Case, Entry, Schedule, measure_cases
from bench.rig import Rig, ServerSpec
from bench.server import RunningServer, ServerError
from bench.target import Target
from tests.bench.outcomes import make_outcome

SCHEDULE = Schedule(2, 1.0, 0.5)
ROUTER, KAMAILIO = ServerSpec("router"), ServerSpec("kamailio")


class PretendRig(Rig):
    """Starts nothing; a load comes to what the next of `outcomes` says, and to 1,000 redirects a second behind them."""

    def __init__(self, *outcomes: dict[str, Any] | ServerError) -> None:
        self.outcomes = list(outcomes)
        self.started: list[str] = []
        self.has_failed = self.ends_badly = False

    @contextlib.contextmanager
    def start(self, spec: ServerSpec) -> Iterator[RunningServer]:
        self.started.append(spec.kind)
        self.has_failed = self.ends_badly
        yield RunningServer((1,), {"TCP": 5060})
        if self.has_failed:
            raise ServerError("ended with exit code -11")

    def run_tool(self, module: str, target: Target, options: dict[str, Any], *, share_cpus: bool = False) -> Any:
        assert (module, target.port, options["seconds"], share_cpus) == ("bench.load", 5060, 1.0, False)
        outcome = self.outcomes.pop(0) if self.outcomes else asdict(make_outcome(1000))
        if isinstance(outcome, ServerError):
            self.has_failed = True
            raise outcome
        return outcome


def case_of(*kinds: ServerSpec) -> Case:
    return Case("TCP 8x16", tuple(Entry(spec.kind, spec) for spec in kinds), ())


def test_every_entry_has_a_go_in_each_round_on_one_server() -> None:
    rig = PretendRig(asdict(make_outcome(1)), asdict(make_outcome(2)))
    [result] = measure_cases(rig, [case_of(ROUTER, KAMAILIO)], SCHEDULE)
    assert {label: [each.calls_per_second for each in rounds] for label, rounds in result.rounds.items()} == {
        "router": [1, 1000],
        "kamailio": [2, 1000],
    }
    assert (rig.started, result.repeated) == (["router", "kamailio"], {})


@pytest.mark.parametrize(
    "failure", [ServerError("no server on port 5061"), asdict(make_outcome(5, errors={"connection lost": 1}))]
)
def test_round_in_which_a_peer_fails_is_repeated_with_another_of_its_kind(failure: Any) -> None:
    rig = PretendRig(failure, failure)
    other = Case("TCP 200x1", (Entry("kamailio", KAMAILIO),), ())
    first, second = measure_cases(rig, [case_of(KAMAILIO), other], SCHEDULE)
    assert [each.calls_per_second for each in first.rounds["kamailio"]] == [1000, 1000]
    assert (rig.started, first.repeated, second.repeated) == (["kamailio"] * 3, {"kamailio": 2}, {})
    assert first.failures == []


def test_peer_that_does_not_end_well_costs_nothing() -> None:
    rig = PretendRig()
    rig.ends_badly = True
    [result] = measure_cases(rig, [case_of(KAMAILIO)], SCHEDULE)
    assert (result.repeated, result.failures) == ({}, [])
    with pytest.raises(ServerError, match="exit code"):
        measure_cases(rig, [case_of(ROUTER)], SCHEDULE)


def test_peer_that_fails_again_and_again_is_shown_as_it_is() -> None:
    lost = asdict(make_outcome(5, errors={"connection lost": 1}))
    [result] = measure_cases(PretendRig(*[lost] * 4), [case_of(KAMAILIO)], SCHEDULE)
    assert result.failures == ["TCP 8x16, kamailio: connection lost: 1"]
    with pytest.raises(ServerError, match="no server"):
        measure_cases(PretendRig(*[ServerError("no server")] * 4), [case_of(KAMAILIO)], SCHEDULE)


def test_server_of_ours_has_one_go() -> None:
    lost = asdict(make_outcome(5, errors={"connection lost": 1}))
    [result] = measure_cases(PretendRig(lost), [case_of(ROUTER)], SCHEDULE)
    assert result.failures == ["TCP 8x16, router: connection lost: 1"]
    with pytest.raises(ServerError, match="no server"):
        measure_cases(PretendRig(ServerError("no server")), [case_of(ROUTER)], SCHEDULE)
