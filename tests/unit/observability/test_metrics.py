"""What Prometheus gets to read."""

import prometheus_client
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from callrouter import __version__
from callrouter.observability.counters import Counters
from callrouter.observability.metrics import CONTENT_TYPE, MetricSources, create_registry, render
from callrouter.reason import Reason
from callrouter.telemetry import ProbeOutcome
from callrouter.wire import CloseReason, Transport
from tests.unit.observability.samples import TLS_PEER, answered


@pytest.fixture
def counters() -> Counters:
    return Counters()


@pytest.fixture
def registry(counters: Counters) -> CollectorRegistry:
    return create_registry(MetricSources(counters, clock=lambda: 100.0, lines_lost=lambda: 7))


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"callrouter_{name}", labels)


UNLABELLED = [
    "inbound_calls_total",
    "inbound_calls_rejected_total",
    "inbound_calls_rejected_last_hour_ratio",
    "calls_disconnected_on_internal_error_total",
    "keep_alives_answered_total",
    "transactions_timed_out_total",
    "session_failures_total",
    "tls_handshakes_failed_total",
]


@pytest.mark.parametrize("name", UNLABELLED)
def test_metric_without_labels_is_there_from_the_start(registry: CollectorRegistry, name: str) -> None:
    assert value(registry, name) == 0


def test_metrics_show_every_counter(registry: CollectorRegistry, counters: Counters) -> None:
    counters.count_answer(answered(peer=TLS_PEER))
    counters.count_answer(answered(status=500, reason=Reason.INTERNAL_ERROR))
    counters.count_discarded(Reason.ACK_ABSORBED)
    counters.count_discarded(Reason.ACK_ABSORBED)
    counters.framing_lost[Reason.NOT_SIP] += 3
    counters.keep_alives_answered += 4
    counters.transactions_timed_out += 5
    counters.handshakes_failed += 6
    counters.count_session_failure()
    counters.count_opened(Transport.TLS)
    counters.count_opened(Transport.TLS)
    counters.count_closed(Transport.TLS, CloseReason.PEER_CLOSED)
    counters.connections_rejected["limits.max_connections"] += 8
    labels = {"method": "INVITE", "status": "302", "reason": "redirected", "transport": "TLS"}
    assert value(registry, "requests_answered_total", **labels) == 1
    assert value(registry, "inbound_calls_total") == 2
    assert value(registry, "inbound_calls_rejected_total") == 1
    assert value(registry, "inbound_calls_rejected_last_hour_ratio") == 0.5
    assert value(registry, "calls_disconnected_on_internal_error_total") == 2
    assert value(registry, "messages_discarded_total", reason="ack-absorbed") == 2
    assert value(registry, "framing_lost_total", reason="not-sip") == 3
    assert value(registry, "keep_alives_answered_total") == 4
    assert value(registry, "transactions_timed_out_total") == 5
    assert value(registry, "tls_handshakes_failed_total") == 6
    assert value(registry, "session_failures_total") == 1
    assert value(registry, "connections_open", transport="TLS") == 1
    assert value(registry, "connections_open", transport="TCP") == 0
    assert value(registry, "connections_opened_total", transport="TLS") == 2
    assert value(registry, "connections_closed_total", reason="peer-closed", transport="TLS") == 1
    assert value(registry, "connections_rejected_total", limit="limits.max_connections") == 8
    assert value(registry, "log_lines_lost_total") == 7
    assert value(registry, "build_info", version=__version__) == 1


def test_metrics_show_what_probes_say_until_the_server_leaves(registry: CollectorRegistry, counters: Counters) -> None:
    tcp, tls = ("MBX1", Transport.TCP), ("MBX1", Transport.TLS)
    counters.count_probe(tcp, ProbeOutcome.ALIVE)
    counters.count_probe(tls, ProbeOutcome.NO_ANSWER)
    counters.servers_up |= {tcp: True, tls: False}
    assert value(registry, "mailbox_server_up", server="MBX1", transport="TCP") == 1
    assert value(registry, "mailbox_server_up", server="MBX1", transport="TLS") == 0
    assert value(registry, "probes_total", server="MBX1", transport="TCP", result="alive") == 1
    assert value(registry, "probes_total", server="MBX1", transport="TLS", result="no-answer") == 1
    counters.forget_server(tls)
    assert value(registry, "mailbox_server_up", server="MBX1", transport="TLS") is None
    assert value(registry, "probes_total", server="MBX1", transport="TLS", result="no-answer") is None
    assert value(registry, "mailbox_server_up", server="MBX1", transport="TCP") == 1


def test_name_of_a_server_cannot_break_the_format(registry: CollectorRegistry, counters: Counters) -> None:
    counters.servers_up['a"}\n# x\\', Transport.TCP] = True
    body, _ = render(registry)
    samples = [sample for family in text_string_to_metric_families(body.decode()) for sample in family.samples]
    [sample] = [sample for sample in samples if sample.name == "callrouter_mailbox_server_up"]
    assert sample.labels["server"] == 'a"}\n# x\\'


def test_render_parses_again_and_names_everything_callrouter_or_process(registry: CollectorRegistry) -> None:
    body, content_type = render(registry)
    families = list(text_string_to_metric_families(body.decode()))
    assert content_type == CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
    assert all(family.name.startswith(("callrouter_", "process_")) for family in families)
    assert all(family.documentation for family in families)
    assert len({family.name for family in families}) == len(families) > len(UNLABELLED)


def test_registry_is_not_the_global_one(registry: CollectorRegistry) -> None:
    assert registry is not prometheus_client.REGISTRY
    assert prometheus_client.REGISTRY.get_sample_value("callrouter_inbound_calls_total") is None


def test_two_registries_live_side_by_side(registry: CollectorRegistry, counters: Counters) -> None:
    other = create_registry(MetricSources(Counters(), clock=lambda: 0.0, lines_lost=lambda: 0))
    counters.count_answer(answered())
    assert value(registry, "inbound_calls_total") == 1
    assert value(other, "inbound_calls_total") == 0
