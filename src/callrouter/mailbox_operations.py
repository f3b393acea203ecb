"""What can be done to the emulated Mailbox servers while they run: recycle, call, note a PIN. A `MailboxControl`.

The outbound side of the UM web services, as far as it is signalling (EXCHANGE-UM B 3.4).
"""

from collections.abc import Callable
from datetime import UTC, datetime

from structlog.typing import FilteringBoundLogger

from callrouter.admin.control import ControlError
from callrouter.admin.mailbox_control import NoSuchEntry
from callrouter.admin.models import Outcall, PinResets, WorkerStatus
from callrouter.mailbox.doors import MailboxError
from callrouter.mailbox.outcalls import NoSuchGateway, OutcallError, Outcalls, OutcallView
from callrouter.mailbox.role import MailboxRole
from callrouter.mailbox.server import RunningServer
from callrouter.snapshot import RoutingSnapshot


class MailboxOperations:
    """The Mailbox role of this process, as the API sees it."""

    def __init__(
        self,
        role: MailboxRole,
        outcalls: Outcalls,
        snapshot: Callable[[], RoutingSnapshot],
        log: FilteringBoundLogger,
    ) -> None:
        self._role = role
        self._outcalls = outcalls
        self._snapshot = snapshot
        self._log = log
        self._pins: dict[str, PinResets] = {}

    def workers(self) -> list[WorkerStatus]:
        return [_describe(server) for server in self._role.servers]

    def worker(self, server: str) -> WorkerStatus:
        return _describe(self._find(server))

    def recycle(self, server: str) -> WorkerStatus:
        found = self._find(server)
        try:
            found.recycle()
        except MailboxError as error:
            raise ControlError(error.problems) from error
        return _describe(found)

    def play_on_phone(self, server: str, number: str, gateway: str) -> Outcall:
        found = self._find(server)
        try:
            return _show(self._outcalls.begin(found.name, number, gateway, self._snapshot()))
        except NoSuchGateway as error:
            raise NoSuchEntry(str(error)) from error
        except OutcallError as error:
            raise ControlError((str(error),)) from error

    def outcalls(self, server: str) -> list[Outcall]:
        name = self._find(server).name
        return [_show(view) for view in self._outcalls.list_views() if view.server == name]

    def outcall(self, server: str, call_id: str) -> Outcall:
        return _show(self._find_outcall(server, call_id))

    def disconnect(self, server: str, call_id: str) -> Outcall:
        self._find_outcall(server, call_id)
        return _show(self._outcalls.disconnect(call_id))

    def reset_pin(self, user: str) -> PinResets:
        before = self.pin_resets(user)
        after = PinResets(user=before.user, resets=before.resets + 1, last_reset_at=datetime.now(UTC))
        self._pins[before.user] = after
        self._log.info("pin reset", user=before.user, resets=after.resets)
        return after

    def pin_resets(self, user: str) -> PinResets:
        wanted = user.casefold()
        for entry in self._snapshot().lookup.directory.users:
            if entry.name.casefold() == wanted:
                return self._pins.get(entry.name) or PinResets(user=entry.name, resets=0)
        raise NoSuchEntry(f"no user has the name {user!r}")

    def _find(self, name: str) -> RunningServer:
        server = self._role.find(name)
        if server is None:
            names = ", ".join(each.name for each in self._role.servers)
            raise NoSuchEntry(f"no emulated server has the name {name!r}; there are: {names}")
        return server

    def _find_outcall(self, server: str, call_id: str) -> OutcallView:
        found = self._outcalls.find(call_id)
        if found is None or found.server != self._find(server).name:
            raise NoSuchEntry(f"no call of this server has the Call-ID {call_id!r}")
        return found


def _describe(server: RunningServer) -> WorkerStatus:
    return WorkerStatus(
        server=server.name,
        worker=server.recycles + 1,
        ports={transport.value: port for transport, port in server.worker_ports.items()},
        calls=server.calls,
        draining_calls=server.draining_calls,
        max_calls_allowed=server.max_calls_allowed,
    )


def _show(view: OutcallView) -> Outcall:
    return Outcall(
        call_id=view.call_id,
        server=view.server,
        number=view.number,
        gateway=view.gateway,
        uri=view.uri,
        state=view.state,
        status=view.status,
        detail=view.detail,
    )
