"""What a redirect may cost in instructions: the figures that are stored, and how new ones compare with them. Pure.

A count is a property of code, interpreter, C compiler and libc. Where the environment is the one in which the figures
were stored, counts are compared; elsewhere they are divided by the yardstick's in the same environment first.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

TOLERANCE = 0.10
"""By how much a figure may be off before anything is said."""


class BudgetError(Exception):
    """What is stored cannot be read."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Instructions for one redirect in each form, and for one round of the yardstick's work."""

    environment: Mapping[str, str]
    """What a count depends on besides the code, by name: versions and the like."""
    yardstick: float
    per_redirect: Mapping[str, float]
    """By form: interpreted, compiled."""


@dataclass(slots=True)
class Comparison:
    """What was found, a line each."""

    misses: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def compare(now: Figures, stored: Figures) -> Comparison:
    """What is to be said of the new figures; `misses` is empty where no form costs too much."""
    comparison = Comparison()
    changed = describe_changes(now.environment, stored.environment)
    if changed:
        comparison.notes.append(f"by the yardstick, because the figures were stored elsewhere: {'; '.join(changed)}")
    for form, figure in now.per_redirect.items():
        if form not in stored.per_redirect:
            comparison.misses.append(f"{form}: {figure:,.0f} instructions a redirect, none are stored")
        elif changed:
            ratio, wanted = figure / now.yardstick, stored.per_redirect[form] / stored.yardstick
            _judge(comparison, form, ratio, wanted, "{:.2f} yardsticks")
        else:
            _judge(comparison, form, figure, stored.per_redirect[form], "{:,.0f} instructions")
    return comparison


def describe_changes(now: Mapping[str, str], stored: Mapping[str, str]) -> list[str]:
    """Where two environments differ."""
    names = sorted(now.keys() | stored.keys())
    return [
        f"{name} is {now.get(name, 'unknown')}, was {stored.get(name, 'unknown')}"
        for name in names
        if now.get(name) != stored.get(name)
    ]


def _judge(comparison: Comparison, form: str, figure: float, stored: float, unit: str) -> None:
    most, least = stored * (1 + TOLERANCE), stored * (1 - TOLERANCE)
    line = f"{form}: {unit.format(figure)} a redirect, stored {unit.format(stored)}"
    if figure > most:
        comparison.misses.append(f"{line}, allowed {unit.format(most)}")
    elif figure < least:
        comparison.notes.append(f"{line}: it costs less; renew what is stored with --update")


def dump_figures(figures: Figures) -> str:
    """As they are stored, to whole instructions."""
    whole = {form: round(figure) for form, figure in figures.per_redirect.items()}
    raw = {**asdict(figures), "per_redirect": whole, "yardstick": round(figures.yardstick)}
    return json.dumps(raw, indent=2, sort_keys=True) + "\n"


def load_figures(text: str) -> Figures:
    """What `dump_figures` wrote.

    Raises:
        BudgetError: it is something else.
    """
    try:
        raw: dict[str, Any] = json.loads(text)
        environment = {str(name): str(value) for name, value in raw["environment"].items()}
        per_redirect = {str(form): float(figure) for form, figure in raw["per_redirect"].items()}
        figures = Figures(environment, float(raw["yardstick"]), per_redirect)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BudgetError(f"the stored figures cannot be read: {error!r}") from error
    if min(figures.yardstick, *per_redirect.values()) <= 0:
        raise BudgetError("a stored figure is not greater than zero")
    return figures
