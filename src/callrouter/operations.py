"""What can be done to a router while it runs: settings, directory, reload, names of gateways. A `Control`.

Every change makes a new snapshot and swaps it in; one that cannot be made whole leaves everything as it was, and says
why.
"""

import asyncio
import socket
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from time import monotonic

from pydantic import ValidationError
from structlog.typing import FilteringBoundLogger

from callrouter.admin.control import ControlError
from callrouter.directory.model import Directory
from callrouter.pool.health import Change, PoolHealth, ProbeResult
from callrouter.pool.model import build_pool
from callrouter.ports import PortError, SipPorts
from callrouter.preparation import LoadedDirectory, Prepared, StartError, read_directory
from callrouter.readiness import DirectoryOrigin
from callrouter.settings.freeze import freeze_health_policy, freeze_snapshot
from callrouter.settings.load import SettingsError
from callrouter.settings.model import RouterSettings, Settings
from callrouter.settings.rules import find_conflicts
from callrouter.snapshot import RoutingSnapshot, SnapshotCell
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from callrouter.sources.resolve import resolve_gateways
from callrouter.wire import Transport

_LIVE_GROUPS = ("router", "directory", "pool", "redirect", "mailbox")
"""What a reload takes up. The other groups are the frame that all of this lives in: they need a restart."""

Reread = Callable[[], Settings]
"""Reads the settings again, from where they came from; raises SettingsError."""


class Operations:
    """The changeable state of one router."""

    def __init__(self, prepared: Prepared, reread: Reread, log: FilteringBoundLogger) -> None:
        self._settings = prepared.settings
        self._loaded = prepared.loaded
        self._reread = reread
        self._log = log
        self._ports: SipPorts | None = None
        self._reloads = 0
        """How many reloads have begun."""
        self.trouble: dict[str, str] = {}
        """What went wrong since the start, by what it concerns."""
        self.health = self._follow_health(PoolHealth())
        self.followers: list[Callable[[], None]] = []
        """Called after settings or directory have changed and the new snapshot is in force."""
        self.cell = SnapshotCell(freeze_snapshot(self._settings, self._loaded.directory, frozenset(), self.health))

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self._settings

    @property
    def origin(self) -> DirectoryOrigin:
        """Where the directory in force came from."""
        return self._loaded.origin

    def open(self, ports: SipPorts) -> None:
        """Listen.

        Raises:
            StartError: a port cannot be opened.
        """
        try:
            ports.open(self._settings.router)
        except PortError as error:
            raise StartError(error.problems) from error
        self._ports = ports
        self._refresh()

    def record(self, server: str, transport: Transport, result: ProbeResult, now: float) -> Change | None:
        """A probe has ended. Calls are decided anew where it made a server go up or down."""
        self.health, change = self.health.record((server, transport), result, now)
        if change is not None:
            snapshot = self.cell.current
            servers = snapshot.lookup.directory.servers
            self.cell.current = replace(snapshot, pool=build_pool(servers, self.health))
        return change

    # --- admin.control.Control

    def router_settings(self) -> RouterSettings:
        return self._settings.router

    async def set_router_settings(self, changes: Mapping[str, object]) -> RouterSettings:
        # Nothing is waited for from here on, so that no other change comes in between.
        try:
            router = RouterSettings.model_validate({**self._settings.router.model_dump(), **changes})
        except ValidationError as error:
            raise ControlError(tuple(_tell(each) for each in error.errors())) from error
        self._take(self._settings.model_copy(update={"router": router}), self._loaded)
        self._log.info("router settings changed", **{name: str(value) for name, value in changes.items()})
        return router

    def document(self) -> DirectoryDocument:
        return self._loaded.document

    def replace_document(self, document: DirectoryDocument) -> None:
        try:
            directory = build_directory(document, port_offset=self._settings.mailbox.port_offset)
        except DirectoryError as error:
            raise ControlError(error.problems) from error
        kept = _keep_resolved(directory, self._loaded.directory)
        self._loaded = LoadedDirectory(document, kept, DirectoryOrigin("API", datetime.now(UTC)))
        self._refresh()

    async def reload(self) -> None:
        self._reloads += 1
        mine = self._reloads
        try:
            # In a thread, because calls go on while a large directory is read.
            fresh, loaded = await asyncio.to_thread(self._read_again)
            if mine != self._reloads:
                return  # A later reload is on its way, with what the files hold by now.
            settings = self._settings.model_copy(update={name: getattr(fresh, name) for name in _LIVE_GROUPS})
            kept = replace(loaded, directory=_keep_resolved(loaded.directory, self._loaded.directory))
            self._take(settings, kept)
        except (SettingsError, StartError, ControlError) as error:
            problems = tuple(str(each) for each in error.problems)
            self.trouble["reload"] = f"not reloaded, the last good state is kept: {'; '.join(problems)}"
            self._log.warning("not reloaded", problems=problems, kept="the last good state")
            raise ControlError(problems) from error
        self.trouble.pop("reload", None)
        self._note_restart(fresh)
        directory = self._loaded.directory
        self._log.info("reloaded", gateways=len(directory.gateways), users=len(directory.users))

    def snapshot(self) -> RoutingSnapshot:
        return self.cell.current

    # --- names of gateways

    async def resolve(self) -> None:
        """Look up the FQDNs of gateways, for their calls over TCP; a name that has no answer keeps its addresses."""
        before = self._loaded
        directory, problems = await resolve_gateways(before.directory)
        if self._loaded is not before:
            return  # The directory was replaced meanwhile; whoever did that asks again.
        known = self.trouble.get("names", "")
        told = "; ".join(problems)
        if told != known:
            # Over TLS the name itself is compared, so that this need not be a fault.
            self._log.info("gateway names not resolved", problems=problems)
        self.trouble["names"] = told
        if directory != before.directory:
            self._loaded = replace(before, directory=directory)
            self._refresh()
            found = {
                each.fqdn: [str(address) for address in each.resolved] for each in directory.gateways if each.resolved
            }
            self._log.info("gateway names resolved", addresses=found)

    # --- inside

    def _read_again(self) -> tuple[Settings, LoadedDirectory]:
        fresh = self._reread()
        return fresh, read_directory(fresh)

    def _take(self, settings: Settings, loaded: LoadedDirectory) -> None:
        """Put settings and directory into force, ports first."""
        conflicts = find_conflicts(settings, tls_files_required=False)
        if conflicts:
            raise ControlError(tuple(f"{', '.join(each.keys)}: {each.message}" for each in conflicts))
        if self._ports is not None:
            try:
                self._ports.open(settings.router)
            except PortError as error:
                raise ControlError(error.problems) from error
        self._settings, self._loaded = settings, loaded
        self._refresh()

    def _refresh(self) -> None:
        names = (socket.gethostname(), self._settings.router.external_host_fqdn)
        own = self._ports.own_endpoints(*names) if self._ports is not None else frozenset()
        self.health = self._follow_health(self.health)
        self.cell.current = freeze_snapshot(self._settings, self._loaded.directory, own, self.health)
        for follow in self.followers:
            follow()

    def _follow_health(self, health: PoolHealth) -> PoolHealth:
        """What is known of the servers, for the directory and the policy that are in force."""
        watched = health.with_policy(freeze_health_policy(self._settings))
        return watched.retain(self._loaded.directory.servers, monotonic())

    def _note_restart(self, fresh: Settings) -> None:
        """Say which changed settings wait for a restart."""
        waiting = [
            name
            for name in type(fresh).model_fields
            if name not in _LIVE_GROUPS and getattr(fresh, name) != getattr(self._settings, name)
        ]
        if waiting:
            self._log.warning("changed settings wait for a restart", groups=waiting)


def _keep_resolved(directory: Directory, before: Directory) -> Directory:
    """The directory with the addresses that gateways of the same name were found at last."""
    known = {gateway.fqdn: gateway.resolved for gateway in before.gateways if gateway.resolved}
    if not known:
        return directory
    gateways = tuple(replace(each, resolved=known.get(each.fqdn, ())) for each in directory.gateways)
    return replace(directory, gateways=gateways)


def _tell(error: Mapping[str, object]) -> str:
    location = error.get("loc")
    key = ".".join(str(part) for part in location) if isinstance(location, tuple) else ""
    return f"router.{key}: {error.get('msg')}"
