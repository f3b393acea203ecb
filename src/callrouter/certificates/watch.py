"""Tells when certificate files have changed. Watches their folders, because a new certificate often comes by renaming.

A change is a change of content: what `touch`, or a volume that swaps symbolic links, stirs up is passed over.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from hashlib import sha256
from pathlib import Path

from watchfiles import awatch


async def watch_files(files: Iterable[Path], stop: asyncio.Event) -> AsyncIterator[None]:
    """Yield whenever the content of one of the files differs from what it was, until `stop` is set."""
    watched = tuple(file.absolute() for file in files)
    folders = {file.parent for file in watched if file.parent.is_dir()}
    known = _digest(watched)
    async for _ in awatch(*folders, stop_event=stop, step=50, debounce=400, recursive=False):
        current = _digest(watched)
        if current != known:
            known = current
            yield


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
