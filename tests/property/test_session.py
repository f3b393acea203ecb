"""Any interleaving of requests, ACK, CANCEL, junk, end of stream and time gives one final answer per transaction.

The machine keeps its own idea of every call (RFC 3261 17.2.1 on a stream) and compares. Time is the machine's;
deadlines are handled as the transport handles them. A connection always ends, and then stays silent.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from callrouter.snapshot import AnswerForm
from callrouter.stream import SessionLimits
from callrouter.telemetry import RequestAnswered, SessionFailed, TransactionTimedOut
from callrouter.testing.strategies import make_options
from callrouter.wire import CloseReason
from tests.property.rig import Rig, status_of

LIMITS = SessionLimits(max_transactions=4)
HALF = 60
"""Octets of an OPTIONS that are held back."""


@dataclass
class Call:
    """One INVITE as its sender sees it."""

    branch: str
    identity: str
    """From tag, Call-ID and CSeq in one word: merged requests share it."""
    due_at: float | None = None
    expires_at: float | None = None
    provisional: bytes = b""
    finals: list[bytes] = field(default_factory=list)
    wanted: int = 0
    """How many final answers the sender is owed: one for each time that the transaction began."""

    @property
    def is_held(self) -> bool:
        return self.due_at is not None

    @property
    def is_live(self) -> bool:
        return self.is_held or self.expires_at is not None

    def octets(self, method: str) -> bytes:
        cseq_number = self.identity[1:]
        return (
            f"{method} sip:100@router.example.com SIP/2.0\r\n"
            f"Via: SIP/2.0/TCP gw.example.com;branch=z9hG4bK{self.branch};rport\r\n"
            f"From: <sip:a@gw.example.com>;tag={self.identity}\r\nTo: <sip:100@router.example.com>\r\n"
            f"Call-ID: {self.identity}@gw\r\nCSeq: {cseq_number} {method}\r\nContent-Length: 0\r\n\r\n"
        ).encode()


def tag_of(answer: bytes) -> bytes:
    return answer.partition(b"To: ")[2].partition(b"\r\n")[0].partition(b";tag=")[2]


class SessionMachine(RuleBasedStateMachine):
    """One connection."""

    calls: Bundle[Call] = Bundle("calls")

    @initialize(delay=st.sampled_from([0.0, 0.1, 0.5, 5.0]))
    def open(self, delay: float) -> None:
        self.now = 0.0
        self.delay = delay
        self.rig = Rig(form=AnswerForm(delay_seconds=delay), limits=LIMITS)
        self.known: list[Call] = []
        self.holders: dict[str, Call] = {}
        """Identity -> the call that a merged request would meet (8.2.2.2)."""
        self.half = b""
        self.is_at_eof = False

    # --- what a peer does

    def is_whole(self) -> bool:
        return not self.half and not self.is_at_eof

    @precondition(is_whole)
    @rule(target=calls)
    def invite(self) -> Call:
        call = Call(f"n{len(self.known)}", f"i{len(self.known)}")
        self.known.append(call)
        self.begin(call)
        return call

    @precondition(is_whole)
    @rule(target=calls, first=calls)
    def merged_invite(self, first: Call) -> Call:
        call = Call(f"m{len(self.known)}", first.identity)
        self.known.append(call)
        self.begin(call)
        return call

    @precondition(is_whole)
    @rule(call=calls)
    def repeat_invite(self, call: Call) -> None:
        if not call.is_live:
            self.begin(call)
            return
        answers = self.send(call.octets("INVITE"))
        last = call.provisional if call.is_held else call.finals[-1]
        assert answers == self.unless_closed([last] if last else [])

    @precondition(is_whole)
    @rule(call=calls)
    def acknowledge(self, call: Call) -> None:
        assert self.send(call.octets("ACK")) == []
        if not call.is_held and not self.is_closed:
            self.end(call)

    @precondition(is_whole)
    @rule(call=calls)
    def cancel(self, call: Call) -> None:
        answers = self.send(call.octets("CANCEL"))
        statuses = [status_of(answer) for answer in answers]
        if not call.is_live:
            assert statuses == self.unless_closed([481])
            return
        assert statuses == self.unless_closed([200, 487] if call.is_held else [200])
        if answers:
            assert tag_of(answers[0]) == tag_of((call.finals or answers)[-1])
        if call.is_held and answers:
            self.finish(call, answers[1])

    @precondition(is_whole)
    @rule(number=st.integers(0, 3))
    def options(self, number: int) -> None:
        answers = self.send(make_options(f"o{number}"))
        assert [status_of(answer) for answer in answers] == self.unless_closed([200])

    @precondition(is_whole)
    @rule()
    def malformed_request(self) -> None:
        answers = self.send(make_options().replace(b"CSeq: 1", b"CSeq: x"))
        assert [status_of(answer) for answer in answers] == self.unless_closed([400])

    @precondition(is_whole)
    @rule()
    def stray_response(self) -> None:
        octets = make_options().replace(b"OPTIONS sip:router.example.com SIP/2.0", b"SIP/2.0 200 OK")
        assert self.send(octets) == []

    @precondition(is_whole)
    @rule()
    def keep_alive(self) -> None:
        # A CRLF may be left over from nothing: every ping here is whole, so that each gets one.
        assert self.send(b"\r\n\r\n") == self.unless_closed([b"\r\n"])

    @precondition(is_whole)
    @rule()
    def half_message(self) -> None:
        octets = make_options()
        self.half = octets[-HALF:]
        assert self.send(octets[:-HALF]) == []

    @precondition(lambda self: self.half and not self.is_at_eof)
    @rule()
    def rest_of_message(self) -> None:
        answers = self.send(self.half)
        self.half = b""
        assert [status_of(answer) for answer in answers] == self.unless_closed([200])

    @precondition(lambda self: self.is_whole() and len(self.known) > 3)
    @rule()
    def junk(self) -> None:
        was_closed = self.is_closed
        answers = self.send(make_options().replace(b"Content-Length: 0", b"Content-Length: -1"))
        assert [status_of(answer) for answer in answers] == ([] if was_closed else [400])
        assert was_closed or self.rig.session.close_reason is CloseReason.FRAMING_LOST

    @precondition(lambda self: not self.is_at_eof and len(self.known) > 2)
    @rule()
    def end_of_stream(self) -> None:
        self.is_at_eof = True
        self.rig.session.receive_eof(self.now)
        assert self.rig.session.data_to_send() == []
        # Cancelled answers leave nothing to wait for, but may keep the connection for what was left of their time.
        assert self.is_closed or self.delay > 0
        assert not (self.is_closed and any(call.is_held for call in self.known)) or self.lost_framing

    @rule()
    def drain(self) -> None:
        self.rig.session.begin_drain(self.now)
        assert self.rig.session.data_to_send() == []

    # --- time

    @rule(seconds=st.sampled_from([0.05, 0.1, 0.5, 3.0, 20.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.rig.session.next_deadline()) is not None and deadline <= until:
            self.pass_deadline(deadline)
        self.now = until

    @rule()
    def deadline_is_handled_early(self) -> None:
        self.rig.session.handle_deadline(self.now)
        self.collect_due()

    def pass_deadline(self, deadline: float) -> None:
        self.now = max(self.now, deadline)
        before = (self.rig.session.next_deadline(), self.rig.session.close_reason)
        self.rig.session.handle_deadline(self.now)
        self.collect_due()
        assert (self.rig.session.next_deadline(), self.rig.session.close_reason) != before, "time would stand still"

    def collect_due(self) -> None:
        """Compare what a deadline brought with what was due, and forget the calls whose Timer H fired."""
        answers = self.rig.session.data_to_send()
        due = [call for call in self.known if call.due_at is not None and call.due_at <= self.now]
        assert len(answers) == (0 if self.lost_framing else len(due))
        for call in due[: len(answers)]:
            # Those that are due at one instant may come in any order.
            (answer,) = [each for each in answers if f"z9hG4bK{call.branch};".encode() in each]
            self.finish(call, answer)
        for call in self.known:
            if call.expires_at is not None and call.expires_at <= self.now and not self.lost_framing:
                self.end(call)

    # --- the model

    @property
    def is_closed(self) -> bool:
        return self.rig.session.close_reason is not None

    @property
    def lost_framing(self) -> bool:
        """Whether the connection closed with answers still held back, as a peer that sends junk must expect."""
        reason = self.rig.session.close_reason
        return reason in (CloseReason.FRAMING_LOST, CloseReason.MESSAGE_TIMEOUT, CloseReason.IDLE_TIMEOUT)

    def unless_closed(self, answers: list[int] | list[bytes]) -> list[int] | list[bytes]:
        return [] if self.closed_before else answers

    def send(self, octets: bytes) -> list[bytes]:
        self.closed_before = self.is_closed
        return self.rig.send(octets, self.now)

    def begin(self, call: Call) -> None:
        """A new transaction: 482 where another path was quicker, else a redirect, at once or later."""
        live = sum(each.is_live for each in self.known)
        is_merged = call.identity in self.holders
        answers = self.send(call.octets("INVITE"))
        if self.closed_before:
            assert answers == []
            return
        if live >= LIMITS.max_transactions:
            assert [status_of(answer) for answer in answers] == [503]
            return
        call.wanted += 1
        self.holders.setdefault(call.identity, call)
        call.provisional = b""
        if is_merged:
            assert [status_of(answer) for answer in answers] == [482]
            self.finish(call, answers[0])
        elif self.delay == 0:
            assert [status_of(answer) for answer in answers] == [302]
            self.finish(call, answers[0])
        else:
            assert [status_of(answer) for answer in answers] == ([100] if self.delay > 0.2 else [])
            call.provisional = answers[0] if answers else b""
            call.due_at = self.now + self.delay

    def finish(self, call: Call, answer: bytes) -> None:
        call.finals.append(answer)
        call.due_at = None
        call.expires_at = self.now + LIMITS.transaction_seconds

    def end(self, call: Call) -> None:
        call.expires_at = None
        if self.holders.get(call.identity) is call:
            del self.holders[call.identity]

    @invariant()
    def every_transaction_has_at_most_one_final_answer_and_all_is_told(self) -> None:
        for call in getattr(self, "known", ()):
            assert len(call.finals) + call.is_held == call.wanted
        if hasattr(self, "rig"):
            assert not [event for event in self.rig.events if isinstance(event, SessionFailed)]

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        for _ in range(len(self.known) * 3 + 10):
            deadline = self.rig.session.next_deadline()
            if deadline is None:
                break
            self.pass_deadline(deadline)
        assert self.is_closed
        if not self.lost_framing:
            assert not [call for call in self.known if call.is_held]
        told = [event for event in self.rig.events if isinstance(event, RequestAnswered) and event.method == "INVITE"]
        assert len([event for event in told if event.status != 503]) == sum(len(call.finals) for call in self.known)
        timed_out = [event for event in self.rig.events if isinstance(event, TransactionTimedOut)]
        assert len(timed_out) <= len(told)
        self.stays_silent()

    def stays_silent(self) -> None:
        session = self.rig.session
        events = len(self.rig.events)
        session.receive_data(make_options(), self.now)
        session.receive_eof(self.now)
        session.begin_drain(self.now)
        session.handle_deadline(self.now + 1e6)
        assert session.data_to_send() == []
        assert session.next_deadline() is None
        assert len(self.rig.events) == events


TestSession = SessionMachine.TestCase
