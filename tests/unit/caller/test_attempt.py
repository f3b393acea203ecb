import asyncio
from time import monotonic

from callrouter.caller.attempt import Attempt
from callrouter.caller.line import LinePool
from callrouter.caller.result import HopEnd, Outcome
from callrouter.caller.spec import CallerConfig
from callrouter.caller.target import parse_target
from callrouter.reason import Reason
from callrouter.sip.message import Response
from callrouter.sip.request import OutgoingRequest
from callrouter.ua.media import MediaConfig
from callrouter.ua.proposal import Proposal
from callrouter.wire import CloseReason
from tests.unit.caller.rig import Server, answering, nothing_left, redirecting, refusing, serving, trying

TIMEOUT = 5.0


class Tried:
    """An attempt at a server, its INVITE out."""

    def __init__(self, config: CallerConfig) -> None:
        self.progress: list[int] = []
        self._config = config
        self.pool = LinePool(config)

    async def begin(self, server: Server) -> Attempt:
        target = parse_target(server.uri())
        attempt = Attempt(await self.pool.take(target, TIMEOUT), self._note)
        invite = OutgoingRequest("INVITE", target.uri, "<sip:a@b>;tag=f1", "<sip:c@d>", "c1", 1)
        attempt.begin(invite, Proposal(MediaConfig("127.0.0.1", 4000, 1)), self._config.emit, monotonic())
        return attempt

    def _note(self, attempt: Attempt, response: Response) -> None:
        del attempt
        self.progress.append(response.status)


async def wait(event: asyncio.Event | None) -> None:
    assert event is not None
    async with asyncio.timeout(TIMEOUT):
        await event.wait()


async def test_attempt_that_is_answered_goes_on_until_it_is_hung_up() -> None:
    async with serving(answering()) as [server]:
        with nothing_left() as config:
            tried = Tried(config)
            attempt = await tried.begin(server)
            await wait(attempt.settled)
            assert (attempt.end, attempt.is_ending, tried.progress) == (HopEnd.ANSWERED, False, [100, 180])
            attempt.hang_up(monotonic())
            assert attempt.is_ending
            await wait(attempt.ending)
            assert attempt.judge() == (Outcome.ANSWERED, "")
            assert attempt.talked_seconds > 0
            await tried.pool.close(1.0)


async def test_attempt_that_is_refused_has_the_text_of_the_warning() -> None:
    async with serving(refusing(Reason.MAX_CALLS)) as [server]:
        with nothing_left() as config:
            tried = Tried(config)
            attempt = await tried.begin(server)
            await wait(attempt.settled)
            assert attempt.end is HopEnd.REFUSED
            assert attempt.warning.startswith("max-calls: ")
            assert attempt.judge()[0] is Outcome.NO_ANSWER
            await tried.pool.close(1.0)


async def test_attempt_that_is_redirected_keeps_the_answer() -> None:
    async with serving(redirecting("<sip:x@y>")) as [server]:
        with nothing_left() as config:
            tried = Tried(config)
            attempt = await tried.begin(server)
            await wait(attempt.settled)
            assert attempt.final is not None
            assert (attempt.end, attempt.final.status, attempt.warning) == (HopEnd.REDIRECTED, 302, "")
            await tried.pool.close(1.0)


async def test_attempt_that_rings_is_cancelled() -> None:
    async with serving(trying(180)) as [server]:
        with nothing_left() as config:
            tried = Tried(config)
            attempt = await tried.begin(server)
            assert attempt.ending is None
            attempt.hang_up(monotonic())
            await wait(attempt.settled)
            assert (attempt.end, attempt.answered) == (HopEnd.CANCELLED, None)
            await tried.pool.close(1.0)


async def test_attempt_on_a_line_that_is_gone_is_lost_at_once() -> None:
    async with serving(answering()) as [server]:
        with nothing_left() as config:
            tried = Tried(config)
            line = await tried.pool.take(parse_target(server.uri()), TIMEOUT)
            line.connection.abort(CloseReason.DONE)
            await wait(line.ended)
            attempt = Attempt(line, lambda *_: None)
            invite = OutgoingRequest("INVITE", "sip:a@b", "<sip:a@b>;tag=f1", "<sip:c@d>", "c1", 1)
            attempt.begin(invite, Proposal(MediaConfig("127.0.0.1", 4000, 1)), config.emit, monotonic())
            attempt.hang_up(monotonic())
            assert (attempt.settled.is_set(), attempt.end, attempt.ending) == (True, HopEnd.CONNECTION_LOST, None)
            await tried.pool.close(1.0)
