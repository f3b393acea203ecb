"""The plan of a call: what has to be said at which instant, and when and why it ends. Goes with test_call.py.

RFC 3261 9, 12.1.1, 13.3.1.4, 15; RFC 3262 3, 5.
"""

from dataclasses import dataclass, field
from math import inf

from callrouter.reason import CallEnd
from callrouter.sip.dialog import Dialog
from callrouter.ua.incoming import Ringing
from tests.property.calling import ROUTES, Sent, dialog_of

REPEATS = (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
"""13.3.1.4: T1 doubled up to T2."""
RELIABLE_REPEATS = (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)
"""RFC 3262 3: doubled without end."""
PATIENCE = 32.0
"""64*T1."""


@dataclass
class Plan:
    """A call of the phone, as it should go."""

    invite: Sent
    ringing: Ringing
    refusal: int = 0
    is_reliable: bool = False
    changes: list[Sent] = field(default_factory=list)
    """Re-INVITEs that were answered 200."""
    acknowledged_at: float = inf
    """Of the 180, by PRACK."""
    broken_off: tuple[float, int, CallEnd] = (inf, 0, CallEnd.REJECTED)
    """When it ended before its answer, by which status (0: none), and why."""
    hung_up_at: float = inf
    """By the phone."""
    wishes: list[tuple[float, CallEnd]] = field(default_factory=list)
    """When the worker wanted to hang up, and why."""
    bad_answers: list[float] = field(default_factory=list)
    lost_at: float = inf
    is_mute: bool = False
    _dialog: Dialog | None = None

    @property
    def dialog(self) -> Dialog | None:
        """That of the phone, once an answer made one."""
        if self._dialog is None:
            self._dialog = dialog_of(self.invite)
        return self._dialog

    @property
    def due_at(self) -> float:
        due = self.invite.at + self.ringing.answer_after_seconds
        return max(due, self.acknowledged_at) if self.is_reliable else due

    @property
    def rings_at(self) -> float:
        ringing = self.ringing
        if ringing.ringing_after_seconds > ringing.answer_after_seconds and not self.is_reliable:
            return inf
        return self.invite.at + ringing.ringing_after_seconds

    @property
    def final(self) -> tuple[float, int, CallEnd]:
        """When the INVITE has its final answer, which, and why it is none of success."""
        if self.refusal:
            return self.invite.at, self.refusal, CallEnd.REJECTED
        planned = (self.due_at, 200, CallEnd.REJECTED)
        if self.is_reliable and self.acknowledged_at > self.rings_at + PATIENCE:
            planned = (self.rings_at + PATIENCE, 504, CallEnd.REJECTED)
        return planned if planned[0] <= self.broken_off[0] else self.broken_off

    @property
    def answered_at(self) -> float:
        at, status, _ = self.final
        return at if status == 200 else inf

    def bye(self) -> tuple[float, set[CallEnd]]:
        """When the worker hangs up, unless the call is over before, and why."""
        answered_at, sure_at = self.answered_at, self.invite.acknowledged_at
        if answered_at == inf:
            return inf, set()
        if sure_at is None:
            return answered_at + PATIENCE, {CallEnd.NO_ACK}
        wishes = [(answered_at + self.ringing.max_seconds, CallEnd.MAX_DURATION), *self.wishes]
        first = min(at for at, _ in wishes)
        ends = [(max(first, sure_at), why) for at, why in wishes if at == first]
        ends += [(at, CallEnd.BAD_ANSWER) for at in self.bad_answers]
        ends += [(each.at + PATIENCE, CallEnd.NO_ACK) for each in self.changes if each.acknowledged_at is None]
        end = min(at for at, _ in ends)
        return end, {why for at, why in ends if at == end}

    def end(self) -> tuple[float, set[CallEnd]]:
        """When it is over, and why."""
        at, status, why = self.final
        if status != 200:
            return (at, {why}) if at <= self.lost_at else (self.lost_at, {CallEnd.CONNECTION_LOST})
        bye_at, causes = self.bye()
        over_at = min(self.hung_up_at, self.lost_at)
        if bye_at <= over_at:
            return (min(bye_at + PATIENCE, over_at) if self.is_mute else bye_at), causes
        remote = self.hung_up_at <= self.lost_at
        return over_at, {CallEnd.REMOTE_BYE if remote else CallEnd.CONNECTION_LOST}

    def timed_out(self, now: float) -> int:
        """How many 2xx have waited in vain for their ACK."""
        waiting = [(each.times_of(200)[0], each) for each in (self.invite, *self.changes) if each.awaits_ack]
        return sum(at + PATIENCE <= min(now, self.lost_at) for at, _ in waiting)

    def quiet_at(self) -> float:
        """When the dialog is over as far as others than BYE go."""
        return min(self.end()[0], self.bye()[0])

    def plan(self, now: float) -> list[tuple[float, int]]:
        """What the INVITE is answered up to now."""
        at, status, _ = self.final
        if self.refusal:
            return [(at, status)]
        answers = [(self.invite.at, 100)]
        last_ring = min(at, self.acknowledged_at)
        if self.is_reliable:
            answers += [(self.rings_at + each, 180) for each in RELIABLE_REPEATS if self.rings_at + each <= last_ring]
        elif self.rings_at <= at:
            answers.append((self.rings_at, 180))
        answers.append((at, status))
        if status == 200:
            answers += self.repeats(at, self.invite)
        return [each for each in answers if each[0] <= min(now, self.lost_at) and each[1]]

    def repeats(self, at: float, invite: Sent) -> list[tuple[float, int]]:
        known_at = inf if invite.acknowledged_at is None else invite.acknowledged_at
        return [(at + each, 200) for each in REPEATS if at + each <= min(known_at, self.quiet_at())]

    def check(self, now: float) -> None:
        assert [(at, answer.status) for at, answer in self.invite.answers] == self.plan(now)
        for change in self.changes:
            answers = [(change.at, 200), *self.repeats(change.at, change)]
            # When both are due at the same instant, the BYE or the repetition may be the first.
            tie = {self.bye()[0]} - {change.at}
            said = [at for at, _ in change.answers if at not in tie]
            assert said == [at for at, _ in answers if at <= min(now, self.lost_at) and at not in tie]
        answered = [answer for _, answer in self.invite.answers if answer.status != 100]
        assert len({answer.to_tag for answer in answered}) <= 1
        # An offer of ours is in the first answer that is sure to arrive (13.2.1), an answer of ours in the 200.
        described = 180 if self.is_reliable and not self.invite.has_offer else 200
        assert all(bool(answer.body) is (answer.status == described) for answer in answered)
        # 12.1.1: the answers that make a dialog carry the route there.
        routes = list(ROUTES) if "Record-Route" in self.invite.request.lines else []
        assert all(answer.headers.rows("record-route") == routes for answer in answered if answer.status < 300)
