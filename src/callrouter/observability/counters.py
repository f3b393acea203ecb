"""Counts what happened. Plain integers in plain dicts: the answer path pays for one increment, a scrape for the rest.

Every key is from a closed set (enums, status codes of ours, names of settings, servers of the directory), so a peer
cannot make a dict grow.
The product's own four counters (EXCHANGE-UM A5 and B section 6, `MSExchangeUMRouterAvailability`) are kept beside.
No clock: instants come with the events, `now` with the question.
"""

import math
from collections import defaultdict
from typing import Final, TypeAlias

from callrouter.reason import CallEnd, Reason
from callrouter.telemetry import CallEnded, ProbeOutcome, RequestAnswered
from callrouter.wire import CloseReason, Transport

OTHER_METHOD = "other"
KNOWN_METHODS: Final[dict[str, str]] = {
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
ServerPort: TypeAlias = tuple[str, Transport]
"""The name of a Mailbox server and a transport that it listens on."""

_MINUTES = 60
_SECONDS_PER_MINUTE = 60
_LEAST_FAILURE = 400
_NEVER = -(10**15)
_NO_ANSWER: Final[AnswerKey] = ("", 0, Reason.INTERNAL_ERROR, Transport.TCP)


class HourlyShare:
    """The share of calls that were rejected over the last hour, in 60 buckets of one minute."""

    def __init__(self) -> None:
        self._minutes = [_NEVER] * _MINUTES
        self._totals = [0] * _MINUTES
        self._rejected = [0] * _MINUTES
        self._slot = 0
        """Of the minute that the last call was answered in, from `_begins_at` on."""
        self._begins_at = -math.inf

    def add(self, instant: float, rejected: bool) -> None:
        """Count one call that was answered at `instant` (monotonic seconds)."""
        if not 0.0 <= instant - self._begins_at < _SECONDS_PER_MINUTE and not self._turn_to(instant):
            return
        self._totals[self._slot] += 1
        if rejected:
            self._rejected[self._slot] += 1

    def _turn_to(self, instant: float) -> bool:
        """Make the minute of this instant the one that is counted in; False where its hour is over."""
        minute = int(instant // _SECONDS_PER_MINUTE)
        slot = minute % _MINUTES
        if self._minutes[slot] > minute:
            return False
        if self._minutes[slot] < minute:
            self._minutes[slot] = minute
            self._totals[slot] = 0
            self._rejected[slot] = 0
        self._slot = slot
        self._begins_at = float(minute * _SECONDS_PER_MINUTE)
        return True

    def share(self, now: float) -> float:
        """Rejected calls divided by all calls of the hour before `now`; 0.0 where there were none."""
        oldest = int(now // _SECONDS_PER_MINUTE) - _MINUTES + 1
        slots = [slot for slot, minute in enumerate(self._minutes) if minute >= oldest]
        total = sum(self._totals[slot] for slot in slots)
        return sum(self._rejected[slot] for slot in slots) / total if total else 0.0


class Counters:
    """All that is counted since the start. Read the attributes freely; write through the methods or `recorder`."""

    def __init__(self) -> None:
        self._answered: dict[AnswerKey, int] = {}
        self._run_of = _NO_ANSWER
        """What the last answer was. Most are as the one before, and are only counted up until another comes."""
        self._run = 0
        """How many like it are not in `_answered` yet."""
        self.messages_discarded: dict[Reason, int] = {}
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
        self.calls_answered = 0
        self.calls_in_progress = 0
        """Calls that a user agent here holds."""
        self.calls_ended: defaultdict[CallEnd, int] = defaultdict(int)
        self.probes: dict[ServerPort, defaultdict[ProbeOutcome, int]] = {}
        self.servers_up: dict[ServerPort, bool] = {}
        """What probes say; without those of which nothing is known yet."""

    @property
    def requests_answered(self) -> dict[AnswerKey, int]:
        """How many requests got which answer."""
        self._end_run()
        return self._answered

    def _end_run(self) -> None:
        if self._run:
            self._answered[self._run_of] = self._answered.get(self._run_of, 0) + self._run
            self._run = 0

    def count_answer(self, event: RequestAnswered) -> None:
        """Count a request; an INVITE is a call.

        A call is rejected when its answer is a failure other than the one that its own CANCEL asked for.
        """
        method, status, reason = event.method, event.status, event.reason
        run_method, run_status, run_reason, run_transport = self._run_of
        is_alike = status == run_status and reason is run_reason and event.peer.transport is run_transport
        if not is_alike or method != run_method:
            self._end_run()
            method = KNOWN_METHODS.get(method, OTHER_METHOD)
            self._run_of = (method, status, reason, event.peer.transport)
        self._run += 1
        if method == "INVITE":
            rejected = status >= _LEAST_FAILURE and reason is not Reason.CANCELLED
            self.inbound_calls += 1
            if rejected:
                self.inbound_calls_rejected += 1
                if reason is Reason.INTERNAL_ERROR:
                    self.calls_ended_by_internal_error += 1
            self.rejected_over_the_last_hour.add(event.answered_at, rejected)

    def count_discarded(self, reason: Reason) -> None:
        """Count a message that got no answer."""
        self.messages_discarded[reason] = self.messages_discarded.get(reason, 0) + 1

    def count_call_began(self) -> None:
        """Count a call that a user agent here holds from now on."""
        self.calls_answered += 1
        self.calls_in_progress += 1

    def count_call_ended(self, event: CallEnded) -> None:
        """Count a call that a user agent here held, or tried."""
        self.calls_ended[event.cause] += 1
        if event.was_answered:
            self.calls_in_progress -= 1

    def count_probe(self, port: ServerPort, outcome: ProbeOutcome) -> None:
        """Count a probe that came to its end."""
        self.probes.setdefault(port, defaultdict(int))[outcome] += 1

    def forget_server(self, port: ServerPort) -> None:
        """Drop what was counted of a port that is probed no more."""
        self.probes.pop(port, None)
        self.servers_up.pop(port, None)

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
