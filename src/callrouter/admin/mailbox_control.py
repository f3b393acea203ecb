"""The port through which the admin API reaches the emulated Mailbox servers. `mailbox_operations` answers it."""

from collections.abc import Sequence
from typing import Protocol

from callrouter.admin.models import Outcall, PinResets, WorkerStatus


class NoSuchEntry(LookupError):  # noqa: N818 - STYLE: errors say what was wrong
    """What was named is not there; the message is one line."""


class MailboxControl(Protocol):
    """What can be asked of, and done to, emulated Mailbox servers."""

    def workers(self) -> Sequence[WorkerStatus]:
        """Every emulated server and its worker."""

    def worker(self, server: str) -> WorkerStatus:
        """One of them.

        Raises:
            NoSuchEntry: no emulated server has this name.
        """

    def recycle(self, server: str) -> WorkerStatus:
        """Start the worker's successor on the other port; the old one drains its calls.

        Raises:
            NoSuchEntry: no emulated server has this name.
            ControlError: the successor's ports cannot be opened; the worker stays.
        """

    def play_on_phone(self, server: str, number: str, gateway: str) -> Outcall:
        """Have a worker call a number through a gateway; "" takes the first one that allows it.

        Raises:
            NoSuchEntry: no emulated server, or no gateway, has this name.
            ControlError: no gateway allows it, or the number is none.
        """

    def outcalls(self, server: str) -> Sequence[Outcall]:
        """The calls that a server's workers have placed, as far as they are remembered, the newest first.

        Raises:
            NoSuchEntry: no emulated server has this name.
        """

    def outcall(self, server: str, call_id: str) -> Outcall:
        """How such a call is.

        Raises:
            NoSuchEntry: there is no such server or call.
        """

    def disconnect(self, server: str, call_id: str) -> Outcall:
        """End such a call, however far it is.

        Raises:
            NoSuchEntry: there is no such server or call.
        """

    def reset_pin(self, user: str) -> PinResets:
        """Note that a user's PIN was reset; nothing else, for there is no voice mail to be entered with it.

        Raises:
            NoSuchEntry: no user has this name.
        """

    def pin_resets(self, user: str) -> PinResets:
        """What was noted.

        Raises:
            NoSuchEntry: no user has this name.
        """
