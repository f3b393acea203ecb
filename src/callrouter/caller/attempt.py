"""Attempt: one INVITE on one line and the call that comes of it, as events that can be waited for."""

import asyncio
from collections.abc import Callable
from typing import Final

from callrouter.caller.line import Line
from callrouter.caller.result import HopEnd, Outcome
from callrouter.reason import CallEnd
from callrouter.sip.grammar import LWS
from callrouter.sip.message import Response
from callrouter.sip.params import unquote
from callrouter.sip.request import OutgoingRequest
from callrouter.telemetry import Sink
from callrouter.ua.call import Call, CallState
from callrouter.ua.outgoing import AnsweredCall, Failure, OutgoingCall, Progress
from callrouter.ua.proposal import Proposal

_SUCCESS: Final = range(200, 300)
_FIRST_REFUSAL: Final = 400


class Attempt:
    """One hop of a call, once it has a line. An `ua.outgoing.OutgoingOwner`."""

    def __init__(self, line: Line, progressed: Callable[["Attempt", Response], None]) -> None:
        self.line = line
        self.settled = asyncio.Event()
        """It is known whether there is a call."""
        self.ended = asyncio.Event()
        """The call is over."""
        self.answered: AnsweredCall | None = None
        self.final: Response | None = None
        """The final answer, unless it was a 2xx."""
        self.settled_at = 0.0
        self.ended_at = 0.0
        self._failure: Failure | None = None
        self._progressed = progressed
        self._outgoing: OutgoingCall | None = None

    def begin(self, invite: OutgoingRequest, proposal: Proposal, emit: Sink, now: float) -> None:
        """Send the INVITE."""
        if not self.line.endpoint.is_usable:
            self._settle(Failure(CallEnd.CONNECTION_LOST), now)
            return
        self._outgoing = OutgoingCall(self.line.endpoint, proposal, self, emit)
        self._outgoing.begin(invite, now)
        self.line.agent.place(self._outgoing)
        self.line.connection.advance()

    def hang_up(self, now: float) -> None:
        """End it by CANCEL or BYE, whatever is due."""
        if self._outgoing is not None:
            self._outgoing.hang_up(now)
            self.line.connection.advance()

    @property
    def ending(self) -> asyncio.Event | None:
        """What to wait for after `hang_up`; None where nothing could go out that would be answered."""
        if self.answered is not None:
            return self.ended
        has_cancelled = self._outgoing is not None and self._outgoing.progress is Progress.PROCEEDING
        return self.settled if has_cancelled else None

    @property
    def end(self) -> HopEnd:
        """How it ended; NO_ANSWER, too, while that is not known."""
        if self.answered is not None:
            return HopEnd.ANSWERED
        cause = CallEnd.NO_ANSWER if self._failure is None else self._failure.cause
        if cause is CallEnd.REJECTED and self.final is not None:
            return HopEnd.REDIRECTED if self.final.status < _FIRST_REFUSAL else HopEnd.REFUSED
        if cause is CallEnd.CONNECTION_LOST:
            return HopEnd.CONNECTION_LOST
        return HopEnd.CANCELLED if cause is CallEnd.CANCELLED else HopEnd.NO_ANSWER

    @property
    def is_ending(self) -> bool:
        """Whether the call that was answered is being ended by our side already."""
        return self.answered is not None and self.answered.state is not CallState.CONFIRMED

    @property
    def answer(self) -> tuple[int, str]:
        """Status and phrase of the final answer; 0 and "" where none came."""
        if self.answered is not None:
            return self.answered.answer
        return (0, "") if self.final is None else (self.final.status, self.final.phrase)

    @property
    def warning(self) -> str:
        """The text of the final answer's Warning, "" where there is none (RFC 3261 20.43)."""
        warning = (self.final.headers.get("warning") or "") if self.final is not None else ""
        _, quote, text = warning.partition('"')
        return unquote(quote + text.strip(LWS))

    @property
    def talked_seconds(self) -> float:
        """From the answer to the end."""
        return self.ended_at - self.settled_at if self.ended.is_set() else 0.0

    def judge(self) -> tuple[Outcome, str]:
        """What came of the call that was answered, and a sentence where it was not as it should be."""
        call = self.answered
        if call is None:
            return Outcome.NO_ANSWER, ""
        if call.fault:
            return Outcome.BROKEN, f"the session description of the answer: {call.fault}"
        if call.cause is CallEnd.CONNECTION_LOST:
            return Outcome.BROKEN, "the connection was lost during the call"
        if call.is_hung_up_by_peer:
            return Outcome.ANSWERED, "the peer hung up"
        if call.bye_status in _SUCCESS:
            return Outcome.ANSWERED, ""
        return Outcome.BROKEN, f"the BYE was answered {call.bye_status}" if call.bye_status else "the BYE got no answer"

    # --- ua.outgoing.OutgoingOwner

    def call_progressed(self, call: OutgoingCall, response: Response, now: float) -> None:
        del call, now
        self._progressed(self, response)

    def call_answered(self, call: OutgoingCall, answered: AnsweredCall, now: float) -> None:
        del call
        self.answered = answered
        self.settled_at = now
        self.settled.set()

    def call_failed(self, call: OutgoingCall, failure: Failure, now: float) -> None:
        del call
        self._settle(failure, now)

    def call_ended(self, call: Call, now: float) -> None:
        if call is self.answered:
            self.ended_at = now
            self.ended.set()

    def _settle(self, failure: Failure, now: float) -> None:
        self._failure, self.final, self.settled_at = failure, failure.response, now
        self.settled.set()
