"""Port numbers for what has to open its port itself, where binding port 0 will not do."""

import random
import socket

# Below the numbers that systems give to connections that go out (Linux: from 32768), or another test's connection
# takes the number between the look and the opening.
_FIRST, _LAST = 12_000, 29_999


def find_free_port(address: str = "0.0.0.0") -> int:
    """A TCP port that was free at this address a moment ago. It is not held."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311 - no secret
        with socket.socket() as probe:
            try:
                probe.bind((address, port))
            except OSError:
                continue
            return port
