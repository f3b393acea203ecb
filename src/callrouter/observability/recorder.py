"""Takes the events of the layers below and turns each into a count, a journal entry and a log line.

The only `telemetry.Sink` of a running role; several roles of one process have one each, with counters, journal and a
bound logger of their own. Never raises and never waits: text of a peer is made safe by the log, and no octets of a
message are logged beyond its Call-ID.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from structlog.typing import FilteringBoundLogger

from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.reason import Reason
from callrouter.telemetry import (
    CallBegan,
    CallEnded,
    ConnectionClosed,
    ConnectionOpened,
    ConnectionRejected,
    Event,
    FramingLost,
    KeepAliveAnswered,
    MessageDiscarded,
    ProbeFinished,
    ProbingEnded,
    RequestAnswered,
    ServerHealthChanged,
    SessionFailed,
    TlsHandshakeFailed,
    TransactionTimedOut,
)
from callrouter.wire import Peer

MAX_LOGGED_CALL_ID = 256
TLS_FAILURE_EVENT_ID = 1649
"""The product's id for a TLS failure with a gateway (EXCHANGE-UM A5)."""
SERVER_DOWN_EVENT_ID = 1400
"""The product's id for a peer that does not answer OPTIONS as it should (EXCHANGE-UM A5, B 3.6)."""

_LEAST_FAILURE = 400
_MISSING_VIA: Final = Reason.MISSING_VIA
"""A member of an Enum costs a descriptor call wherever it is named (CPython 3.11); this one is named for every call."""
_MILLISECOND_DIGITS = 3
_MICROSECONDS = 1e6


class Recorder:
    """A `telemetry.Sink`.

    log: of `logs.Logs.logger`. log_calls: False writes no line per call; all else is logged as before. clock: the
    monotonic clock that the events carry instants of. write_call: of `logs.Logs.call_writer`, for the lines of calls;
    without it they go to `log` as all others.
    """

    def __init__(
        self,
        counters: Counters,
        journal: Journal,
        log: FilteringBoundLogger,
        *,
        log_calls: bool = True,
        clock: Callable[[], float] = time.monotonic,
        write_call: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._counters = counters
        self._journal = journal
        self._log = log
        self._clock = clock
        # Asked once: a line that the level would drop must not cost its fields either.
        self._at_debug = log.is_enabled_for(logging.DEBUG)
        self._at_info = log.is_enabled_for(logging.INFO)
        self._log_calls = log_calls and self._at_info
        self._write_call = write_call or (lambda fields: log.info("call", **fields))
        self._handlers: dict[type, Callable[[Any], None]] = {
            KeepAliveAnswered: self._keep_alive_answered,
            FramingLost: self._framing_lost,
            TransactionTimedOut: self._transaction_timed_out,
            CallBegan: self._call_began,
            CallEnded: self._call_ended,
            ConnectionOpened: self._connection_opened,
            ConnectionClosed: self._connection_closed,
            ConnectionRejected: self._connection_rejected,
            TlsHandshakeFailed: self._tls_handshake_failed,
            ProbeFinished: self._probe_finished,
            ProbingEnded: self._probing_ended,
            ServerHealthChanged: self._server_health_changed,
            SessionFailed: self._session_failed,
        }

    def __call__(self, event: Event, /) -> None:
        # The two of which every call has one do not take the way by the table.
        if isinstance(event, RequestAnswered):
            self._request_answered(event)
        elif isinstance(event, MessageDiscarded):
            self._message_discarded(event)
        else:
            self._handlers[type(event)](event)

    def _request_answered(self, event: RequestAnswered) -> None:
        self._counters.count_answer(event)
        if event.method == "INVITE":
            self._journal.add(event)
            if self._log_calls:
                self._write_call(self._call_fields(event))
        elif event.status >= _LEAST_FAILURE:
            if self._at_info:
                self._log.info("request refused", **self._request_fields(event))
        elif self._at_debug:
            self._log.debug("request answered", **self._request_fields(event))

    def _call_fields(self, event: RequestAnswered) -> dict[str, Any]:
        # From when the answer could have gone out: holding it back on purpose is not our slowness.
        microseconds = (self._clock() - max(event.received_at, event.answered_at)) * _MICROSECONDS
        peer = event.peer
        fields: dict[str, Any] = {
            "call_id": event.call_id[:MAX_LOGGED_CALL_ID],
            "peer": peer.text,
            "transport": str(peer.transport),
            "certificate": _identity(peer),
            "status": event.status,
            "reason": str(event.reason),
            "contact": event.contact,
            "microseconds": int(microseconds + 0.5) if microseconds > 0.0 else 0,
        }
        if event.call_type:
            fields["call_type"] = str(event.call_type)
        if event.detail:
            fields["detail"] = event.detail
        return fields

    def _request_fields(self, event: RequestAnswered) -> dict[str, Any]:
        return {"method": event.method[:MAX_LOGGED_CALL_ID], **self._call_fields(event)}

    def _message_discarded(self, event: MessageDiscarded) -> None:
        self._counters.count_discarded(event.reason)
        if event.reason is _MISSING_VIA:
            # The peer waits for an answer that cannot be addressed, and loses its connection.
            self._log.warning("message not answerable", peer=str(event.peer), reason=event.reason.value)
        elif self._at_debug:
            self._log.debug("message discarded", peer=str(event.peer), reason=event.reason.value)

    def _keep_alive_answered(self, _event: KeepAliveAnswered) -> None:
        self._counters.keep_alives_answered += 1

    def _framing_lost(self, event: FramingLost) -> None:
        self._counters.framing_lost[event.reason] += 1
        self._log.warning(
            "framing lost",
            peer=str(event.peer),
            transport=event.peer.transport.value,
            reason=event.reason.value,
            detail=event.detail,
        )

    def _transaction_timed_out(self, event: TransactionTimedOut) -> None:
        self._counters.transactions_timed_out += 1
        if self._log_calls:
            self._log.info("transaction timed out", call_id=event.call_id[:MAX_LOGGED_CALL_ID], peer=str(event.peer))

    def _call_began(self, _event: CallBegan) -> None:
        # Its answer has its line already.
        self._counters.count_call_began()

    def _call_ended(self, event: CallEnded) -> None:
        self._counters.count_call_ended(event)
        if self._log_calls:
            self._log.info(
                "call ended",
                call_id=event.call_id[:MAX_LOGGED_CALL_ID],
                peer=str(event.peer),
                cause=event.cause.value,
                seconds=round(event.seconds, _MILLISECOND_DIGITS),
            )

    def _connection_opened(self, event: ConnectionOpened) -> None:
        peer = event.peer
        self._counters.count_opened(peer.transport)
        if self._at_debug:
            self._log.debug(
                "connection opened", peer=str(peer), transport=peer.transport.value, certificate=_identity(peer)
            )

    def _connection_closed(self, event: ConnectionClosed) -> None:
        peer = event.peer
        self._counters.count_closed(peer.transport, event.reason)
        if self._at_debug:
            self._log.debug(
                "connection closed",
                peer=str(peer),
                transport=peer.transport.value,
                reason=event.reason.value,
                received_bytes=event.received_bytes,
                sent_bytes=event.sent_bytes,
            )

    def _connection_rejected(self, event: ConnectionRejected) -> None:
        self._counters.connections_rejected[event.limit] += 1
        self._log.warning(
            "connection rejected",
            peer=str(Peer(event.address, event.port)),
            transport=event.transport.value,
            limit=event.limit,
        )

    def _tls_handshake_failed(self, event: TlsHandshakeFailed) -> None:
        self._counters.handshakes_failed += 1
        self._log.warning(
            "tls handshake failed",
            event_id=TLS_FAILURE_EVENT_ID,
            peer=str(Peer(event.address, event.port)),
            local=str(Peer(event.local_address, event.local_port)),
            detail=event.detail,
        )

    def _probe_finished(self, event: ProbeFinished) -> None:
        self._counters.count_probe((event.server, event.transport), event.outcome)
        if self._at_debug:
            self._log.debug(
                "probe finished",
                server=event.server,
                transport=event.transport.value,
                result=event.outcome.value,
                detail=event.detail,
                seconds=round(event.seconds, _MILLISECOND_DIGITS),
            )

    def _probing_ended(self, event: ProbingEnded) -> None:
        self._counters.forget_server((event.server, event.transport))

    def _server_health_changed(self, event: ServerHealthChanged) -> None:
        self._counters.servers_up[event.server, event.transport] = event.is_up
        fields: dict[str, Any] = {"server": event.server, "transport": event.transport.value, "detail": event.detail}
        if event.status:
            fields["status"] = event.status
        if event.is_up:
            self._log.info("mailbox server up", **fields)
        else:
            self._log.warning("mailbox server down", event_id=SERVER_DOWN_EVENT_ID, **fields)

    def _session_failed(self, event: SessionFailed) -> None:
        self._counters.count_session_failure()
        self._log.error("session failed", peer=str(event.peer), exc_info=event.error)


def _identity(peer: Peer) -> str:
    """The first name in the peer's certificate, "" where it showed none."""
    identities = peer.certificate.identities if peer.certificate is not None else ()
    return identities[0] if identities else ""
