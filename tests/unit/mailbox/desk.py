"""Workers of one server in memory: one table of calls, any number of connections, a clock that stands until told."""

from dataclasses import replace
from ipaddress import ip_network

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import Directory, UMDialPlan, UMHuntGroup, UMIPGateway
from callrouter.mailbox.calls import CallTable, WorkerProcess
from callrouter.mailbox.config import WorkerConfig
from callrouter.mailbox.worker import MediaSessions, WorkerAgent, WorkerDesk
from callrouter.snapshot import AnswerForm, RoutingSnapshot, SnapshotCell
from callrouter.stream import SessionLimits
from callrouter.telemetry import CallEnded, Event, RequestAnswered, SessionFailed
from callrouter.ua.endpoint import Endpoint, EndpointConfig
from callrouter.wire import Peer, Transport
from tests.unit.mailbox.talk import Message, Talk, answer_ok, split_messages

PEER = Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5065)
TLS_PEER = Peer("192.0.2.10", 40000, Transport.TLS, "192.0.2.1", 5066)
KEY = "A" * 40
SERVER_LINE = "Server: RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017\r\n"
OPEN_HOUSE = RoutingSnapshot(
    DirectoryLookup(Directory((UMIPGateway("any", ip_network("0.0.0.0/0")), UMIPGateway("any6", ip_network("::/0"))))),
    form=AnswerForm(server_line=SERVER_LINE),
)
"""Everybody may call, and numbers mean nothing."""


def with_plan(plan: UMDialPlan) -> RoutingSnapshot:
    """A world in which 100 leads to this dial plan."""
    gateways = (UMIPGateway("any", ip_network("0.0.0.0/0")),)
    directory = Directory(gateways, (), (plan,), (UMHuntGroup("all", plan.name, "any"),))
    return replace(OPEN_HOUSE, lookup=DirectoryLookup(directory))


class Link:
    """A phone's connection to a worker. It answers every BYE at once, unless it is mute."""

    def __init__(self, desk: "Desk", peer: Peer, worker: WorkerProcess) -> None:
        config = EndpointConfig(desk.limits, desk.events.append, b"k" * 16, desk.make_token, desk.cell.current.form)
        self.endpoint = Endpoint(peer, config, desk.now)
        self.agent = WorkerAgent(self.endpoint, worker, desk.desk)
        self.endpoint.serve(self.agent)
        self.worker = worker
        self.heard: list[tuple[float, Message]] = []
        self.is_mute = False
        self.is_lost = False
        self._desk = desk

    def send(self, octets: bytes) -> list[Message]:
        """What the worker says to this."""
        before = len(self.heard)
        self.endpoint.receive_data(octets, self._desk.now)
        self._desk.settle()
        return [message for _, message in self.heard[before:]]

    def send_one(self, octets: bytes) -> Message:
        [message] = self.send(octets)
        return message

    def call(self, talk: Talk, lines: str = "") -> Message:
        """A call from INVITE to ACK; its 200."""
        answer = talk.hear(self.send(talk.invite(lines))[-1])
        assert answer.status == 200, answer.octets
        assert self.send(talk.ack()) == []
        return answer

    def pump(self) -> None:
        """Carry over what the worker says, and what the phone says to that."""
        while octets := b"".join(self.endpoint.data_to_send()):
            for message in split_messages(octets):
                self.heard.append((self._desk.now, message))
                if message.is_request and message.method == "BYE" and not self.is_mute:
                    self.endpoint.receive_data(answer_ok(message), self._desk.now)
        if self.endpoint.close_reason is not None:
            self.lose()

    def lose(self) -> None:
        """The connection goes."""
        if not self.is_lost:
            self.is_lost = True
            self.endpoint.connection_lost(self._desk.now)
            self._desk.settle()

    def drain(self) -> None:
        """The listener of this connection is being closed."""
        self.endpoint.begin_drain(self._desk.now)
        self._desk.settle()

    def requests(self, method: str) -> list[tuple[float, Message]]:
        return [each for each in self.heard if each[1].is_request and each[1].method == method]

    def statuses(self, method: str = "INVITE") -> list[int]:
        return [message.status for _, message in self.heard if not message.is_request and message.method == method]


class Desk:
    """What the connections share."""

    def __init__(
        self,
        config: WorkerConfig = WorkerConfig(),  # noqa: B008 - frozen
        snapshot: RoutingSnapshot = OPEN_HOUSE,
        limits: SessionLimits = SessionLimits(),  # noqa: B008 - frozen
    ) -> None:
        self.now = 0.0
        self.limits = limits
        self.events: list[Event] = []
        self.changes = 0
        self.table = CallTable(config, self._note_change)
        self.cell = SnapshotCell(snapshot)
        sessions = MediaSessions(config.rtp_port_min, config.rtp_port_max, 1000)
        self.desk = WorkerDesk(self.table, self.cell, self.events.append, sessions, lambda: KEY)
        self.links: list[Link] = []
        self.worker = WorkerProcess(1)
        self._tokens = 0

    def connect(self, peer: Peer = PEER, worker: WorkerProcess | None = None) -> Link:
        link = Link(self, peer, worker or self.worker)
        self.links.append(link)
        return link

    def make_token(self) -> str:
        self._tokens += 1
        return f"t{self._tokens}"

    def settle(self) -> None:
        """Do all that is due now, as the transport would."""
        for _ in range(1000):
            for link in self.links:
                if not link.is_lost:
                    link.pump()
            due = self._next_deadline()
            if due is None or due > self.now:
                return
            for link in self.links:
                deadline = None if link.is_lost else link.endpoint.next_deadline()
                if deadline is not None and deadline <= self.now:
                    link.endpoint.handle_deadline(self.now)
            deadline = self.table.next_deadline()
            if deadline is not None and deadline <= self.now:
                self.table.handle_deadline(self.now)
        raise AssertionError("time stands still")

    def pass_time(self, seconds: float) -> None:
        """Let time pass, each deadline at its instant."""
        until = self.now + seconds
        while (due := self._next_deadline()) is not None and due <= until:
            self.now = due
            self.settle()
        self.now = until

    def ends(self) -> list[tuple[str, str, float]]:
        """(Call-ID, cause, seconds) of every call that has ended."""
        return [(each.call_id, each.cause.value, each.seconds) for each in self.events if isinstance(each, CallEnded)]

    def reasons(self, method: str = "INVITE") -> list[str]:
        """Of the final answers to requests of a method."""
        found = [each for each in self.events if isinstance(each, RequestAnswered) and each.method == method]
        return [each.reason.value for each in found]

    def assert_clean(self) -> None:
        """Nothing is left of any call, and nothing has failed."""
        assert [each for each in self.events if isinstance(each, SessionFailed)] == []
        assert len(self.table) == 0
        assert self.table.next_deadline() is None
        for link in self.links:
            assert link.agent._calls == {}
            if not link.is_lost:
                assert link.endpoint.timers.next_at() is None

    def _next_deadline(self) -> float | None:
        deadlines = [link.endpoint.next_deadline() for link in self.links if not link.is_lost]
        return min((each for each in (*deadlines, self.table.next_deadline()) if each is not None), default=None)

    def _note_change(self) -> None:
        self.changes += 1
