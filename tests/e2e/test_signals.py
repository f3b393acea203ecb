"""Signals as events, and as they were when it is over."""

import asyncio
import os
import signal

from callrouter.signals import catch_signals


async def send(number: int, event: asyncio.Event) -> None:
    os.kill(os.getpid(), number)
    async with asyncio.timeout(5):
        await event.wait()


async def test_signals_ask_for_reload_stop_and_stop_now() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        with catch_signals() as signals:
            await send(signal.SIGHUP, signals.reload)
            assert not signals.stop.is_set()
            await send(signal.SIGTERM, signals.stop)
            assert not signals.stop_now.is_set()
            await send(signal.SIGINT, signals.stop_now)
        # The stop was asked for: a signal that comes while the process ends must not make that a failure.
        assert {signal.getsignal(number) for number in before} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def test_signals_that_did_not_stop_give_the_handlers_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with catch_signals():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before
