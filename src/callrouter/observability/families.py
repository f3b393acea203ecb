"""Metric families of ours: one name space, and rows of label values. Nothing is counted or read here."""

from collections.abc import Sequence
from typing import TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

Rows: TypeAlias = Sequence[tuple[tuple[str, ...], float]]
"""Label values and the number."""


def count(name: str, text: str, value: int) -> Metric:
    """A counter without labels."""
    return CounterMetricFamily(f"callrouter_{name}", text, value=value)


def labelled_count(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """A counter with labels."""
    family = CounterMetricFamily(f"callrouter_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family


def labelled_gauge(name: str, text: str, labels: tuple[str, ...], rows: Rows) -> Metric:
    """A gauge with labels."""
    family = GaugeMetricFamily(f"callrouter_{name}", text, labels=labels)
    for values, value in rows:
        family.add_metric(values, value)
    return family
