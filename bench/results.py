"""The results as a file: every round of every scenario as JSON, written, read again, and merged scenario by scenario.

A scenario stands for itself, with its date: it can be measured anew without the others. Whatever is made of the results
(`page`, `charts`) is made from here, so that it can be made again without measuring.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.cases import CaseResult, ScenarioResult, Schedule
from bench.idle import IdleResult
from bench.machine import Machine
from bench.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Results:
    """Scenarios in the order in which they are shown."""

    machine: Machine
    cpus: str
    schedule: Schedule
    scenarios: list[ScenarioResult]

    def find(self, name: str) -> ScenarioResult | None:
        """A scenario, where it was measured."""
        return next((scenario for scenario in self.scenarios if scenario.name == name), None)

    def case(self, name: str, title: str) -> CaseResult | None:
        """A case, where it was measured."""
        scenario = self.find(name)
        return next((case for case in scenario.cases if case.title == title), None) if scenario else None


def write_results(file: Path, results: Results) -> None:
    """Write them as JSON."""
    file.parent.mkdir(parents=True, exist_ok=True)
    found = asdict(results)
    for dumped, scenario in zip(found["scenarios"], results.scenarios, strict=True):
        for dumped_case, case in zip(dumped["cases"], scenario.cases, strict=True):
            dumped_case["ratios"] = [asdict(ratio) for ratio in case.ratios]  # for readers; made anew when read
    file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def read_results(file: Path) -> Results:
    """What `write_results` wrote."""
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return Results(
        Machine(**found["machine"]),
        found["cpus"],
        Schedule(**found["schedule"]),
        [_read_scenario(scenario) for scenario in found["scenarios"]],
    )


def merge_results(old: Results, new: Results, order: Iterable[str]) -> Results:
    """The new scenarios in place of the old ones of their names; machine and schedule are the new run's."""
    by_name = {scenario.name: scenario for scenario in (*old.scenarios, *new.scenarios)}
    return Results(new.machine, new.cpus, new.schedule, [by_name[name] for name in order if name in by_name])


def _read_scenario(found: dict[str, Any]) -> ScenarioResult:
    return ScenarioResult(
        name=found["name"],
        title=found["title"],
        note=found["note"],
        measured_at=found["measured_at"],
        cases=[_read_case(case) for case in found["cases"]],
        idle={label: [IdleResult(**each) for each in rounds] for label, rounds in found["idle"].items()},
    )


def _read_case(found: dict[str, Any]) -> CaseResult:
    rounds = {label: [Outcome(**each) for each in outcomes] for label, outcomes in found["rounds"].items()}
    pairs = tuple((label, to) for label, to in found["pairs"])
    return CaseResult(found["title"], rounds, pairs, found.get("repeated", {}))
