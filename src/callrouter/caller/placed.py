"""PlacedCall: a call from its first connection over its redirects to its end. The only place of the caller that waits.

Every wait has an end, and a hang-up or a cancelled task cuts it short: then CANCEL or BYE goes out, the connection is
closed within a second, and no task is left.
"""

import asyncio
import base64
import contextlib
import secrets
from collections.abc import AsyncIterator
from time import monotonic
from typing import Final

from callrouter.caller.attempt import Attempt
from callrouter.caller.invite import Identity, build_invite, check_spec, identify
from callrouter.caller.line import Line, LinePool, make_token
from callrouter.caller.redirects import FAULT_SENTENCES, RedirectFault, Redirects, may_try_next
from callrouter.caller.result import OUTCOMES, CallResult, Hop, HopEnd, Outcome
from callrouter.caller.spec import CallerConfig, CallSpec
from callrouter.caller.target import Target
from callrouter.caller.watch import (
    CallFinished,
    ContactSkipped,
    Happening,
    HopBegan,
    HopConnected,
    HopEnded,
    MessageSeen,
    PlacedState,
    StateChanged,
    Watch,
)
from callrouter.reason import CallEnd
from callrouter.sip.message import Request, Response
from callrouter.telemetry import CallEnded
from callrouter.transport.client import ConnectError
from callrouter.ua.media import MediaConfig
from callrouter.ua.proposal import Proposal
from callrouter.wire import Peer

_LEAVE_SECONDS: Final = 0.5
_CLOSE_SECONDS: Final = 0.4
"""Together less than the second that a cancelled call may take."""
_CLOCK_SECONDS: Final = 0.002
"""uvloop counts whole milliseconds, so that a timer may be that early."""
_RINGING: Final = 180
_KEY_BYTES: Final = 30
_SESSION_ID_BITS: Final = 31

_CALL_ENDS: Final = {
    Outcome.UNREACHABLE: CallEnd.CONNECTION_LOST,
    Outcome.NO_ANSWER: CallEnd.NO_ANSWER,
    Outcome.CANCELLED: CallEnd.CANCELLED,
}


class PlacedCall:
    """One call. Either `run` it, or `start` it and hold on to it.

    lines: where its connections come from; without them it has its own.

    Raises:
        UnusableSpec: at construction, where the call cannot be placed as described.
    """

    def __init__(
        self, spec: CallSpec, config: CallerConfig, watch: Watch | None = None, lines: LinePool | None = None
    ) -> None:
        self.state = PlacedState.CONNECTING
        self._spec = spec
        self._config = config
        self._watch = watch
        self._redirects = Redirects(check_spec(spec), spec.redirects)
        self._lines = lines or LinePool(config)
        self._owns_lines = lines is None
        self._identity: Identity | None = None
        self._session_id = secrets.randbits(_SESSION_ID_BITS)
        self._hops: list[Hop] = []
        self._attempt: Attempt | None = None
        """The hop that is under way, or was answered."""
        self._final: Response | None = None
        """The last final answer, unless it was a 2xx."""
        self._peer: Peer | None = None
        self._task: asyncio.Task[CallResult] | None = None
        self._is_hanging_up = False
        self._timeout: asyncio.Timeout | None = None
        """Of the wait that a hang-up cuts short."""
        self._began_at = 0.0
        self._setup_until = 0.0
        """By the loop's clock."""

    def start(self) -> None:
        """Begin, in a task of its own."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self.run())

    @property
    def done(self) -> asyncio.Task[CallResult]:
        """The task, which ends with what came of the call. Cancelling it is a hang-up in a hurry.

        Raises:
            RuntimeError: the call was not started.
        """
        if self._task is None:
            raise RuntimeError("the call was not started")
        return self._task

    def hang_up(self) -> None:
        """End it, however far it is; its task says when it has ended. May be called at any time."""
        self._is_hanging_up = True
        self._hurry(asyncio.get_running_loop().time())

    async def run(self) -> CallResult:
        """Place the call and see it to its end."""
        self._began_at = monotonic()
        self._setup_until = asyncio.get_running_loop().time() + self._spec.timeouts.setup_seconds
        try:
            outcome, detail = await self._reach_answer()
            if self._attempt is not None and self._attempt.answered is not None:
                outcome, detail = await self._talk(self._attempt)
            return self._finish(outcome, detail)
        except asyncio.CancelledError:
            await self._leave()
            raise
        finally:
            self._put_down()
            if self._owns_lines:
                await self._lines.close(_CLOSE_SECONDS)

    # --- hops

    async def _reach_answer(self) -> tuple[Outcome, str]:
        while True:
            target = self._redirects.current
            hop = await self._try(target)
            self._hops.append(hop)
            self._tell(HopEnded(hop, target, monotonic()))
            if hop.end is HopEnd.ANSWERED:
                return Outcome.ANSWERED, ""
            self._put_down()
            ending = self._judge(hop)
            if ending is not None:
                return ending

    def _judge(self, hop: Hop) -> tuple[Outcome, str] | None:
        """What the end of a hop means for the call; None where another target is tried."""
        redirects, fault = self._redirects, None
        if hop.end is HopEnd.REDIRECTED:
            fault = self._follow()
        is_last = hop.end is HopEnd.CANCELLED or (hop.end is HopEnd.REFUSED and not may_try_next(hop.status))
        if not is_last and not self._is_late and fault is not RedirectFault.LIMIT and redirects.advance() is not None:
            return None
        if fault is not None:
            return Outcome.REDIRECT_FAILED, FAULT_SENTENCES[fault]
        if hop.end is HopEnd.REDIRECTED:
            return Outcome.NO_ANSWER, self._lateness
        return OUTCOMES[hop.end], hop.detail

    def _follow(self) -> RedirectFault | None:
        redirects = self._redirects
        first_skipped = len(redirects.skipped)
        fault = RedirectFault.NO_CONTACT if self._final is None else redirects.take(self._final)
        for skipped in redirects.skipped[first_skipped:]:
            self._tell(ContactSkipped(skipped, monotonic()))
        return fault

    async def _try(self, target: Target) -> Hop:
        number = len(self._hops) + 1
        began_at = monotonic()
        self._tell(HopBegan(number, target, began_at))
        self._change(PlacedState.CONNECTING)
        try:
            line = await self._connect(target)
        except ConnectError as error:
            return self._describe(target, began_at, HopEnd.NO_CONNECTION, detail=str(error))
        except TimeoutError:
            end = HopEnd.CANCELLED if self._is_hanging_up else HopEnd.NO_CONNECTION
            return self._describe(target, began_at, end, detail="" if self._is_hanging_up else self._lateness)
        connected_at = monotonic()
        self._peer = line.endpoint.peer
        attempt = self._attempt = Attempt(line, self._progressed)
        self._tell(HopConnected(number, target, self._peer, connected_at))
        self._change(PlacedState.CALLING)
        identity = self._identity = self._identity or identify(self._spec, line.endpoint.local_host, make_token)
        invite = build_invite(self._spec, identity, target, number, self._config.user_agent)
        attempt.begin(invite, self._build_proposal(self._peer), self._config.emit, monotonic())
        await self._wait_for_answer(attempt)
        end = self._end_of(attempt)
        detail = self._detail_of(end, attempt, connected_at)
        return self._describe(target, began_at, end, attempt=attempt, connected_at=connected_at, detail=detail)

    async def _connect(self, target: Target) -> Line:
        """Raises ConnectError, and TimeoutError after a hang-up and when all time is over."""
        left = self._setup_until - asyncio.get_running_loop().time()
        seconds = max(0.0, min(self._spec.timeouts.connect_seconds, left))

        def take_message(message: Request | Response, is_sent: bool, at: float) -> None:
            self._tell(MessageSeen(target, message, is_sent, at))

        async with self._until(self._setup_until):
            return await self._lines.take(target, seconds, None if self._watch is None else take_message)

    def _build_proposal(self, peer: Peer) -> Proposal:
        key = base64.b64encode(secrets.token_bytes(_KEY_BYTES)).decode("ascii") if self._spec.secured else ""
        config = MediaConfig(
            peer.local_address, self._config.rtp_port, self._session_id, secured=self._spec.secured, crypto_key=key
        )
        return Proposal(config, self._spec.body)

    async def _wait_for_answer(self, attempt: Attempt) -> None:
        until = self._setup_until
        if self._redirects.has_more:
            until = min(until, asyncio.get_running_loop().time() + self._spec.timeouts.silence_seconds)
        try:
            async with self._until(until):
                await attempt.settled.wait()
        except TimeoutError:
            if not attempt.settled.is_set():
                await self._end(attempt)

    def _progressed(self, attempt: Attempt, response: Response) -> None:
        """A provisional answer: the hop is not silent any more."""
        if attempt is not self._attempt or self._is_hanging_up:
            return
        if response.status >= _RINGING:
            self._change(PlacedState.RINGING)
        self._hurry(self._setup_until)

    def _end_of(self, attempt: Attempt) -> HopEnd:
        """CANCEL and silence are what we make of them: ours, or for want of time."""
        if attempt.end in (HopEnd.CANCELLED, HopEnd.NO_ANSWER):
            return HopEnd.CANCELLED if self._is_hanging_up else HopEnd.NO_ANSWER
        return attempt.end

    def _detail_of(self, end: HopEnd, attempt: Attempt, connected_at: float) -> str:
        if end is HopEnd.CONNECTION_LOST:
            return "the connection was lost before the answer"
        if end is not HopEnd.NO_ANSWER:
            return attempt.warning
        if self._is_late:
            return self._lateness
        return f"no answer for {monotonic() - connected_at:.1f} s"

    # --- the call

    async def _talk(self, attempt: Attempt) -> tuple[Outcome, str]:
        self._change(PlacedState.ANSWERED)
        hold_seconds = self._spec.hold_seconds
        until = None if hold_seconds is None else asyncio.get_running_loop().time() + hold_seconds
        if not attempt.is_ending:
            with contextlib.suppress(TimeoutError):  # the time for BYE has come
                async with self._until(until):
                    await attempt.ended.wait()
        if not attempt.ended.is_set():
            await self._end(attempt)
        return attempt.judge()

    async def _end(self, attempt: Attempt) -> None:
        """CANCEL or BYE, and its answer as long as that may take."""
        self._change(PlacedState.ENDING)
        attempt.hang_up(monotonic())
        ending = attempt.ending
        if ending is not None:
            with contextlib.suppress(TimeoutError):  # whoever asks for the end of the attempt sees that none came
                async with asyncio.timeout(self._spec.timeouts.goodbye_seconds):
                    await ending.wait()

    # --- the end

    async def _leave(self) -> None:
        """The task was cancelled: say goodbye, and wait no longer than that takes."""
        attempt = self._attempt
        if attempt is None or attempt.ended.is_set():
            return
        attempt.hang_up(monotonic())
        ending = attempt.ending
        if ending is not None:
            with contextlib.suppress(TimeoutError):  # nobody is left who could be told
                async with asyncio.timeout(_LEAVE_SECONDS):
                    await ending.wait()

    def _put_down(self) -> None:
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            self._final = attempt.final
            self._lines.give_back(attempt.line)

    def _finish(self, outcome: Outcome, detail: str) -> CallResult:
        attempt, last = self._attempt, self._hops[-1]
        if self._peer is not None and self._identity is not None and attempt is None:
            cause = _CALL_ENDS.get(outcome, CallEnd.REJECTED)
            self._config.emit(CallEnded(self._peer, self._identity.call_id, cause, 0.0, was_answered=False))
        result = CallResult(
            outcome,
            self._identity.call_id if self._identity is not None else "",
            tuple(self._hops),
            detail=detail,
            status=last.status,
            phrase=last.phrase,
            skipped=tuple(self._redirects.skipped),
            answered_after_seconds=None if attempt is None else attempt.settled_at - self._began_at,
            talked_seconds=0.0 if attempt is None else attempt.talked_seconds,
        )
        self._change(PlacedState.ENDED)
        self._tell(CallFinished(result, monotonic()))
        return result

    # --- inside

    @contextlib.asynccontextmanager
    async def _until(self, until: float | None) -> AsyncIterator[None]:
        """TimeoutError at `until`, by the loop's clock, and as soon as somebody hangs up."""
        if self._is_hanging_up:
            raise TimeoutError
        try:
            async with asyncio.timeout_at(until) as self._timeout:
                yield
        finally:
            self._timeout = None

    def _hurry(self, until: float) -> None:
        if self._timeout is not None and not self._timeout.expired():
            self._timeout.reschedule(until)

    @property
    def _is_late(self) -> bool:
        """Whether the time to the answer is over."""
        return asyncio.get_running_loop().time() >= self._setup_until - _CLOCK_SECONDS

    @property
    def _lateness(self) -> str:
        return f"no answer within {self._spec.timeouts.setup_seconds:g} s"

    def _describe(
        self,
        target: Target,
        began_at: float,
        end: HopEnd,
        *,
        attempt: Attempt | None = None,
        connected_at: float | None = None,
        detail: str = "",
    ) -> Hop:
        """The hop that ends now."""
        status, phrase = (0, "") if attempt is None else attempt.answer
        return Hop(
            len(self._hops) + 1,
            target.uri,
            target.address,
            target.transport,
            end,
            began_at - self._began_at,
            (attempt.settled_at if attempt is not None and attempt.settled.is_set() else monotonic()) - self._began_at,
            None if connected_at is None else connected_at - self._began_at,
            status=status,
            phrase=phrase,
            detail=detail,
        )

    def _change(self, state: PlacedState) -> None:
        if state is not self.state:
            self.state = state
            self._tell(StateChanged(state, monotonic()))

    def _tell(self, happening: Happening) -> None:
        if self._watch is not None:
            self._watch(happening)


async def place_call(
    spec: CallSpec, config: CallerConfig, watch: Watch | None = None, lines: LinePool | None = None
) -> CallResult:
    """Place one call and see it to its end. Cancelled, it hangs up and closes its connection within a second.

    Raises:
        UnusableSpec: the call cannot be placed as described.
    """
    return await PlacedCall(spec, config, watch, lines).run()


def start_call(
    spec: CallSpec, config: CallerConfig, watch: Watch | None = None, lines: LinePool | None = None
) -> PlacedCall:
    """Begin a call to hold on to: follow its `state`, `hang_up`, await its `done`.

    Raises:
        UnusableSpec: the call cannot be placed as described.
    """
    call = PlacedCall(spec, config, watch, lines)
    call.start()
    return call
