"""Shows the counters to Prometheus. Read at the scrape, from a registry of its own; nothing is counted here.

Only the text format 0.0.4 is written, which every scraper reads: what a client may ask for in Accept is not parsed.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from callrouter import __version__
from callrouter.observability.counters import Counters
from callrouter.observability.families import count, labelled_count, labelled_gauge
from callrouter.observability.mailbox_metrics import MailboxCollector, ServerRole

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class MetricSources:
    """What the metrics are read from.

    clock: the monotonic clock that the events carry instants of. lines_lost: see `logs.Logs.lines_lost`.
    """

    counters: Counters
    clock: Callable[[], float]
    lines_lost: Callable[[], int]
    mailbox: Mapping[ServerRole, Counters] = field(default_factory=dict)
    """What the roles of emulated Mailbox servers have counted."""


def create_registry(sources: MetricSources) -> CollectorRegistry:
    """A registry with the metrics of the router, of the emulated Mailbox servers and of the process."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_RouterCollector(sources))
    registry.register(MailboxCollector(sources.mailbox))
    ProcessCollector(registry=registry)
    return registry


def render(registry: CollectorRegistry) -> tuple[bytes, str]:
    """What a scrape gets: body and content type."""
    return generate_latest(registry), CONTENT_TYPE


class _RouterCollector(Collector):
    def __init__(self, sources: MetricSources) -> None:
        self._sources = sources

    def describe(self) -> list[Metric]:
        return []  # what is described could clash only with itself: the registry is ours

    def collect(self) -> Iterator[Metric]:
        counters = self._sources.counters
        yield from _availability(counters, self._sources.clock())
        yield from _messages(counters)
        yield from _connections(counters)
        yield from _servers(counters)
        yield count("log_lines_lost", "Log lines that could not be written", self._sources.lines_lost())
        yield labelled_gauge("build_info", "1, labelled with the version", ("version",), [((__version__,), 1)])


def _availability(counters: Counters, now: float) -> Iterator[Metric]:
    """The four counters of the product's category, under the product's meaning (EXCHANGE-UM B section 6)."""
    yield count("inbound_calls", "Total number of calls received", counters.inbound_calls)
    yield count("inbound_calls_rejected", "Total inbound calls rejected", counters.inbound_calls_rejected)
    yield GaugeMetricFamily(
        "callrouter_inbound_calls_rejected_last_hour_ratio",
        "Share of inbound calls rejected over the last hour, from 0 to 1",
        value=counters.rejected_over_the_last_hour.share(now),
    )
    yield count(
        "calls_disconnected_on_internal_error",
        "Calls disconnected on irrecoverable internal error",
        counters.calls_ended_by_internal_error,
    )


def _messages(counters: Counters) -> Iterator[Metric]:
    yield labelled_count(
        "requests_answered",
        "Requests that got a final answer",
        ("method", "status", "reason", "transport"),
        [
            ((method, str(status), reason.value, transport.value), count)
            for (method, status, reason, transport), count in counters.requests_answered.items()
        ],
    )
    yield labelled_count(
        "messages_discarded",
        "Messages that were taken and got no answer",
        ("reason",),
        [((reason.value,), count) for reason, count in counters.messages_discarded.items()],
    )
    yield labelled_count(
        "framing_lost",
        "Connections on which the next message could no longer be found",
        ("reason",),
        [((reason.value,), count) for reason, count in counters.framing_lost.items()],
    )
    yield count("keep_alives_answered", "Double CRLFs that were answered", counters.keep_alives_answered)
    yield count("transactions_timed_out", "Transactions whose ACK never came", counters.transactions_timed_out)
    yield count("session_failures", "Sessions that ended by a bug of the router", counters.session_failures)


def _connections(counters: Counters) -> Iterator[Metric]:
    yield labelled_gauge(
        "connections_open",
        "Connections that are open now",
        ("transport",),
        [((transport.value,), count) for transport, count in counters.connections_open.items()],
    )
    yield labelled_count(
        "connections_opened",
        "Connections that were accepted",
        ("transport",),
        [((transport.value,), count) for transport, count in counters.connections_opened.items()],
    )
    yield labelled_count(
        "connections_closed",
        "Connections that ended",
        ("reason", "transport"),
        [
            ((reason.value, transport.value), count)
            for (reason, transport), count in counters.connections_closed.items()
        ],
    )
    yield labelled_count(
        "connections_rejected",
        "Connections that a limit refused",
        ("limit",),
        [((limit,), count) for limit, count in counters.connections_rejected.items()],
    )
    yield count("tls_handshakes_failed", "TLS handshakes that failed (event 1649)", counters.handshakes_failed)


def _servers(counters: Counters) -> Iterator[Metric]:
    yield labelled_gauge(
        "mailbox_server_up",
        "1 where probes find that the server takes calls over this transport, else 0",
        ("server", "transport"),
        [((server, transport.value), int(is_up)) for (server, transport), is_up in counters.servers_up.items()],
    )
    yield labelled_count(
        "probes",
        "OPTIONS probes of Mailbox servers, and what they found",
        ("server", "transport", "result"),
        [
            ((server, transport.value, outcome.value), count)
            for (server, transport), outcomes in counters.probes.items()
            for outcome, count in outcomes.items()
        ],
    )
