"""In which form the pure layers are: as they are written, or compiled by mypyc."""

import pytest

from callrouter import session

IS_COMPILED = not str(session.__file__).endswith(".py")

interpreted_only = pytest.mark.skipif(IS_COMPILED, reason="a compiled class can be neither subclassed nor patched")
"""A mark for tests that do so, or look at what only Python has."""
