import asyncio
from dataclasses import replace

import pytest

from callrouter.caller.line import LinePool, make_token
from callrouter.caller.target import Target, parse_target
from callrouter.sip.message import Request, Response
from callrouter.transport.client import ConnectError
from callrouter.transport.tls import build_client_context
from callrouter.wire import CloseReason
from tests.unit.caller.raw_server import RawServer, running
from tests.unit.caller.rig import Server, answering, closed_port, nothing_left, serving

TIMEOUT = 5.0


def target_of(server: Server) -> Target:
    return parse_target(server.uri())


async def test_pool_of_single_lines_opens_one_for_each_call_and_closes_what_is_given_back() -> None:
    async with serving(answering()) as [server]:
        with nothing_left() as config:
            pool = LinePool(config)
            first = await pool.take(target_of(server), TIMEOUT)
            second = await pool.take(target_of(server), TIMEOUT)
            assert first is not second
            pool.give_back(first)
            async with asyncio.timeout(TIMEOUT):
                await first.ended.wait()
            assert second.endpoint.is_usable
            await pool.close(1.0)
            assert second.ended.is_set()


async def test_pool_of_shared_lines_gives_the_same_one_while_it_can_be_used() -> None:
    async with serving(answering(), answering()) as [server, other]:
        with nothing_left() as config:
            pool = LinePool(config, is_shared=True)
            first, second = await asyncio.gather(
                pool.take(target_of(server), TIMEOUT), pool.take(target_of(server), TIMEOUT)
            )
            assert first is second
            pool.give_back(first)
            assert await pool.take(target_of(server), TIMEOUT) is first
            assert await pool.take(target_of(other), TIMEOUT) is not first
            first.connection.abort(CloseReason.DONE)
            assert await pool.take(target_of(server), TIMEOUT) is not first or first.endpoint.is_usable
            async with asyncio.timeout(TIMEOUT):
                await first.ended.wait()
            again = await pool.take(target_of(server), TIMEOUT)
            assert again is not first
            await pool.close(1.0)
        assert len(server.callees) == 2


async def test_pool_tells_everybody_who_waits_that_there_is_no_line_and_tries_again() -> None:
    with nothing_left() as config:
        pool = LinePool(config, is_shared=True)
        target = parse_target(f"sip:127.0.0.1:{closed_port()}")
        both = await asyncio.gather(pool.take(target, TIMEOUT), pool.take(target, TIMEOUT), return_exceptions=True)
        assert [type(each) for each in both] == [ConnectError, ConnectError]
        with pytest.raises(ConnectError):
            await pool.take(target, TIMEOUT)
        await pool.close(1.0)


async def test_pool_goes_on_connecting_for_who_waits_still() -> None:
    async with serving(answering()) as [server]:
        with nothing_left() as config:
            pool = LinePool(config, is_shared=True)
            first = asyncio.create_task(pool.take(target_of(server), TIMEOUT))
            second = asyncio.create_task(pool.take(target_of(server), TIMEOUT))
            await asyncio.wait([first], timeout=0)
            first.cancel()
            line = await second
            assert line.endpoint.is_usable
            assert first.cancelled()
            await pool.close(1.0)


async def test_pool_closed_while_it_connects_leaves_nothing() -> None:
    context = build_client_context(None)
    async with running(RawServer([], "deaf")) as server:
        with nothing_left() as plain:
            pool = LinePool(replace(plain, tls=lambda: context), is_shared=True)
            waiting = asyncio.create_task(pool.take(parse_target(f"sips:127.0.0.1:{server.port}"), TIMEOUT))
            async with asyncio.timeout(TIMEOUT):
                await server.reached.wait()
            await pool.close(1.0)
            await asyncio.wait([waiting])
            assert waiting.cancelled()


async def test_pool_aborts_lines_whose_peer_does_not_close() -> None:
    async with running(RawServer([], "sit")) as server:
        with nothing_left() as config:
            pool = LinePool(config)
            line = await pool.take(parse_target(f"sip:127.0.0.1:{server.port}"), TIMEOUT)
            async with asyncio.timeout(0.3):
                await pool.close(0.1)
            assert line.ended.is_set()


async def test_line_tells_its_messages_to_who_took_it() -> None:
    seen: list[tuple[Request | Response, bool, float]] = []
    async with serving(answering()) as [server]:
        with nothing_left() as config:
            pool = LinePool(config)
            line = await pool.take(target_of(server), TIMEOUT, lambda *told: seen.append(told))
            line.endpoint.send_again(b"OPTIONS sip:a SIP/2.0\r\n\r\n")
            line.connection.advance()
            await pool.close(1.0)
    [(message, is_sent, _)] = seen[:1]
    assert isinstance(message, Request)
    assert (message.method, is_sent) == ("OPTIONS", True)


def test_tokens_are_never_the_same() -> None:
    assert len({make_token() for _ in range(1000)}) == 1000
