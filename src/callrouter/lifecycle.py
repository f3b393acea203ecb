"""How a process lives: it serves until a signal comes, drains, and ends; with the room and the quiet that takes."""

import asyncio
import gc
import resource
from collections.abc import Callable

from callrouter.app import Application
from callrouter.observability.logs import Logs
from callrouter.operations import Reread
from callrouter.preparation import Prepared
from callrouter.signals import catch_signals


async def run(prepared: Prepared, reread: Reread, logs: Logs, announce: Callable[[Application], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the drain. SIGHUP reloads.

    reread: gives the settings again at a reload.
    announce: called once everything listens.

    Raises:
        StartError: a port cannot be opened.
    """
    application = Application(prepared, reread, logs)
    with catch_signals() as signals, logs.written_together(asyncio.get_running_loop().call_soon):
        await application.start()
        announce(application)
        tune_collector()
        reloads = asyncio.create_task(_reload_when(signals.reload, application))
        await signals.stop.wait()
        reloads.cancel()
        logs.logger.info("stopping", drain_seconds=prepared.settings.limits.drain_seconds)
        stop = asyncio.create_task(application.stop())
        now = asyncio.create_task(signals.stop_now.wait())
        await asyncio.wait((stop, now), return_when=asyncio.FIRST_COMPLETED)
        if not stop.done():
            await application.cut_drain()
        now.cancel()
        aborted = await stop
        logs.logger.info("stopped", connections_cut_off=aborted)


async def _reload_when(asked: asyncio.Event, application: Application) -> None:
    while True:
        await asked.wait()
        asked.clear()
        await application.reload()


def tune_collector() -> None:
    """Take what the start made out of the garbage collector's sight, and let it look less often.

    A call leaves no cycles behind: reference counts free all of it. What is left for the collector is rare.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def raise_file_limit() -> None:
    """Let this process open as many files as the host allows: every connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
