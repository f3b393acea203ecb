"""Imports aiosip 0.2.0, its last release, on a Python that no longer has what it imports.

It wants `collections.MutableMapping` (gone in 3.10) and `asyncio.coroutine` (gone in 3.11), and its regular expressions
hold escapes that newer compilers warn of. All of that is put back for the import alone and taken away after it, so that
no other test runs on a patched standard library. Only its reader and writer of messages are used: it speaks UDP alone.
"""

import asyncio
import collections
import collections.abc
import importlib
import types
import warnings
from types import ModuleType
from unittest.mock import patch


def import_aiosip() -> ModuleType:
    """Import aiosip, or give the module that was imported before."""
    with (
        warnings.catch_warnings(),
        patch.object(collections, "MutableMapping", collections.abc.MutableMapping, create=True),
        patch.object(asyncio, "coroutine", types.coroutine, create=True),
    ):
        warnings.simplefilter("ignore")
        return importlib.import_module("aiosip")
