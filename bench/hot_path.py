"""The router's hot path without its loop: a session with all that the product has around it, and calls to replay.

What is counted (`instructions.py`) and what is timed (`stages.py`) is this, so that it is the same. Everything is
fixed: directory, key of the tags, clock, octets. The directory has a dial plan and 1,000 users. Every other call is
diverted from one of them, whose database names the server; the rest are of somebody who has none, so that all eight
servers are weighed. The recorder is the product's, without lines per call. No socket, and no settings file: what
the defaults of the settings come to is written here.
"""

import gc
import logging
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from typing import TypeAlias

import structlog

from bench.invite import EXTENSION_DIGITS, build_call_name, build_call_template, list_extensions
from callrouter import session
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    Directory,
    MailboxDatabase,
    MailboxServer,
    UMDialPlan,
    UMHuntGroup,
    UMIPGateway,
    UMMailbox,
)
from callrouter.dispatcher import Dispatcher
from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.recorder import Recorder
from callrouter.pool.model import build_pool
from callrouter.session import SipSession
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.wire import Peer

PEER = Peer("127.0.0.1", 40000, local_address="127.0.0.1", local_port=5060)
TAG_KEY = b"k" * 32
NOW = 1000.0
LIMITS = SessionLimits()

_USERS = 1000
_SERVERS = 8
_CALLER = "+15551234567"
"""As the bench's INVITE has it."""
_CALLED = "4000"
_KEPT_CALLS = 50
"""Of the journal: so few that it is soon full, as a running server's is, and each call puts another out."""
_ANSWER = b"SIP/2.0 302 "

Call: TypeAlias = tuple[bytes, bytes]
"""The octets of an INVITE and of the ACK to its answer."""


class ReplayError(Exception):
    """The calls were not answered as they should be, so that no figure taken from them means anything."""


def build_directory() -> Directory:
    """1,000 users of one dial plan, spread over the databases of eight servers; and the caller, who has none."""
    servers = [f"mbx{index}" for index in range(_SERVERS)]
    users = [
        UMMailbox(f"user-{index}", "plan", (f"{index:0{EXTENSION_DIGITS}}",), database=f"db{index % _SERVERS}")
        for index in range(_USERS - 1)
    ]
    return Directory(
        gateways=(UMIPGateway("gateway", ip_network(PEER.address)),),
        servers=tuple(MailboxServer(name, f"{name}.example.test") for name in servers),
        dial_plans=(UMDialPlan("plan", pilot_identifier_list=(_CALLED,)),),
        hunt_groups=(UMHuntGroup("hunt-group", "plan", "gateway", _CALLED),),
        users=(*users, UMMailbox("caller", "plan", (_CALLER,))),
        databases=tuple(
            MailboxDatabase(f"db{index}", name, (servers[(index + 1) % _SERVERS],))
            for index, name in enumerate(servers)
        ),
    )


@dataclass(frozen=True, slots=True)
class Router:
    """What a session needs of the process that it is in."""

    snapshot: RoutingSnapshot
    dispatcher: Dispatcher
    recorder: Recorder

    def open_session(self) -> SipSession:
        """The session of a new connection."""
        return SipSession(PEER, self.dispatcher, LIMITS, self.recorder, tag_key=TAG_KEY, now=NOW)


def build_router() -> Router:
    """A router as `callrouter serve` makes one; its log, in which nothing should come, is the standard error output."""
    directory = build_directory()
    form = AnswerForm(server_line="Server: callrouter\r\n")
    snapshot = RoutingSnapshot(DirectoryLookup(directory), build_pool(directory.servers), form=form)
    wrapper = structlog.make_filtering_bound_logger(logging.INFO)
    log = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), wrapper_class=wrapper).bind()
    recorder = Recorder(Counters(), Journal(_KEPT_CALLS), log, log_calls=False, clock=_tell_time)
    return Router(snapshot, Dispatcher(SnapshotCell(snapshot)), recorder)


def record_calls(count: int) -> list[Call]:
    """So many calls, no two of them alike, each other one diverted, with the ACKs that fit the answers.

    Raises:
        ReplayError: an INVITE is not answered with a 302.
    """
    template = build_call_template(tls=False, router_port=PEER.local_port, local_port=PEER.port)
    connection = build_router().open_session()
    extensions = list_extensions(_USERS - 1)
    calls = []
    for number in range(count):
        name = build_call_name(0, number)
        invite = template.invite % (name, name, name, extensions[number % len(extensions)])
        if number % 2:
            invite = _take_diversion_out(invite)
        connection.receive_data(invite, NOW)
        answer = b"".join(connection.data_to_send())
        if not answer.startswith(_ANSWER):
            raise ReplayError(f"an INVITE was answered with {answer[:40]!r}")
        to_start = answer.index(b"\r\nTo: ") + 6
        ack = template.ack % (name, name, answer[to_start : answer.index(b"\r\n", to_start)], name)
        connection.receive_data(ack, NOW)
        calls.append((invite, ack))
    _check_end(connection)
    return calls


def _take_diversion_out(invite: bytes) -> bytes:
    before, diversion, after = invite.partition(b"\r\nDiversion: ")
    if not diversion:
        raise ReplayError("the call is not diverted")
    return before + after[after.index(b"\r\n") :]


def replay(connection: SipSession, calls: Iterable[Call]) -> None:
    """One call after the other, each message in a read of its own, and after each what the transport asks."""
    receive_data, data_to_send, next_deadline = (
        connection.receive_data,
        connection.data_to_send,
        connection.next_deadline,
    )
    for invite, ack in calls:
        receive_data(invite, NOW)
        data_to_send()
        next_deadline()
        receive_data(ack, NOW)
        data_to_send()
        next_deadline()


def check_replay(connection: SipSession, call: Call) -> None:
    """Place one more call on a connection and see that it is redirected and that none is left open.

    Raises:
        ReplayError: it is not, or one is.
    """
    invite, ack = call
    connection.receive_data(invite, NOW)
    answer = b"".join(connection.data_to_send())
    connection.receive_data(ack, NOW)
    if not answer.startswith(_ANSWER):
        raise ReplayError(f"an INVITE was answered with {answer[:40]!r}")
    _check_end(connection)


def _check_end(connection: SipSession) -> None:
    # An INVITE that awaits its ACK ends long before an idle connection does.
    if connection.next_deadline() != NOW + LIMITS.idle_seconds:
        raise ReplayError("an ACK did not end its transaction")


def freeze_collector() -> None:
    """Keep the garbage collector away from what is measured: a call leaves no cycles, so a running one rarely runs."""
    gc.collect()
    gc.freeze()
    gc.disable()


def tell_form() -> str:
    """Whether the pure layers that this process uses are compiled."""
    return "interpreted" if str(session.__file__).endswith(".py") else "compiled"


def _tell_time() -> float:
    return NOW
