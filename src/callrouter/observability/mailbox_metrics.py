"""Shows what emulated Mailbox servers have counted, UM services and workers, apart from the router's own counters."""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from callrouter.observability.counters import Counters
from callrouter.observability.families import labelled_count, labelled_gauge

ServerRole: TypeAlias = tuple[str, str]
"""The name of an emulated server, and "um-service" or "worker"."""

_WORKER = "worker"
_LABELS = ("server", "role")


class MailboxCollector(Collector):
    """Reads the counters at the scrape; they may be of no server at all."""

    def __init__(self, counters: Mapping[ServerRole, Counters]) -> None:
        self._counters = counters

    def describe(self) -> list[Metric]:
        """Nothing: the registry is ours."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every family, where there are servers."""
        if self._counters:
            yield from _calls(self._counters)
            yield from _messages(self._counters)


def _calls(all_counters: Mapping[ServerRole, Counters]) -> Iterator[Metric]:
    workers = {server: counters for (server, role), counters in all_counters.items() if role == _WORKER}
    yield labelled_count(
        "mailbox_calls_answered",
        "Calls that a worker answered",
        ("server",),
        [((server,), counters.calls_answered) for server, counters in workers.items()],
    )
    yield labelled_gauge(
        "mailbox_calls_in_progress",
        "Calls that a worker holds now",
        ("server",),
        [((server,), counters.calls_in_progress) for server, counters in workers.items()],
    )
    yield labelled_count(
        "mailbox_calls_ended",
        "Calls that ended, and why",
        ("server", "cause"),
        [
            ((server, cause.value), count)
            for server, counters in workers.items()
            for cause, count in counters.calls_ended.items()
        ],
    )


def _messages(all_counters: Mapping[ServerRole, Counters]) -> Iterator[Metric]:
    yield labelled_count(
        "mailbox_requests_answered",
        "Requests that got a final answer",
        (*_LABELS, "method", "status", "reason", "transport"),
        [
            ((*role, method, str(status), reason.value, transport.value), count)
            for role, counters in all_counters.items()
            for (method, status, reason, transport), count in counters.requests_answered.items()
        ],
    )
    yield labelled_gauge(
        "mailbox_connections_open",
        "Connections that are open now",
        (*_LABELS, "transport"),
        [
            ((*role, transport.value), count)
            for role, counters in all_counters.items()
            for transport, count in counters.connections_open.items()
        ],
    )
    yield labelled_count(
        "mailbox_session_failures",
        "Sessions that ended by a bug of ours",
        _LABELS,
        [(role, counters.session_failures) for role, counters in all_counters.items()],
    )
