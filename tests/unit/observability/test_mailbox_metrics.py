from prometheus_client import CollectorRegistry

from callrouter.observability.counters import Counters
from callrouter.observability.mailbox_metrics import MailboxCollector, ServerRole
from callrouter.reason import CallEnd, Reason
from callrouter.telemetry import CallEnded
from callrouter.wire import Transport
from tests.unit.observability.samples import TCP_PEER, answered


def register(counters: dict[ServerRole, Counters]) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(MailboxCollector(counters))
    return registry


def test_mailbox_metrics_without_servers_are_none() -> None:
    assert list(register({}).collect()) == []


def test_mailbox_metrics_show_calls_of_workers_and_requests_of_every_role() -> None:
    service, worker = Counters(), Counters()
    registry = register({("MBX1", "um-service"): service, ("MBX1", "worker"): worker})
    service.count_answer(answered())
    worker.count_answer(answered(status=200, reason=Reason.ANSWERED))
    worker.count_call_began()
    worker.count_call_began()
    worker.count_call_ended(CallEnded(TCP_PEER, "a", CallEnd.MAX_DURATION, 3.0, was_answered=True))
    worker.count_opened(Transport.TLS)
    worker.count_session_failure()

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(f"callrouter_mailbox_{name}", {"server": "MBX1", **labels})

    assert value("calls_answered_total") == 2
    assert value("calls_in_progress") == 1
    assert value("calls_ended_total", cause="max-duration") == 1
    of_call = {"method": "INVITE", "transport": "TCP"}
    assert value("requests_answered_total", role="um-service", status="302", reason="redirected", **of_call) == 1
    assert value("requests_answered_total", role="worker", status="200", reason="answered", **of_call) == 1
    assert value("connections_open", role="worker", transport="TLS") == 1
    assert value("connections_open", role="um-service", transport="TLS") == 0
    assert value("session_failures_total", role="worker") == 1
