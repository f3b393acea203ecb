"""Servers to call: a listener on loopback with an agent of the test's choice on each of its connections."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TypeAlias

from callrouter.caller.result import Hop, HopEnd
from callrouter.caller.spec import CallerConfig, CallSpec, CallTimeouts
from callrouter.reason import Reason
from callrouter.sip.dialog import accept_dialog, dialog_key
from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.sip.transaction import InviteTransaction
from callrouter.stream import SessionLimits
from callrouter.telemetry import Event, SessionFailed
from callrouter.transport.admission import Admission
from callrouter.transport.config import TransportLimits
from callrouter.transport.listener import Listener, bind_sockets
from callrouter.transport.port import StreamSession
from callrouter.transport.tls import ServerTls
from callrouter.ua.call import Call
from callrouter.ua.endpoint import Endpoint, EndpointConfig, Reply
from callrouter.ua.incoming import IncomingCall, Ringing
from callrouter.ua.media import Media, MediaConfig
from callrouter.wire import Peer
from tests.unit.caller.raw_server import TASK_NAME

PATIENCE_SECONDS = 10.0
QUICK = CallTimeouts(setup_seconds=0.3, connect_seconds=0.3, silence_seconds=0.1, goodbye_seconds=0.2)
"""For calls that nobody answers."""
KEY = "a" * 40

Script: TypeAlias = Callable[["Callee", Request, InviteTransaction, float], None]
"""What is done with an INVITE outside of a dialog."""


class Server:
    """One listener and everything that came to it."""

    def __init__(self, script: Script, tls: ServerTls | None, host: str = "127.0.0.1") -> None:
        self.script = script
        self.tls = tls
        self.requests: list[Request] = []
        """In the order in which they came, ACKs included."""
        self.callees: list[Callee] = []
        self.events: list[Event] = []
        self._tokens = iter(range(10**9))
        limits = TransportLimits(linger_seconds=0.5)
        sockets = bind_sockets(host, 0, "Any")
        self.listener = Listener(sockets, self._make_session, limits, Admission(limits), self.events.append, tls)

    @property
    def port(self) -> int:
        return self.listener.addresses[0][1]

    @property
    def address(self) -> str:
        host = self.listener.addresses[0][0]
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def uri(self, user: str = "2001", params: str = "") -> str:
        """The server's URI, its transport said."""
        return f"sip:{user}@{self.address};transport={'tls' if self.tls else 'tcp'}{params}"

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]

    def _make_session(self, peer: Peer, now: float) -> StreamSession:
        config = EndpointConfig(
            SessionLimits(), self.events.append, b"k" * 16, lambda: f"s{self.port}n{next(self._tokens)}"
        )
        endpoint = Endpoint(peer, config, now)
        callee = Callee(endpoint, self)
        self.callees.append(callee)
        endpoint.serve(callee)
        return endpoint


class Callee:
    """The agent of one connection of a server. An `endpoint.UserAgent`."""

    def __init__(self, endpoint: Endpoint, server: Server) -> None:
        self.endpoint = endpoint
        self.server = server
        self.calls: dict[tuple[str, str, str], IncomingCall] = {}
        self.ended: list[Call] = []
        self.cancelled: list[InviteTransaction] = []
        self.takes_cancel = True

    # --- what scripts use

    def answer(
        self,
        invite: Request,
        transaction: InviteTransaction,
        now: float,
        ringing: Ringing | None = None,
        *,
        secured: bool = False,
    ) -> IncomingCall:
        """Take the call."""
        dialog = accept_dialog(invite, transaction.to_tag)
        media = Media(MediaConfig("127.0.0.1", 4000, 1, secured=secured, crypto_key=KEY))
        call = IncomingCall(self.endpoint, dialog, media, self, self.server.events.append)
        call.contact_line = header_line("Contact", f"<{self.server.uri('')}>".replace("sip:@", "sip:"))
        self.calls[dialog.key] = call
        call.begin(invite, transaction, ringing or Ringing(), now)
        return call

    # --- endpoint.UserAgent

    def receive_invite(self, invite: Request, transaction: InviteTransaction, now: float) -> None:
        self.server.requests.append(invite)
        call = self._find(invite)
        if call is not None:
            call.receive_invite(invite, transaction, now)
        else:
            self.server.script(self, invite, transaction, now)

    def receive_request(self, request: Request, now: float) -> None:
        self.server.requests.append(request)
        call = self._find(request)
        if call is not None:
            call.receive_request(request, now)
        else:
            self.endpoint.reject(request, Reason.NO_DIALOG, now)

    def receive_ack(self, ack: Request, now: float) -> None:
        self.server.requests.append(ack)
        call = self._find(ack)
        if call is not None:
            call.receive_ack(ack, now)

    def receive_cancel(self, transaction: InviteTransaction, now: float) -> None:
        self.cancelled.append(transaction)
        if not self.takes_cancel or transaction.request is None:
            return
        call = self.calls.get((transaction.call_id, transaction.to_tag, transaction.request.from_tag))
        if call is not None:
            call.cancel(now)
        else:
            self.endpoint.reject_invite(transaction, Reason.CANCELLED, now)

    def connection_lost(self, now: float) -> None:
        del now

    def begin_drain(self, now: float) -> None:
        del now

    def is_busy(self) -> bool:
        return False

    def call_ended(self, call: Call, now: float) -> None:
        del now
        self.ended.append(call)

    def _find(self, request: Request) -> IncomingCall | None:
        return self.calls.get(dialog_key(request)) if request.to_tag else None


# --- scripts


def answering(ringing: Ringing | None = None, *, secured: bool = False) -> Script:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        callee.answer(invite, transaction, now, ringing, secured=secured)

    return script


def redirecting(*contacts: str, status: int = 302) -> Script:
    """Contacts: header values."""

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        del invite
        lines = "".join([header_line("Contact", contact) for contact in contacts])
        callee.endpoint.answer_invite(transaction, Reply(status, Reason.REDIRECTED, lines), now)

    return script


def refusing(reason: Reason) -> Script:
    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        del invite
        callee.endpoint.reject_invite(transaction, reason, now)

    return script


def trying(*statuses: int) -> Script:
    """Provisional answers and nothing after them."""

    def script(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
        del invite
        for status in statuses:
            callee.endpoint.answer_invite(transaction, Reply(status, Reason.ANSWERED), now)

    return script


def say_nothing(callee: Callee, invite: Request, transaction: InviteTransaction, now: float) -> None:
    """Leaves the INVITE without any answer."""
    del callee, invite, transaction, now


# --- around a test


@contextlib.asynccontextmanager
async def serving(
    *scripts: Script, tls: ServerTls | None = None, host: str = "127.0.0.1"
) -> AsyncIterator[list[Server]]:
    """A server for each script; nothing in them may fail."""
    servers = [Server(script, tls, host) for script in scripts]
    for server in servers:
        server.listener.accept()
    try:
        yield servers
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            for server in servers:
                await server.listener.close()
    for server in servers:
        assert [event.error for event in server.events if isinstance(event, SessionFailed)] == []


@contextlib.contextmanager
def nothing_left() -> Iterator[CallerConfig]:
    """A configuration to call with; no session of it may fail, and no task be left."""
    events: list[Event] = []
    before = asyncio.all_tasks()
    yield CallerConfig(emit=events.append)
    assert {task for task in asyncio.all_tasks() if not _is_of_server(task)} == before
    assert [event.error for event in events if isinstance(event, SessionFailed)] == []


def _is_of_server(task: "asyncio.Task[object]") -> bool:
    """Servers of the tests run in the same loop, and end at their own pace."""
    return task.get_name() == TASK_NAME or getattr(task.get_coro(), "__qualname__", "").startswith("Listener.")


def spec_of(uri: str) -> CallSpec:
    """No longer than needed where all is well, with all the time there is where it is not."""
    return CallSpec(uri, hold_seconds=0.0)


def ends(hops: tuple[Hop, ...]) -> list[HopEnd]:
    """How each hop ended."""
    return [hop.end for hop in hops]


def closed_port() -> int:
    """A port at which nobody listens, of an address that no test listens at."""
    sockets = bind_sockets("127.0.0.1", 0, "IPv4Only")
    port = int(sockets[0].getsockname()[1])
    for each in sockets:
        each.close()
    return port
