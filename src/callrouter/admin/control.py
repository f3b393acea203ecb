"""The port through which the admin API changes a running router. The composition root answers it."""

from collections.abc import Mapping
from typing import Protocol

from callrouter.settings.model import RouterSettings
from callrouter.snapshot import RoutingSnapshot
from callrouter.sources.document import DirectoryDocument


class ControlError(Exception):
    """A change that was refused; nothing was changed. `problems` has one line for each reason."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Control(Protocol):
    """What can be asked of, and done to, a running router. Every change is whole or not at all."""

    def router_settings(self) -> RouterSettings:
        """The settings of the group `router` that are in force."""

    async def set_router_settings(self, changes: Mapping[str, object]) -> RouterSettings:
        """Change some of them, by snake_case key; ports and mode take effect at once, and connections live on.

        Raises:
            ControlError: a key or value is wrong, or a port cannot be opened.
        """

    def document(self) -> DirectoryDocument:
        """The directory that is in force, as a document."""

    def replace_document(self, document: DirectoryDocument) -> None:
        """Take another directory; in memory only, a reload goes back to the file.

        Raises:
            ControlError: it is no consistent directory.
        """

    async def reload(self) -> None:
        """Read the directory file, or the directory in the settings file, again.

        Raises:
            ControlError: it cannot be used; the last good one stays.
        """

    def snapshot(self) -> RoutingSnapshot:
        """What calls are decided by now."""
