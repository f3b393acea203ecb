"""The UM worker, the third hop: answers calls with 200 and an SDP that nobody stands behind (EXCHANGE-UM A1). Pure.

A real worker would now play a greeting and record; here no media packet is sent or read, no RTP port is opened. What is
said in SIP is whole: 100, 180, 200, re-INVITE, UPDATE, INFO, PRACK, BYE, CANCEL, and a BYE of ours when MaxCallDuration
is over. Who may call, and which dial plan a call belongs to, is decided by the router's rules (`redirect.classify`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from callrouter.decision import CallType
from callrouter.directory.model import UMDialPlan, VoipSecurity
from callrouter.facts import RequestFacts, gather_caller_facts, gather_facts
from callrouter.mailbox.calls import CallTable, WorkerCall, WorkerProcess
from callrouter.reason import CallEnd, Reason
from callrouter.redirect import Case, classify
from callrouter.sip.address import parse_address_list
from callrouter.sip.dialog import Dialog, accept_dialog, dialog_key
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.sip.uri import OtherUri
from callrouter.snapshot import SnapshotCell
from callrouter.telemetry import MessageDiscarded, Sink
from callrouter.ua.call import Call, CallState
from callrouter.ua.capabilities import ALLOW_LINE, CAPABILITIES, find_unsupported
from callrouter.ua.endpoint import Endpoint, Reply
from callrouter.ua.incoming import Ringing
from callrouter.ua.media import Media, MediaConfig
from callrouter.ua.stray import refuse_stray_request
from callrouter.wire import Transport

_SECONDS_PER_MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class WorkerDesk:
    """What all connections of all workers of a server share.

    cell: the snapshot of the server's UM service. make_session: gives an RTP port and a session id for each call.
    make_crypto_key: gives the inline key of an a=crypto line.
    """

    table: CallTable
    cell: SnapshotCell
    emit: Sink
    sessions: "MediaSessions"
    make_crypto_key: Callable[[], str]


class MediaSessions:
    """Numbers for session descriptions: even RTP ports, one after the other, and rising session ids."""

    __slots__ = ("_count", "_first_id", "_first_port", "_ports")

    def __init__(self, rtp_port_min: int, rtp_port_max: int, first_id: int) -> None:
        self._first_id = first_id
        self._count = 0
        self.set_range(rtp_port_min, rtp_port_max)

    def set_range(self, rtp_port_min: int, rtp_port_max: int) -> None:
        """Take ports from here on; there is an even one among them."""
        # An RTP port is even, and the odd one after it is for RTCP (RFC 3550 11).
        self._first_port = rtp_port_min + rtp_port_min % 2
        self._ports = max(1, (rtp_port_max - self._first_port) // 2 + 1)

    def next(self) -> tuple[int, int]:
        """The RTP port and the session id of one more call."""
        port = self._first_port + 2 * (self._count % self._ports)
        self._count += 1
        return port, self._first_id + self._count


class WorkerAgent:
    """A worker on one connection. A `ua.endpoint.UserAgent`."""

    __slots__ = ("_caller", "_calls", "_desk", "_endpoint", "_worker")

    def __init__(self, endpoint: Endpoint, worker: WorkerProcess, desk: WorkerDesk) -> None:
        self._endpoint = endpoint
        self._worker = worker
        self._desk = desk
        self._caller = gather_caller_facts(endpoint.peer)
        self._calls: dict[WorkerCall, None] = {}
        """Those that were last heard on this connection."""

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        if invite.to_tag:
            call = self._find(invite)
            if call is None:
                self._endpoint.reject_invite(transaction, Reason.NO_DIALOG, now)
            else:
                call.receive_invite(invite, transaction, now)
            return
        refusal = self._screen(invite)
        if refusal is not None:
            reason, lines = refusal
            self._endpoint.reject_invite(transaction, reason, now, lines)
            return
        snapshot = self._desk.cell.current
        facts = gather_facts(invite, self._caller, with_parties=snapshot.lookup.has_dial_plans)
        found = classify(facts, snapshot)
        if isinstance(found, Case):
            self._begin(invite, transaction, found, now)
        else:
            self._endpoint.reject_invite(transaction, found.reason, now)

    def receive_request(self, request: Request, now: float) -> None:
        endpoint = self._endpoint
        call = self._find(request) if request.to_tag else None
        if call is not None:
            call.receive_request(request, now)
        elif request.method == "OPTIONS":
            endpoint.answer(request, Reply(200, Reason.SERVER_ALIVE, CAPABILITIES), now)
        else:
            refuse_stray_request(endpoint, request, now, ALLOW_LINE)

    def receive_ack(self, ack: Request, now: float) -> None:
        call = self._find(ack)
        if call is None:
            self._desk.emit(MessageDiscarded(self._endpoint.peer, Reason.ACK_UNMATCHED))
        else:
            call.receive_ack(ack, now)

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        invite = transaction.request
        if invite is None:
            return
        call = self._desk.table.find((invite.call_id, transaction.to_tag, invite.from_tag))
        if call is None:
            self._endpoint.reject_invite(transaction, Reason.CANCELLED, now)
        else:
            call.cancel(now)

    def connection_lost(self, now: float) -> None:
        for call in list(self._calls):
            if call.state is CallState.EARLY:
                call.end(CallEnd.CONNECTION_LOST, now)
            else:
                self._desk.table.detach(call, now)

    def begin_drain(self, now: float) -> None:
        for call in list(self._calls):
            call.stop(now)

    def is_busy(self) -> bool:
        return bool(self._calls)

    def call_ended(self, call: Call, now: float) -> None:
        """As `ua.call.CallOwner`."""
        del now
        if isinstance(call, WorkerCall) and call in self._calls:
            del self._calls[call]
            self._desk.table.remove(call)

    def adopt(self, call: WorkerCall) -> None:
        """A call was heard here that began elsewhere."""
        before = call.owner
        if isinstance(before, WorkerAgent):
            before._calls.pop(call, None)  # noqa: SLF001 - of the same class
        self._desk.table.take_up(call, self._worker)
        call.owner = self
        call.move(self._endpoint)
        self._calls[call] = None

    # --- inside

    def _screen(self, invite: Request) -> tuple[Reason, str] | None:
        """What a user agent server refuses before it looks at who calls (8.2.2), and whether there is room."""
        if isinstance(invite.uri, OtherUri):
            return Reason.UNSUPPORTED_SCHEME, ""
        unsupported = find_unsupported(invite.headers)
        if unsupported:
            return Reason.UNSUPPORTED_EXTENSION, header_line("Unsupported", unsupported)
        if not self._worker.takes_calls:
            return Reason.DRAINING, ""
        if self._desk.table.is_full:
            return Reason.MAX_CALLS, ""
        return None

    def _begin(self, invite: Request, transaction: InviteTransaction, case: Case, now: float) -> None:
        desk, endpoint, config = self._desk, self._endpoint, self._desk.table.config
        try:
            dialog = accept_dialog(invite, transaction.to_tag)
        except MalformedError:
            endpoint.reject_invite(transaction, Reason.MISSING_CONTACT, now)
            return
        plan = case.dial_plan
        call = WorkerCall(endpoint, dialog, Media(self._describe_media(plan)), self, desk.emit)
        call.contact_line = self._contact_line(is_sips=_is_secure(case.facts, dialog))
        self._calls[call] = None
        desk.table.add(call, self._worker)
        max_seconds = _max_seconds(config.max_call_seconds, plan)
        ringing = Ringing(config.ringing_after_seconds, config.answer_after_seconds, max_seconds)
        call_type = "" if case.call_type is CallType.UNSPECIFIED else case.call_type.value
        try:
            call.begin(invite, transaction, ringing, now, call_type)
        except Exception:
            # A bug of ours, for which the endpoint answers 500: it must not hold a place for as long as the connection.
            call.end(CallEnd.REJECTED, now)
            raise

    def _describe_media(self, plan: UMDialPlan | None) -> MediaConfig:
        port, session_id = self._desk.sessions.next()
        is_secured = plan is not None and plan.voip_security is VoipSecurity.SECURED
        return MediaConfig(
            self._endpoint.peer.local_address, port, session_id, is_secured, self._desk.make_crypto_key()
        )

    def _contact_line(self, *, is_sips: bool) -> str:
        """As in the published trace (EXCHANGE-UM B 4.2): without a user, marked as an automaton (RFC 3840 10.2)."""
        peer, form = self._endpoint.peer, self._desk.cell.current.form
        host = self._desk.table.config.advertised_host or peer.local_address
        host = f"[{host}]" if ":" in host else host
        if is_sips:
            # As in a redirect: a sips URI's transport is TLS by its scheme (RFC 5630 5.4).
            return header_line("Contact", f"<sips:{host}:{peer.local_port}>;automata")
        spelling = form.tls_transport if peer.transport is Transport.TLS else form.tcp_transport
        return header_line("Contact", f"<sip:{host}:{peer.local_port};transport={spelling}>;automata")

    def _find(self, request: Request) -> WorkerCall | None:
        """The call of a request inside a dialog; from now on it belongs to this connection.

        Not while it rings: then its answers have to go out where its INVITE came (18.2.2), and it ends with that
        connection. Requests of it that come elsewhere find nothing.
        """
        try:
            call = self._desk.table.find(dialog_key(request))
        except MalformedError:
            return None
        if call is None or call.endpoint is self._endpoint:
            return call
        if call.state is CallState.EARLY:
            return None
        self.adopt(call)
        return call


def _is_secure(facts: RequestFacts, dialog: Dialog) -> bool:
    """Whether our Contact has to be a sips URI (12.1.1); over TCP there is none that would keep its promise."""
    if facts.caller.transport is not Transport.TLS:
        return False
    # Both were read when the dialog was made.
    next_hop = parse_address_list(dialog.route_set[:1])[0].raw_uri if dialog.route_set else dialog.remote_target
    return facts.is_sips or next_hop.lower().startswith("sips:")


def _max_seconds(configured: float, plan: UMDialPlan | None) -> float:
    return configured if plan is None else min(configured, plan.max_call_duration * _SECONDS_PER_MINUTE)
