"""Tells when files have changed. Watches their folders, because a new certificate often comes by renaming.

A change is a change of content: what `touch`, or a volume that swaps symbolic links, stirs up is passed over. One that
comes between the call and the first look at the folders is not missed.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256
from pathlib import Path

from watchfiles import awatch


def watch_files(files: Iterable[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield whenever the content of one of the files differs from what it was at this call, until `stop` is set."""
    watched = tuple(file.absolute() for file in files)
    return _watch(watched, _digest(watched), stop)


async def _watch(watched: tuple[Path, ...], known: bytes, stop: asyncio.Event) -> AsyncIterator[None]:
    folders = {file.parent for file in watched if file.parent.is_dir()}
    changes = awatch(*folders, stop_event=stop, step=200, debounce=400, recursive=False)
    pending = asyncio.ensure_future(anext(changes, None))
    # One turn of the loop: the folders are watched from then on.
    await asyncio.wait({pending}, timeout=0)
    while True:
        current = _digest(watched)
        if current != known:
            known = current
            yield
        if await pending is None:
            return
        pending = asyncio.ensure_future(anext(changes, None))


def _digest(files: Iterable[Path]) -> bytes:
    """A digest of the content of all files; one that cannot be read counts as empty."""
    total = sha256()
    for file in files:
        try:
            content = file.read_bytes()
        except OSError:
            content = b""
        total.update(sha256(content).digest())
    return total.digest()
