"""Calls between two endpoints, in any interleaving of what a peer may do, of time and of faults.

The machine keeps the plan of every call: what has to be said at which instant (RFC 3261 9, 12, 13.3.1.4, 14.2, 15;
RFC 3262 3; RFC 3311 5.2), and compares it with what was said. At the end nothing may be left over.
"""

from collections import Counter
from math import inf

from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, precondition, rule

from callrouter.reason import CallEnd
from callrouter.sip.respond import header_line
from callrouter.telemetry import (
    CallBegan,
    CallEnded,
    MessageDiscarded,
    SessionFailed,
    TransactionTimedOut,
)
from callrouter.testing.strategies import make_options
from callrouter.ua.capabilities import SDP_LINE
from callrouter.ua.incoming import Ringing
from tests.property.call_plan import PATIENCE, Plan
from tests.property.calling import (
    CONTACT,
    MUTE_OFFER,
    NO_SDP,
    OFFER,
    ROUTES,
    Line,
    Sent,
    make_invite,
)

RELIABLE = header_line("Require", "100rel")
FOREIGN = header_line("Require", "x100rel, 100rel")
RECORD_ROUTE = header_line("Record-Route", ROUTES[0]) + header_line("Record-Route", ROUTES[1])
REFUSALS = {NO_SDP: 400, MUTE_OFFER: 488}


class CallMachine(RuleBasedStateMachine):
    """One connection with calls on it."""

    calls: Bundle[Plan] = Bundle("calls")

    @initialize(
        ringing=st.builds(
            Ringing, st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 0.25, 3.0, 45.0]), st.sampled_from([5.0, 40.0])
        ),
        cut=st.sampled_from([1000, 60, 7]),
        is_mute=st.booleans(),
    )
    def open(self, ringing: Ringing, cut: int, is_mute: bool) -> None:
        self.line = Line(ringing, cut=cut, is_mute=is_mute)
        self.ringing, self.is_mute = ringing, is_mute
        self.known: list[Plan] = []
        self.strangers = 0

    def is_open(self) -> bool:
        return self.line.is_open

    # --- what begins and ends a call

    @precondition(is_open)
    @rule(
        target=calls,
        body=st.sampled_from([OFFER, OFFER, b"", NO_SDP, MUTE_OFFER]),
        lines=st.sampled_from(["", "", RELIABLE, FOREIGN]),
        route=st.sampled_from(["", RECORD_ROUTE]),
    )
    def invite(self, body: bytes, lines: str, route: str) -> Plan:
        return self.begin(body, lines, route)

    @precondition(is_open)
    @rule(target=calls, body=st.sampled_from([OFFER, b""]), lines=st.sampled_from(["", RELIABLE]))
    def converse(self, body: bytes, lines: str) -> Plan:
        """A call that goes well."""
        call = self.begin(body, lines, "")
        answer = OFFER if not body else b""
        if lines:
            self.time_passes(self.ringing.ringing_after_seconds)
            self.acknowledge_ringing(call, True, OFFER)
        self.time_passes(self.ringing.answer_after_seconds)
        self.acknowledge(call, 0, answer)
        return call

    def begin(self, body: bytes, lines: str, route: str) -> Plan:
        refusal = 503 if self.line.desk.is_stopped else 420 if lines == FOREIGN else REFUSALS.get(body, 0)
        request = make_invite(len(self.known), body, lines + route)
        call = Plan(self.send(request), self.ringing, refusal, lines == RELIABLE, is_mute=self.is_mute)
        self.known.append(call)
        return call

    @precondition(is_open)
    @rule(call=calls)
    def repeat_invite(self, call: Plan) -> None:
        if not self.is_held(call) and not self.is_pending(call):
            return
        again = [answer for answer in call.invite.answers if answer[1].status < 200][-1:]
        expected = [*call.invite.answers, *([(self.line.now, again[0][1])] if self.is_pending(call) else [])]
        self.line.inject(call.invite.request.build())
        assert [answer.status for _, answer in call.invite.answers] == [answer.status for _, answer in expected]
        del call.invite.answers[len(expected) - bool(self.is_pending(call)) :]

    @precondition(is_open)
    @rule(call=calls, which=st.integers(0, 3), answer=st.sampled_from([OFFER, OFFER, b"", NO_SDP]))
    def acknowledge(self, call: Plan, which: int, answer: bytes) -> None:
        waiting = [each for each in (call.invite, *call.changes) if each.awaits_ack]
        if not waiting or call.dialog is None or self.line.now >= call.quiet_at():
            return
        sent = waiting[which % len(waiting)]
        in_turn = sent.finals[0].body and not sent.has_offer
        body = answer if in_turn else b""
        ack = call.dialog.request_of("ACK", sent.request.number, SDP_LINE if body else "", body)
        self.line.far.send_unanswered(ack)
        sent.acknowledged_at = self.line.now
        if in_turn and body != OFFER:
            call.bad_answers.append(self.line.now)
        self.line.pump()

    @precondition(is_open)
    @rule(call=calls, fault=st.sampled_from([(b"CSeq: 1", b"CSeq: 7"), (b"CSeq: 1", b"CSeq: x"), (b"To: ", b'To: "')]))
    def useless_ack(self, call: Plan, fault: tuple[bytes, bytes]) -> None:
        if call.dialog is None:
            return
        ack = call.dialog.request_of("ACK", 1).with_via("TCP", "h", "useless").build()
        before = Counter(type(event) for event in self.line.events)
        self.line.inject(ack.replace(*fault))
        told = Counter(type(event) for event in self.line.events) - before
        assert told == {MessageDiscarded: 1}

    @precondition(is_open)
    @rule(call=calls)
    def cancel(self, call: Plan) -> None:
        is_pending, is_held = self.is_pending(call), self.is_held(call)
        if is_pending:
            call.broken_off = (self.line.now, 487, CallEnd.CANCELLED)
        sent = self.line.phone.cancel(call.invite.request, self.line.now)
        self.line.pump()
        assert sent.status == (200 if is_pending or is_held else 481)
        assert not is_pending or sent.finals[0].to_tag == call.invite.finals[0].to_tag

    @precondition(is_open)
    @rule(call=calls)
    def hang_up(self, call: Plan) -> None:
        is_pending, is_over = self.is_pending(call), self.is_over(call)
        if call.dialog is None:
            return
        if not is_over:
            call.hung_up_at = self.line.now
        if is_pending:
            call.broken_off = (self.line.now, 487, CallEnd.REMOTE_BYE)
        assert self.ask(call, "BYE").status == (481 if is_over else 200)

    @precondition(is_open)
    @rule(call=calls)
    def be_hung_up(self, call: Plan) -> None:
        if call.answered_at <= self.line.now < call.quiet_at():
            call.wishes.append((self.line.now, CallEnd.LOCAL_BYE))
            for each in list(self.line.desk.calls.values()):
                if each.dialog.call_id == call.invite.request.call_id:
                    each.hang_up(CallEnd.LOCAL_BYE, self.line.now)
            self.line.pump()

    # --- what goes on inside a call

    @precondition(is_open)
    @rule(call=calls, is_right=st.booleans(), answer=st.sampled_from([OFFER, OFFER, b"", NO_SDP]))
    def acknowledge_ringing(self, call: Plan, is_right: bool, answer: bytes) -> None:
        is_wanted = self.is_pending(call) and call.is_reliable and call.acknowledged_at == inf
        is_answer = is_wanted and is_right and not call.invite.has_offer
        status = 200 if is_wanted and is_right else 481
        if is_answer and answer != OFFER:
            status = 400
        if call.dialog is None:
            return
        if status == 200:
            call.acknowledged_at = self.line.now
        elif status == 400:
            call.broken_off = (self.line.now, 400, CallEnd.BAD_ANSWER)
        body = answer if is_answer else b""
        rack = header_line("RAck", "1 1 INVITE" if is_right else "2 1 INVITE")
        assert self.ask(call, "PRACK", rack, body).status == status

    @precondition(is_open)
    @rule(call=calls, body=st.sampled_from([OFFER, b"", NO_SDP, MUTE_OFFER]))
    def change(self, call: Plan, body: bytes) -> None:
        if call.dialog is None:
            return
        busy = self.is_pending(call) or any(each.awaits_ack for each in (call.invite, *call.changes))
        status = self.unless_over(call, 500 if busy else REFUSALS.get(body, 200))
        sent = self.ask(call, "INVITE", body=body, accepted=status == 200)
        assert sent.status == status
        assert ("retry-after" in sent.finals[0].headers) is (status == 500)
        assert bool(sent.finals[0].body) is (status == 200)

    @precondition(is_open)
    @rule(call=calls, body=st.sampled_from([OFFER, b"", NO_SDP, MUTE_OFFER]))
    def update(self, call: Plan, body: bytes) -> None:
        if call.dialog is None:
            return
        sure = call.is_reliable and call.acknowledged_at < inf
        unanswered = [each for each in (call.invite, *call.changes) if each.awaits_ack and not each.has_offer]
        if not body:
            status = 200
        elif self.is_pending(call):
            status = 500 if call.invite.has_offer else REFUSALS.get(body, 200) if sure else 491
        elif any(each is not call.invite or not sure for each in unanswered):
            status = 491
        else:
            status = REFUSALS.get(body, 200)
        status = self.unless_over(call, status)
        sent = self.ask(call, "UPDATE", body=body)
        assert sent.status == status
        assert ("retry-after" in sent.finals[0].headers) is (status == 500)
        assert bool(sent.finals[0].body) is (status == 200 and bool(body))

    @precondition(is_open)
    @rule(call=calls, method=st.sampled_from(["INFO", "OPTIONS", "REFER"]))
    def ask_something(self, call: Plan, method: str) -> None:
        if call.dialog is None:
            return
        # Outside of a dialog OPTIONS is answered, and so it is where the dialog is gone.
        gone = {"OPTIONS": 200, "REFER": 405}.get(method, 481) if self.is_over(call) else 481
        status = gone if self.line.now >= call.quiet_at() else 405 if method == "REFER" else 200
        assert self.ask(call, method).status == status

    @precondition(is_open)
    @rule(call=calls, method=st.sampled_from(["INFO", "BYE", "UPDATE", "INVITE"]))
    def ask_out_of_turn(self, call: Plan, method: str) -> None:
        if call.dialog is not None:
            sent = self.send(call.dialog.request_of(method, 1, header_line("Contact", f"<{CONTACT}>")))
            assert sent.status == (481 if self.is_over(call) else 500)

    @precondition(is_open)
    @rule(call=calls, method=st.sampled_from(["INFO", "BYE", "INVITE"]))
    def ask_too_much(self, call: Plan, method: str) -> None:
        if call.dialog is not None:
            # A BYE, too, has to be understood whole (8.2.2.3).
            is_over = self.is_over(call) or (method != "BYE" and self.line.now >= call.quiet_at())
            assert self.ask(call, method, FOREIGN).status == (481 if is_over else 420)

    # --- what has nothing to do with calls

    @precondition(is_open)
    @rule(junk=st.sampled_from([(b"Max-Forwards: 70", b"Max-Forwards: x"), (b" sip:", b" sip;"), (b"2.0\r", b"3.0\r")]))
    def malformed_request(self, junk: tuple[bytes, bytes]) -> None:
        self.strangers += 1
        self.line.inject(make_options(f"s{self.strangers}").replace(*junk))

    @precondition(is_open)
    @rule()
    def stray_response(self) -> None:
        self.line.inject(make_options().replace(b"OPTIONS sip:router.example.com SIP/2.0", b"SIP/2.0 200 OK"))

    @precondition(lambda self: self.is_open() and len(self.known) > 2)
    @rule()
    def lose_framing(self) -> None:
        self.expect_loss()
        self.line.inject(make_options().replace(b"Content-Length: 0", b"Content-Length: -1"))

    @precondition(lambda self: self.is_open() and len(self.known) > 2)
    @rule(is_half=st.booleans())
    def end_of_connection(self, is_half: bool) -> None:
        if not is_half:
            self.expect_loss()
            self.line.lose()
            return
        if not any(self.is_pending(call) for call in self.known):
            self.expect_loss()
        for call in self.known:
            call.is_mute = call.is_mute or not self.is_over(call)  # a 200 to a BYE does not come any more
        self.line.end_stream()

    @precondition(lambda self: self.is_open() and len(self.known) > 1)
    @rule()
    def drain(self) -> None:
        for call in self.known:
            if self.is_pending(call):
                call.broken_off = (self.line.now, 503, CallEnd.STOPPED)
            elif self.line.now < call.quiet_at():
                call.wishes.append((self.line.now, CallEnd.STOPPED))
        self.line.near.begin_drain(self.line.now)
        self.line.pump()

    @rule(seconds=st.sampled_from([0.125, 0.5, 1.0, 4.0, 31.0, 32.0]))
    def time_passes(self, seconds: float) -> None:
        self.line.pass_time(seconds)
        self.note_loss()

    # --- the plan

    def send(self, request: object) -> Sent:
        sent = self.line.phone.send(request, self.line.now)  # type: ignore[arg-type]
        self.line.pump()
        return sent

    def ask(self, call: Plan, method: str, lines: str = "", body: bytes = b"", *, accepted: bool = False) -> Sent:
        """Send a request inside the dialog. accepted: of a re-INVITE, whether it is going to be."""
        assert call.dialog is not None
        lines += header_line("Contact", f"<{CONTACT}>") + (SDP_LINE if body else "")
        sent = self.line.phone.send(call.dialog.next_request(method, lines, body), self.line.now)
        if accepted:
            call.changes.append(sent)
        self.line.pump()
        assert len(sent.finals) == 1
        return sent

    def is_pending(self, call: Plan) -> bool:
        """Whether its INVITE has no final answer yet."""
        return call.final[0] > self.line.now

    def is_held(self, call: Plan) -> bool:
        """Whether the transaction of its 2xx is known: until the ACK or for 64*T1, whatever became of the call."""
        return call.invite.awaits_ack and self.line.now < call.answered_at + PATIENCE

    def is_over(self, call: Plan) -> bool:
        return call.end()[0] <= self.line.now

    def unless_over(self, call: Plan, status: int) -> int:
        return 481 if self.line.now >= call.quiet_at() else status

    def expect_loss(self) -> None:
        for call in self.known:
            call.lost_at = min(call.lost_at, self.line.now)

    def note_loss(self) -> None:
        """The connection may have been closed while time passed: then by a drain, or at last after an EOF."""
        if self.line.is_lost:
            for call in self.known:
                call.lost_at = min(call.lost_at, self.line.lost_at)

    @invariant()
    def all_goes_as_planned(self) -> None:
        if not hasattr(self, "line"):
            return
        now, line = self.line.now, self.line
        began = Counter(event.call_id for event in line.events if isinstance(event, CallBegan))
        timed_out = Counter(event.call_id for event in line.events if isinstance(event, TransactionTimedOut))
        ended = {event.call_id: event for event in line.events if isinstance(event, CallEnded)}
        assert len(ended) == len([event for event in line.events if isinstance(event, CallEnded)])
        for call in self.known:
            call.check(now)
            call_id = call.invite.request.call_id
            end_at, causes = call.end()
            is_over = end_at <= now and call.refusal not in (420, 503)
            assert (call_id in ended) is is_over
            assert began[call_id] == (call.answered_at <= min(now, call.lost_at))
            if is_over:
                assert ended[call_id].cause in causes
                assert ended[call_id].was_answered is (began[call_id] == 1)
            self.check_bye(call, call_id)
            assert timed_out[call_id] == call.timed_out(now)
        assert not [event for event in (*line.events, *line.phone_events) if isinstance(event, SessionFailed)]
        # A second final answer would be a stray.
        assert line.is_lost or len(line.desk.calls) == len(self.known) - len(ended) - self.refused
        assert line.desk.calls or line.near.timers.next_at() is None

    @property
    def refused(self) -> int:
        return sum(call.refusal in (420, 503) for call in self.known)

    def check_bye(self, call: Plan, call_id: str) -> None:
        at, _ = call.bye()
        is_due = at <= min(self.line.now, call.hung_up_at, call.lost_at)
        bye = self.line.phone.byes.get(call_id)
        assert (bye is not None) is is_due
        if bye is not None:
            assert bye[0] == at
            assert bye[1].raw_uri == CONTACT
            has_route = "Record-Route" in call.invite.request.lines
            assert bye[1].headers.rows("route") == (list(ROUTES) if has_route else [])

    def teardown(self) -> None:
        if not hasattr(self, "line"):
            return
        line = self.line
        for _ in range(4):
            line.pass_time(50.0)
            self.note_loss()
            self.all_goes_as_planned()
        assert line.desk.calls == {}
        assert line.near.timers.next_at() is None
        assert line.is_lost or (len(line.near._invites), len(line.near._requests)) == (0, 0)
        line.check_final_answers()


TestCall = CallMachine.TestCase
