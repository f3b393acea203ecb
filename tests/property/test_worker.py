"""Calls of one emulated server, on any of its workers and connections, in any interleaving of what may befall them.

The machine knows of each call where it is, and from that when and why it has to end (RFC 3261 12, 13.3.1.4, 15;
decision 17). Time stands until a rule lets it pass; at the end nothing may be left over.
"""

from collections import Counter
from dataclasses import dataclass
from math import inf

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from callrouter.decision import Redirect, Reject
from callrouter.facts import gather_caller_facts, gather_facts
from callrouter.mailbox.calls import WorkerProcess
from callrouter.mailbox.config import WorkerConfig
from callrouter.mailbox.um_service import service_snapshot
from callrouter.reason import Reason
from callrouter.redirect import decide
from callrouter.telemetry import CallBegan, CallEnded, SessionFailed
from callrouter.wire import Peer, Transport
from tests.unit.mailbox.desk import OPEN_HOUSE, Desk, Link
from tests.unit.mailbox.talk import Talk
from tests.unit.sip.messages import make_request

MAX_CALLS = 3
MAX_SECONDS = 100.0
PATIENCE = 32.0
"""64*T1."""
FACTS = gather_facts(
    make_request(), gather_caller_facts(Peer("192.0.2.10", 40000, local_address="192.0.2.1", local_port=5062))
)


@dataclass
class Call:
    """A call that was taken, as it should go."""

    talk: Talk
    home: Link | None
    """Where the caller was heard last; None once that connection is gone."""
    worker: WorkerProcess
    answered_at: float
    since: float
    """When it came home, or lost its home."""
    is_sure: bool = False
    """Its 200 is acknowledged."""
    wants_stop: bool = False
    ended: tuple[float, str] | None = None
    """By what somebody did."""

    def end(self, detached_seconds: float) -> tuple[float, str]:
        """When it ends if nothing more is done, and why."""
        if self.ended is not None:
            return self.ended
        if self.home is None:
            return min(self.since + detached_seconds, self.answered_at + MAX_SECONDS), "connection-lost"
        if not self.is_sure:
            return max(self.answered_at + PATIENCE, self.since), "no-ack"
        return self.answered_at + MAX_SECONDS, "max-duration"


class WorkerMachine(RuleBasedStateMachine):
    """One server."""

    links: Bundle[Link] = Bundle("links")
    calls: Bundle[Call] = Bundle("calls")

    @initialize(answer_after=st.sampled_from([0.0, 2.0]), detached=st.sampled_from([0.0, 20.0, 70.0]))
    def open(self, answer_after: float, detached: float) -> None:
        self.config = WorkerConfig(
            max_calls=MAX_CALLS,
            max_call_seconds=MAX_SECONDS,
            answer_after_seconds=answer_after,
            detached_seconds=detached,
        )
        self.desk = Desk(self.config)
        self.workers = [self.desk.worker]
        self.known: list[Call] = []
        self.invites = 0
        self.is_stopped = False

    @property
    def now(self) -> float:
        return self.desk.now

    def live(self) -> list[Call]:
        return [call for call in self.known if call.end(self.config.detached_seconds)[0] > self.now]

    def is_live(self, call: Call) -> bool:
        return call.end(self.config.detached_seconds)[0] > self.now

    # --- connections

    @precondition(lambda self: not self.is_stopped)
    @rule(target=links, back=st.integers(0, 2))
    def connect(self, back: int) -> Link:
        """To the current worker, or one that was current before."""
        return self.desk.connect(worker=self.workers[max(0, len(self.workers) - 1 - back)])

    @rule(link=links)
    def lose(self, link: Link) -> None:
        if link.is_lost:
            return
        for call in self.live():
            if call.home is link:
                if call.answered_at > self.now:
                    call.ended = (self.now, "connection-lost")
                else:
                    call.home, call.since = None, self.now
        link.lose()

    @rule(seconds=st.sampled_from([0.31, 1.77, 7.13, 19.57, 31.19, 47.83, 71.29]))
    def pass_time(self, seconds: float) -> None:
        self.desk.pass_time(seconds)

    # --- calls

    @rule(target=calls, link=links)
    def invite(self, link: Link) -> Call | MultipleResults[Call]:
        return self.begin(link)

    def begin(self, link: Link) -> Call | MultipleResults[Call]:
        if link.is_lost:
            return multiple()
        talk = Talk(f"c{self.invites}")
        self.invites += 1
        has_room = len(self.live()) < MAX_CALLS and link.worker.takes_calls
        answers = link.send(talk.invite())
        if not has_room:
            assert [answer.status for answer in answers] == [503]
            link.send(talk.ack_failure())
            return multiple()
        answered_at = self.now + self.config.answer_after_seconds
        assert [answer.status for answer in answers] == [100, 180, 200][: 2 + (answered_at <= self.now)]
        talk.hear(answers[-1])
        call = Call(talk, link, link.worker, answered_at, self.now)
        self.known.append(call)
        return call

    @precondition(lambda self: not self.is_stopped)
    @rule(target=calls)
    def call_as_the_um_service_says(self) -> Call | MultipleResults[Call]:
        is_full = len(self.live()) >= MAX_CALLS
        port = 5065 + 2 * ((len(self.workers) - 1) % 2)
        snapshot = service_snapshot(OPEN_HOUSE, "MBX1", {Transport.TCP: port}, is_full=self.desk.table.is_full)
        decision = decide(FACTS, snapshot)
        if is_full:
            assert decision == Reject(Reason.MAX_CALLS)
            return multiple()
        assert isinstance(decision, Redirect)
        assert decision.targets[0].port == port
        return self.begin(self.desk.connect())

    @rule(call=calls, link=links)
    def acknowledge(self, call: Call, link: Link) -> None:
        if link.is_lost or call.answered_at > self.now:
            return
        is_live, was_sure = self.is_live(call), call.is_sure
        link.send(call.talk.ack(number=1))
        if is_live:
            self.take_home(call, link)
            call.is_sure = True
            if call.wants_stop and not was_sure:
                call.ended = (self.now, "stopped")

    @rule(call=calls, link=links, method=st.sampled_from(["INFO", "UPDATE", "OPTIONS", "PRACK"]))
    def ask(self, call: Call, link: Link, method: str) -> None:
        if link.is_lost:
            return
        is_known = self.is_live(call) and (call.answered_at <= self.now or call.home is link)
        answer = link.send(call.talk.request(method))[0]
        status = 200 if method == "OPTIONS" or (is_known and method != "PRACK") else 481
        assert answer.status == status
        if is_known:
            self.take_home(call, link)

    @rule(call=calls, link=links, other=links)
    def change(self, call: Call, link: Link, other: Link) -> None:
        """A re-INVITE on one connection and its ACK on another one."""
        if link.is_lost or call.answered_at > self.now or not call.is_sure or not self.is_live(call):
            return
        assert link.send_one(call.talk.invite()).status == 200
        confirming = link if other.is_lost else other
        assert confirming.send(call.talk.ack()) == []
        self.take_home(call, confirming)

    @rule(call=calls, link=links)
    def hang_up(self, call: Call, link: Link) -> None:
        if link.is_lost:
            return
        is_known = self.is_live(call) and (call.answered_at <= self.now or call.home is link)
        answers = link.send(call.talk.request("BYE"))
        assert answers[0].status == (200 if is_known else 481)
        if is_known:
            assert [answer.status for answer in answers[1:]] == [487] * (call.answered_at > self.now)
            self.take_home(call, link)
            call.ended = (self.now, "remote-bye")

    @rule(call=calls)
    def cancel(self, call: Call) -> None:
        if call.home is None or call.home.is_lost or call.answered_at <= self.now or not self.is_live(call):
            return
        assert [answer.status for answer in call.home.send(call.talk.cancel())] == [200, 487]
        call.ended = (self.now, "cancelled")

    def take_home(self, call: Call, link: Link) -> None:
        if call.home is not link:
            call.home, call.since, call.worker = link, self.now, link.worker

    # --- workers

    @precondition(lambda self: not self.is_stopped)
    @rule()
    def recycle(self) -> None:
        worker = WorkerProcess(len(self.workers) + 1)
        self.workers.append(worker)
        self.desk.worker = worker

    @precondition(lambda self: len(self.workers) > 1)
    @rule(back=st.integers(1, 3))
    def end_late_calls(self, back: int) -> None:
        """An old worker takes none any more; it ends once it has none."""
        worker = self.workers[max(0, len(self.workers) - 1 - back)]
        if worker is not self.workers[-1]:
            worker.takes_calls = False
            if not worker.calls:
                for link in self.desk.links:
                    if link.worker is worker and not link.is_lost:
                        link.drain()

    @precondition(lambda self: not self.is_stopped)
    @rule()
    def stop(self) -> None:
        self.is_stopped = True
        for worker in self.workers:
            worker.takes_calls = False
        for call in self.live():
            if call.home is None or call.is_sure or call.answered_at > self.now:
                call.ended = (self.now, "stopped")
            else:
                call.wants_stop = True
        self.desk.table.stop(self.now)
        for link in self.desk.links:
            if not link.is_lost:
                link.drain()

    # --- what has to hold

    @invariant()
    def calls_are_counted_exactly(self) -> None:
        if not hasattr(self, "desk"):
            return
        live = self.live()
        assert len(self.desk.table) == len(live) <= MAX_CALLS
        assert self.desk.table.is_full == (len(live) == MAX_CALLS)
        by_worker = Counter(id(call.worker) for call in live)
        assert [worker.calls for worker in self.workers] == [by_worker[id(worker)] for worker in self.workers]
        by_home = Counter(id(call.home) for call in live)
        for link in self.desk.links:
            if not link.is_lost:
                assert len(link.agent._calls) == by_home[id(link)]
        assert all(call.home is None or not call.home.is_lost for call in live)

    @invariant()
    def calls_end_when_and_as_they_have_to(self) -> None:
        if not hasattr(self, "desk"):
            return
        ended = [event for event in self.desk.events if isinstance(event, CallEnded)]
        found = {event.call_id: event for event in ended}
        assert len(found) == len(ended)
        assert found.keys() == {call.talk.name for call in self.known if not self.is_live(call)}
        began = Counter(event.call_id for event in self.desk.events if isinstance(event, CallBegan))
        for call in self.known:
            at, cause = call.end(self.config.detached_seconds)
            was_answered = call.answered_at <= min(self.now, at) and cause != "cancelled"
            assert began[call.talk.name] == was_answered
            if at <= self.now:
                event = found[call.talk.name]
                assert (event.cause.value, event.was_answered) == (cause, was_answered)
                assert abs(event.seconds - (at - call.answered_at if was_answered else 0.0)) < 1e-6
        assert [event for event in self.desk.events if isinstance(event, SessionFailed)] == []

    def teardown(self) -> None:
        if not hasattr(self, "desk"):
            return
        for _ in range(20):
            self.desk.pass_time(max(PATIENCE, MAX_SECONDS) / 2)
            self.calls_are_counted_exactly()
            self.calls_end_when_and_as_they_have_to()
        assert self.live() == []
        self.desk.assert_clean()
        assert all(call.end(inf)[0] < inf for call in self.known)
        for link in self.desk.links:
            assert link.is_lost or (len(link.endpoint._invites), len(link.endpoint._requests)) == (0, 0)


TestWorker = WorkerMachine.TestCase
