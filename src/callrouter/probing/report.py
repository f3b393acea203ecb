"""What probing has to tell, as events of `telemetry`, which lies below the pool and knows none of its words."""

from callrouter.pool.health import Change, HealthState, ProbeResult
from callrouter.telemetry import ProbeFinished, ProbeOutcome, ServerHealthChanged
from callrouter.wire import Transport


def describe_probe(server: str, transport: Transport, result: ProbeResult, seconds: float) -> ProbeFinished:
    """The event of a probe that took so long."""
    return ProbeFinished(server, transport, _outcome(result), result.detail, seconds)


def describe_change(change: Change) -> ServerHealthChanged:
    """The event of a target that went up or down."""
    is_up = change.after is HealthState.UP
    return ServerHealthChanged(change.server, change.transport, is_up, change.detail, change.status)


def _outcome(result: ProbeResult) -> ProbeOutcome:
    if result.is_alive:
        return ProbeOutcome.ALIVE
    if result.is_refused:
        return ProbeOutcome.REFUSED
    return ProbeOutcome.UNAVAILABLE if result.status else ProbeOutcome.NO_ANSWER
