from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from callrouter.observability.families import count, labelled_count, labelled_gauge


class Fixed(Collector):
    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return list(self._families)


def render(*families: Metric) -> list[str]:
    registry = CollectorRegistry()
    registry.register(Fixed(*families))
    return [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]


def test_families_stand_in_one_name_space_and_counters_end_in_total() -> None:
    assert render(count("calls", "Calls", 3)) == ["callrouter_calls_total 3.0"]


def test_families_with_labels_have_a_row_for_each_set_of_values() -> None:
    rows = [(("a",), 1.0), (("b",), 2.0)]
    assert render(labelled_count("probes", "Probes", ("server",), rows)) == [
        'callrouter_probes_total{server="a"} 1.0',
        'callrouter_probes_total{server="b"} 2.0',
    ]
    assert render(labelled_gauge("up", "Up", ("server",), rows[:1])) == ['callrouter_up{server="a"} 1.0']
    assert render(labelled_gauge("up", "Up", ("server",), [])) == []
