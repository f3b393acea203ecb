"""The port through which the admin API asks how the router is. The composition root answers it."""

from typing import Protocol

from callrouter.admin.models import Readiness


class StatusSource(Protocol):
    """Knows the state of everything that was started."""

    def readiness(self) -> Readiness:
        """The state now. Called from the event loop for every probe: must neither wait nor raise."""
