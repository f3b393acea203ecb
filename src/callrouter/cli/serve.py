"""`callrouter serve`: the router alone. And how any command runs the server: loop, log, exit code."""

import asyncio
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from callrouter.app import Application
from callrouter.cli.admin_token import fill_token
from callrouter.cli.event_loop import choose_loop
from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.lifecycle import raise_file_limit, run
from callrouter.observability.logs import configure_logs
from callrouter.operations import Reread
from callrouter.preparation import Prepared, Role, StartError, prepare
from callrouter.settings.freeze import freeze_log
from callrouter.settings.load import load_settings
from callrouter.settings.model import Settings


def serve(config: ConfigOption = None, set_: SetOption = None) -> None:
    """Run the router until SIGTERM or SIGINT; what is in flight is finished first.

    Settings come from the file, then from CALLROUTER_... variables, then from --set.
    """
    settings = load_or_exit(config, set_)
    reread = partial(load_settings, config, environ=os.environ, overrides=set_ or ())
    run_server(settings, reread, config, _log_addresses)


def run_server(
    settings: Settings,
    reread: Reread,
    config: Path | None,
    announce: Callable[[Application], None],
    roles: Role = Role.ROUTER,
) -> None:
    """Run these roles with these settings until a signal ends them; a failed start ends the command with code 2.

    reread: gives the settings again at a reload. config: the file that they come from, which is watched.
    """
    filled = fill_token(settings)

    def read_again() -> Settings:
        fresh = reread()
        # The same setting means the same token: a file that changes is taken up by a restart, as the whole group is.
        return fresh.model_copy(update={"admin": filled.admin}) if fresh.admin == settings.admin else fresh

    def announce_all(application: Application) -> None:
        announce(application)
        _log_problems(application)

    try:
        prepared = prepare(filled, config, roles)
        raise_file_limit()
        _run(prepared, read_again, announce_all)
    except StartError as error:
        fail(error.problems)
    except OSError as error:
        fail([f"log.file: {error}"])


def _run(prepared: Prepared, reread: Reread, announce: Callable[[Application], None]) -> None:
    logs = configure_logs(freeze_log(prepared.settings.log), sys.stderr)
    try:
        with asyncio.Runner(loop_factory=choose_loop()) as runner:
            runner.run(run(prepared, reread, logs, announce))
    finally:
        logs.close()


def _log_addresses(application: Application) -> None:
    readiness = application.readiness()
    application.log.info(
        "listening",
        sip=[f"{each.transport} {_join(each.address, each.port)}" for each in readiness.listeners],
        admin=_join(*application.admin_address) if application.admin_address else "off",
        gateways=readiness.directory.gateways,
        servers=readiness.directory.servers,
    )


def _log_problems(application: Application) -> None:
    readiness = application.readiness()
    for problem in readiness.problems:
        application.log.warning("problem" if readiness.ready else "not ready", problem=problem)


def _join(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
