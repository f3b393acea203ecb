"""Exchange: OPTIONS probes on one connection, one after the other (RFC 3261 11). Sans-I/O.

All of them share Call-ID and From tag, and CSeq counts on (8.1.1.5). A probe ends with its final answer, at its
deadline, which comes long before Timer F, or with the connection. A connection on which an answer is overdue is given
up: a host that has vanished would never end it.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from callrouter.pool.health import ProbeResult, answered, failed, timed_out
from callrouter.reason import Reason
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Request, Response
from callrouter.sip.option_tags import parse_token_list
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.sip.uri import OtherUri
from callrouter.telemetry import Event, FramingLost, MessageDiscarded
from callrouter.ua.endpoint import Endpoint, EndpointConfig, NoAnswer, Reply
from callrouter.ua.stray import refuse_stray_invite, refuse_stray_request
from callrouter.ua.timers import Timer
from callrouter.wire import Peer, Transport

_FIRST_FINAL: Final = 200
_ALLOW_LINE: Final = header_line("Allow", "OPTIONS")
_ACCEPT_LINE: Final = header_line("Accept", "application/sdp")
"""RFC 3261 11.1: what the answer may describe the server's abilities in."""


class Exchange:
    """A prober on one connection. A `ua.endpoint.UserAgent`, and the `AnswerTaker` of what it sends."""

    def __init__(self, uri: str, peer: Peer, config: EndpointConfig, now: float, *, own_host: str = "") -> None:
        """uri: what is asked. own_host: name or address in From, without brackets; "" for that of the connection."""
        self.session = Endpoint(peer, replace(config, emit=self._hear), now)
        """What the connection carries."""
        self.session.serve(self)
        self._emit = config.emit
        host = own_host or peer.local_address
        host = f"[{host}]" if ":" in host else host
        self._uri = uri
        self._from = f"<sip:{host}>;tag={self.session.make_token()}"
        self._call_id = f"{self.session.make_token()}@{host}"
        self._number = 0
        self._take: Callable[[ProbeResult], None] | None = None
        self._timer: Timer | None = None
        self._timeout_seconds = 0.0

    def probe(self, take: Callable[[ProbeResult], None], timeout_seconds: float, started_at: float, now: float) -> None:
        """Send one OPTIONS; `take` is told what came of it, once, now or later. Until then no other may be sent.

        started_at: when the time began that is over after `timeout_seconds`.
        """
        self._take = take
        self._timeout_seconds = timeout_seconds
        self._number += 1
        if not self.session.is_usable:
            self._finish(self._lost())
            return
        self._timer = self.session.timers.set(started_at + timeout_seconds, self._give_up)
        options = OutgoingRequest(
            method="OPTIONS",
            uri=self._uri,
            from_=self._from,
            to=f"<{self._uri}>",
            call_id=self._call_id,
            number=self._number,
            lines=_ACCEPT_LINE,
        )
        self.session.send(options, self, now)

    # --- ua.endpoint.AnswerTaker

    def receive_response(self, request: OutgoingRequest, response: Response, now: float) -> None:  # noqa: ARG002
        if response.status >= _FIRST_FINAL:
            self._finish(answered(response.status))

    def receive_no_answer(self, request: OutgoingRequest, why: NoAnswer, now: float) -> None:  # noqa: ARG002
        if why is NoAnswer.TIMED_OUT:
            self._give_up(now)

    # --- ua.endpoint.UserAgent

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        # No dialog ever begins here.
        refuse_stray_invite(self.session, invite, transaction, now, _ALLOW_LINE)

    def receive_request(self, request: Request, now: float) -> None:
        if request.method == "OPTIONS":
            self._answer_options(request, now)
        else:
            refuse_stray_request(self.session, request, now, _ALLOW_LINE)

    def receive_ack(self, ack: Request, now: float) -> None:  # noqa: ARG002
        self._emit(MessageDiscarded(self.session.peer, Reason.ACK_UNMATCHED))

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        """No INVITE is ever left without its final answer, so that there is none to cancel."""

    def connection_lost(self, now: float) -> None:  # noqa: ARG002
        # Not left to `receive_no_answer`: an answer may have ended the transaction, and a bug of ours the rest.
        self._finish(self._lost())

    def begin_drain(self, now: float) -> None:
        """Who probes ends the connection."""

    def is_busy(self) -> bool:
        return self._take is not None

    # --- inside

    def _hear(self, event: Event) -> None:
        """Pass on what happens here, but for what ends a probe: its result says it, and is told once a change."""
        if isinstance(event, FramingLost) or (
            # Such as the answer of an HTTP server: the connection is given up for it, as for lost framing.
            isinstance(event, MessageDiscarded) and event.reason is Reason.MISSING_VIA
        ):
            self._finish(failed("what the server sends is not SIP"))
        else:
            self._emit(event)

    def _answer_options(self, request: Request, now: float) -> None:
        if isinstance(request.uri, OtherUri):
            self.session.reject(request, Reason.UNSUPPORTED_SCHEME, now)
            return
        try:
            required = parse_token_list(request.headers.rows("require"))
        except MalformedError:
            required = ()  # What cannot be read cannot be told to be unsupported.
        if required:
            unsupported = header_line("Unsupported", ", ".join(required))
            self.session.reject(request, Reason.UNSUPPORTED_EXTENSION, now, unsupported)
        else:
            self.session.answer(request, Reply(200, Reason.SERVER_ALIVE, _ALLOW_LINE), now)

    def _lost(self) -> ProbeResult:
        if self._number == 1 and self.session.peer.transport is Transport.TLS:
            # With TLS 1.3 our handshake is over before the server has looked at our certificate.
            return failed("the connection ended before the answer, as if our certificate were not accepted")
        return failed("the connection ended before the answer")

    def _give_up(self, now: float) -> None:  # noqa: ARG002
        self._finish(timed_out(self._timeout_seconds))
        self.session.close()

    def _finish(self, result: ProbeResult) -> None:
        take, self._take = self._take, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if take is not None:
            take(result)
