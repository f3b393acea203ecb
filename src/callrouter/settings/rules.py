"""What two or more settings must not say together. Pure: no file is opened, so a missing one is not noticed here.

Single values are checked by `model`, certificates by `certificates`, the directory's file by `sources.file`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address

from callrouter.settings.mailbox import EmulatedServer
from callrouter.settings.model import Settings
from callrouter.settings.values import IPAddressFamily, StartupMode
from callrouter.sources.consistency import MAX_PORT
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from callrouter.sources.problem import KeyPath

_PORT_KEYS = ("servers", "port_offset", "bind_address", "um_startup_mode", "worker_ports", "worker_dual_tls_ports")
"""Of the group `mailbox`: what says which ports are opened where."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Settings that contradict each other.

    path: where it is told.  keys: the settings that take part, as `group.field`.
    """

    path: KeyPath
    keys: tuple[str, ...]
    message: str


def find_conflicts(settings: Settings, *, tls_files_required: bool) -> list[Conflict]:
    """List all contradictions. Without `tls_files_required` the caller will fill in the files that are unset."""
    conflicts = [
        *_check_addresses(settings),
        *_check_ports(settings),
        *_check_directory(settings),
        *_check_diagnostics(settings),
        *_check_admin(settings),
        *_check_mailbox(settings),
    ]
    if tls_files_required:
        conflicts.extend(_check_tls_files(settings))
    return conflicts


def _check_addresses(settings: Settings) -> Iterator[Conflict]:
    address, family = settings.router.bind_address, settings.router.ip_address_family
    if not address or family is IPAddressFamily.ANY:
        return
    wanted = 4 if family is IPAddressFamily.IPV4_ONLY else 6
    if ip_address(address).version != wanted:
        keys = ("router.bind_address", "router.ip_address_family")
        message = f"{address} is not an IPv{wanted} address, but router.ip_address_family is {family}"
        yield Conflict(("router", "bind_address"), keys, message)


def _check_ports(settings: Settings) -> Iterator[Conflict]:
    router = settings.router
    port = router.sip_tls_listening_port
    if router.um_startup_mode is StartupMode.DUAL and port and port == router.sip_tcp_listening_port:
        keys = ("router.sip_tls_listening_port", "router.sip_tcp_listening_port", "router.um_startup_mode")
        message = f"{port} is router.sip_tcp_listening_port too, and router.um_startup_mode Dual opens both"
        yield Conflict(("router", "sip_tls_listening_port"), keys, message)


def _check_directory(settings: Settings) -> Iterator[Conflict]:
    directory = settings.directory
    lists = tuple(DirectoryDocument.model_fields)
    for inline in lists:
        if directory.file and getattr(directory, inline):
            keys = (f"directory.{inline}", "directory.file")
            yield Conflict(("directory", inline), keys, "cannot be given together with directory.file")
    try:
        build_directory(directory.document, port_offset=settings.mailbox.port_offset)
    except DirectoryError as error:
        for finding in error.findings:
            # Entries name each other across the lists, so that every list takes part.
            part = sorted(
                (f"directory.{name}" for name in lists), key=lambda key: key != f"directory.{finding.path[0]}"
            )
            yield Conflict(("directory", *finding.path), (*part, "mailbox.port_offset"), finding.message)


def _check_diagnostics(settings: Settings) -> Iterator[Conflict]:
    for reason, entry in settings.redirect.effective_reasons.items():
        if entry.ms_diagnostics_text is not None and entry.ms_diagnostics_id is None:
            path = ("redirect", "reasons", reason, "ms_diagnostics_text")
            message = "is sent with ms_diagnostics_id only, which is not set"
            yield Conflict(path, ("redirect.reasons",), message)


def _check_admin(settings: Settings) -> Iterator[Conflict]:
    admin = settings.admin
    if not admin.enabled or admin.token or admin.token_file is not None:
        return
    if not admin.is_on_loopback:
        keys = ("admin.bind_address", "admin.token", "admin.token_file", "admin.enabled")
        place = admin.bind_address or "all addresses"
        message = f"{place} can be reached from other machines, so that admin.token or admin.token_file must be set"
        yield Conflict(("admin", "bind_address"), keys, message)


def _check_mailbox(settings: Settings) -> Iterator[Conflict]:
    mailbox = settings.mailbox
    keys = tuple(f"mailbox.{name}" for name in _PORT_KEYS)
    if mailbox.rtp_port_min + mailbox.rtp_port_min % 2 > mailbox.rtp_port_max:
        message = f"there is no even port from mailbox.rtp_port_min to {mailbox.rtp_port_max}"
        yield Conflict(("mailbox", "rtp_port_max"), ("mailbox.rtp_port_max", "mailbox.rtp_port_min"), message)
    names: set[str] = set()
    taken: dict[int, list[tuple[str, str]]] = {}
    for index, server in enumerate(mailbox.servers or (EmulatedServer(name="the server"),)):
        path: KeyPath = ("mailbox", "servers", index) if mailbox.servers else ("mailbox", "worker_ports")
        if server.name.casefold() in names:
            yield Conflict((*path, "name"), keys, f"{server.name!r} is the name of another server, too")
        names.add(server.name.casefold())
        address = server.bind_address or mailbox.bind_address
        for port in mailbox.ports_of(server):
            if port > MAX_PORT:
                yield Conflict(path, keys, f"port {port} is above {MAX_PORT}")
                continue
            others = taken.setdefault(port, [])
            by = next((name for place, name in others if _overlap(place, address)), "")
            if by:
                yield Conflict(path, keys, f"port {port} is taken twice, here and by {by}")
            others.append((address, server.name))


def _overlap(one: str, other: str) -> bool:
    """Whether sockets that listen at these bind addresses cannot share a port; "" is all addresses."""
    if one == other or not one or not other:
        return True
    addresses = ip_address(one), ip_address(other)
    return addresses[0].version == addresses[1].version and any(each.is_unspecified for each in addresses)


def _check_tls_files(settings: Settings) -> Iterator[Conflict]:
    mode, tls = settings.router.um_startup_mode, settings.tls
    if mode is StartupMode.TCP:
        return
    needed = ["certificate_file", "private_key_file"]
    if tls.require_client_certificate:
        needed.append("ca_file")
    missing = [name for name in needed if getattr(tls, name) is None]
    if not missing:
        return
    message = (
        f"router.um_startup_mode is {mode} and needs {_enumerate(needed)}; not set: {_enumerate(missing)}"
        ' (without TLS: router.um_startup_mode = "TCP")'
    )
    keys = (*(f"tls.{name}" for name in needed), "tls.require_client_certificate", "router.um_startup_mode")
    yield Conflict(("tls", missing[0]), keys, message)


def _enumerate(names: list[str]) -> str:
    return ", ".join(f"tls.{name}" for name in names)
