"""Prober: one `Watch`, in a task of its own, for each port that the health of the pool is to be told of."""

import asyncio
import os
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from callrouter.pool.health import Place, PoolHealth, TargetKey
from callrouter.probing.config import ProbeConfig
from callrouter.probing.target import locate
from callrouter.probing.watch import RecordProbe, Watch, WatchTools
from callrouter.telemetry import ProbingEnded, Sink
from callrouter.ua.endpoint import EndpointConfig

_PACE_SECONDS: Final = 0.01
"""The first probes of many targets come at this distance, on the average: a pool of hundreds is no storm."""
_TAG_KEY_BYTES: Final = 32
_TOKEN_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class _Running:
    place: Place
    task: asyncio.Task[None]


class Prober:
    """Probes what it was told to follow until `stop`. Lives in one loop."""

    def __init__(
        self, config: ProbeConfig, record: RecordProbe, emit: Sink, *, draw: Callable[[], float] = random.random
    ) -> None:
        """record: is told each result, in the loop, and must not raise. draw: gives a number from 0 to 1."""
        self._tools = WatchTools(config, _configure_endpoint(config, emit), record, emit, draw)
        self._running: dict[TargetKey, _Running] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def follow(self, health: PoolHealth, config: ProbeConfig | None = None) -> None:
        """Probe the targets of this health, and no others: to be called after each `PoolHealth.retain`.

        A target at another place than before begins anew. config: from now on; where it is another one, all begin anew.

        Raises:
            ValueError: there are TLS ports, and the config has no TLS context; nothing has changed then.
        """
        tools = self._tools
        is_same = config is None or config == tools.config
        if config is not None and not is_same:
            tools = replace(tools, config=config, endpoint=_configure_endpoint(config, tools.emit))
        targets = {key: locate(key, known.place, tools.config) for key, known in health.targets.items()}
        self._tools = tools
        for key, running in list(self._running.items()):
            stays = key in targets and health.targets[key].place == running.place
            if not (stays and is_same):
                self._end(key)
            if not stays:
                tools.emit(ProbingEnded(*key))
        new = [key for key in targets if key not in self._running]
        spread_seconds = min(tools.config.interval_seconds, _PACE_SECONDS * (len(new) - 1))
        for key in new:
            watch = Watch(targets[key], tools)
            task = asyncio.create_task(watch.run(tools.draw() * spread_seconds), name=f"probe {key[0]} {key[1]}")
            task.add_done_callback(self._task_ended)
            self._running[key] = _Running(health.targets[key].place, task)

    async def stop(self) -> None:
        """End all probes and connections; returns when nothing is left."""
        for key in list(self._running):
            self._end(key)
        if self._ending:
            await asyncio.wait(tuple(self._ending))

    def _end(self, key: TargetKey) -> None:
        task = self._running.pop(key).task
        if not task.done():
            self._ending.add(task)
            task.cancel()

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._ending.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            # A bug of ours. The next `follow` begins anew.
            self._running = {key: running for key, running in self._running.items() if running.task is not task}
            context = {"message": "a probe failed", "exception": error, "task": task}
            task.get_loop().call_exception_handler(context)


def _configure_endpoint(config: ProbeConfig, emit: Sink) -> EndpointConfig:
    # Timer F must not come before the end of a probe's own time.
    lifetime_seconds = max(config.limits.transaction_seconds, config.timeout_seconds)
    return EndpointConfig(
        limits=replace(config.limits, transaction_seconds=lifetime_seconds),
        emit=emit,
        tag_key=os.urandom(_TAG_KEY_BYTES),
        make_token=lambda: secrets.token_hex(_TOKEN_BYTES),
        idles_for_ever=True,
    )
