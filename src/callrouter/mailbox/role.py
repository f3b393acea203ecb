"""The Mailbox role of a process: its emulated servers, opened together, followed together, drained together."""

import asyncio

from callrouter.mailbox.config import list_servers
from callrouter.mailbox.doors import MailboxError, Surroundings
from callrouter.mailbox.server import RunningServer
from callrouter.settings.mailbox import MailboxSettings
from callrouter.snapshot import RoutingSnapshot


class MailboxRole:
    """All emulated servers of a process. Used inside a running loop."""

    def __init__(self, surroundings: Surroundings, snapshot: RoutingSnapshot) -> None:
        self.servers = tuple(
            RunningServer(server, surroundings, snapshot) for server in list_servers(surroundings.settings)
        )

    def find(self, name: str) -> RunningServer | None:
        """The server of this name; case makes no difference."""
        return next((server for server in self.servers if server.name.casefold() == name.casefold()), None)

    def open(self) -> None:
        """Listen everywhere.

        Raises:
            MailboxError: with all ports that cannot be opened; those that could are for `close` to close.
        """
        problems: list[str] = []
        for server in self.servers:
            try:
                server.open()
            except MailboxError as error:
                problems.extend(error.problems)
        if problems:
            raise MailboxError(tuple(problems))

    def follow(self, snapshot: RoutingSnapshot) -> None:
        """Gateways, dial plans or users have changed."""
        for server in self.servers:
            server.follow(snapshot)

    def configure(self, settings: MailboxSettings) -> None:
        """Take up what a reload changed of how calls are answered."""
        for server in self.servers:
            server.configure(settings)

    async def drain(self, seconds: float) -> int:
        """End every call by BYE and stop listening; how many connections were cut off after these seconds."""
        return sum(await asyncio.gather(*(server.drain(seconds) for server in self.servers)))

    async def close(self) -> None:
        """End everything now."""
        await asyncio.gather(*(server.close() for server in self.servers))
