"""Counts what happened. Plain integers in plain dicts: the answer path pays for one increment, a scrape for the rest.

Every key is from a closed set (enums, status codes of ours, names of settings), so a peer cannot make a dict grow.
The product's own four counters (EXCHANGE-UM A5 and B section 6, `MSExchangeUMRouterAvailability`) are kept beside.
No clock: instants come with the events, `now` with the question.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeAlias

from callrouter.reason import Reason
from callrouter.telemetry import RequestAnswered
from callrouter.wire import CloseReason, Transport

OTHER_METHOD = "other"
KNOWN_METHODS: Mapping[str, str] = {
    method: method
    for method in (
        "INVITE",
        "ACK",
        "BYE",
        "CANCEL",
        "OPTIONS",
        "REGISTER",
        "INFO",
        "PRACK",
        "SUBSCRIBE",
        "NOTIFY",
        "UPDATE",
        "MESSAGE",
        "REFER",
        "PUBLISH",
    )
}
"""The methods that are counted under their own name; all others are `OTHER_METHOD`."""

AnswerKey: TypeAlias = tuple[str, int, Reason, Transport]
"""Method label, status, reason, transport."""

_MINUTES = 60
_SECONDS_PER_MINUTE = 60
_LEAST_FAILURE = 400
_NEVER = -(10**15)


class HourlyShare:
    """The share of calls that were rejected over the last hour, in 60 buckets of one minute."""

    def __init__(self) -> None:
        self._minutes = [_NEVER] * _MINUTES
        self._totals = [0] * _MINUTES
        self._rejected = [0] * _MINUTES

    def add(self, instant: float, *, rejected: bool) -> None:
        """Count one call that was answered at `instant` (monotonic seconds)."""
        minute = int(instant // _SECONDS_PER_MINUTE)
        slot = minute % _MINUTES
        if self._minutes[slot] != minute:
            if self._minutes[slot] > minute:
                return  # its hour is over
            self._minutes[slot] = minute
            self._totals[slot] = 0
            self._rejected[slot] = 0
        self._totals[slot] += 1
        if rejected:
            self._rejected[slot] += 1

    def share(self, now: float) -> float:
        """Rejected calls divided by all calls of the hour before `now`; 0.0 where there were none."""
        oldest = int(now // _SECONDS_PER_MINUTE) - _MINUTES + 1
        slots = [slot for slot, minute in enumerate(self._minutes) if minute >= oldest]
        total = sum(self._totals[slot] for slot in slots)
        return sum(self._rejected[slot] for slot in slots) / total if total else 0.0


class Counters:
    """All that is counted since the start. Read the attributes freely; write through the methods or `recorder`."""

    def __init__(self) -> None:
        self.requests_answered: defaultdict[AnswerKey, int] = defaultdict(int)
        self.messages_discarded: defaultdict[Reason, int] = defaultdict(int)
        self.framing_lost: defaultdict[Reason, int] = defaultdict(int)
        self.keep_alives_answered = 0
        self.transactions_timed_out = 0
        self.session_failures = 0
        self.handshakes_failed = 0
        self.connections_opened: defaultdict[Transport, int] = defaultdict(int)
        self.connections_closed: defaultdict[tuple[CloseReason, Transport], int] = defaultdict(int)
        self.connections_rejected: defaultdict[str, int] = defaultdict(int)
        self.connections_open: dict[Transport, int] = dict.fromkeys(Transport, 0)
        self.inbound_calls = 0
        self.inbound_calls_rejected = 0
        self.calls_ended_by_internal_error = 0
        self.rejected_over_the_last_hour = HourlyShare()

    def count_answer(self, event: RequestAnswered) -> None:
        """Count a request; an INVITE is a call.

        A call is rejected when its answer is a failure other than the one that its own CANCEL asked for.
        """
        status = event.status
        reason = event.reason
        method = KNOWN_METHODS.get(event.method, OTHER_METHOD)
        self.requests_answered[method, status, reason, event.peer.transport] += 1
        if method == "INVITE":
            rejected = status >= _LEAST_FAILURE and reason is not Reason.CANCELLED
            self.inbound_calls += 1
            if rejected:
                self.inbound_calls_rejected += 1
                if reason is Reason.INTERNAL_ERROR:
                    self.calls_ended_by_internal_error += 1
            self.rejected_over_the_last_hour.add(event.answered_at, rejected=rejected)

    def count_opened(self, transport: Transport) -> None:
        """Count a connection that now is open."""
        self.connections_opened[transport] += 1
        self.connections_open[transport] += 1

    def count_closed(self, transport: Transport, reason: CloseReason) -> None:
        """Count a connection that was open and is no more."""
        self.connections_closed[reason, transport] += 1
        self.connections_open[transport] -= 1

    def count_session_failure(self) -> None:
        """Count a session that raised: whatever call it carried ended by an internal error, and without an answer."""
        self.session_failures += 1
        self.calls_ended_by_internal_error += 1
