import pytest

from callrouter.pool.health import (
    Change,
    HealthState,
    ProbeResult,
    answered,
    failed,
    refused,
    timed_out,
)
from callrouter.probing.report import describe_change, describe_probe
from callrouter.telemetry import ProbeFinished, ProbeOutcome, ServerHealthChanged
from callrouter.wire import Transport


@pytest.mark.parametrize(
    ("result", "outcome", "detail"),
    [
        (answered(200), ProbeOutcome.ALIVE, "answers 200"),
        (answered(404), ProbeOutcome.ALIVE, "answers 404"),
        (answered(501), ProbeOutcome.ALIVE, "answers 501"),
        (answered(503), ProbeOutcome.UNAVAILABLE, "answers 503"),
        (refused(), ProbeOutcome.REFUSED, "connection refused"),
        (timed_out(2.0), ProbeOutcome.NO_ANSWER, "no answer within 2 s"),
        (failed("TLS failed"), ProbeOutcome.NO_ANSWER, "TLS failed"),
    ],
)
def test_probe_becomes_an_event_with_what_it_found(result: ProbeResult, outcome: ProbeOutcome, detail: str) -> None:
    assert describe_probe("MBX1", Transport.TLS, result, 0.25) == ProbeFinished(
        "MBX1", Transport.TLS, outcome, detail, 0.25
    )


@pytest.mark.parametrize(("after", "is_up"), [(HealthState.UP, True), (HealthState.DOWN, False)])
def test_change_becomes_an_event_of_where_it_led(after: HealthState, is_up: bool) -> None:
    change = Change("MBX1", Transport.TCP, HealthState.UNKNOWN, after, "answers 503", 7.0, 503)
    assert describe_change(change) == ServerHealthChanged("MBX1", Transport.TCP, is_up, "answers 503", 503)
