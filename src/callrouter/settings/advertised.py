"""Under which host Contacts name the servers of this machine: `mailbox.advertised_host`, `router.external_host_fqdn`.

A server of the directory with neither `fqdn` nor `address`, and every emulated server, is on this machine. Where
nothing is set its Contact carries the address at which the caller reached us (docs/decisions/0008), which behind a
published port is one that callers cannot reach (docs/decisions/0019). Pure.
"""

from dataclasses import replace

from callrouter.directory.model import Directory, MailboxServer
from callrouter.settings.mailbox import MailboxSettings
from callrouter.settings.model import Settings
from callrouter.sources.host import tell_target_apart


def find_advertised_host(settings: Settings, server_name: str) -> str:
    """The host in Contacts of a server of this machine; "" for the address at which the caller reached us.

    server_name: an emulated server of this name may have a host of its own; case makes no difference.
    """
    mailbox = settings.mailbox
    same = (each.advertised_host for each in mailbox.servers if each.name.casefold() == server_name.casefold())
    return next(same, "") or _find_common_host(settings)


def is_on_this_host(server: MailboxServer) -> bool:
    """Whether a server of the directory stands for a Mailbox role on this machine."""
    return not server.fqdn and not server.address


def advertise_servers(directory: Directory, settings: Settings) -> Directory:
    """The directory with the advertised host in each server of this machine. For Contacts, not for probes."""
    servers = tuple(_advertise(server, settings) for server in directory.servers)
    return directory if servers == directory.servers else replace(directory, servers=servers)


def name_own_endpoints(
    own_endpoints: frozenset[tuple[str, int]], directory: Directory, settings: Settings
) -> frozenset[tuple[str, int]]:
    """What the router listens on, and the same ports under each host that `advertise_servers` puts in."""
    hosts = {find_advertised_host(settings, each.name).lower() for each in directory.servers if is_on_this_host(each)}
    named = {(host, port) for host in hosts if host for _, port in own_endpoints}
    return own_endpoints | named


def advertise_mailbox(settings: Settings) -> MailboxSettings:
    """The group `mailbox` with the host that its servers' Contacts carry where they have none of their own."""
    mailbox, host = settings.mailbox, _find_common_host(settings)
    return mailbox if host == mailbox.advertised_host else mailbox.model_copy(update={"advertised_host": host})


def _find_common_host(settings: Settings) -> str:
    """The host of all servers of this machine that have none of their own."""
    # Set-UMService's ExternalHostFqdn is "sent as the target of a redirect" (EXCHANGE-UM B 2.1).
    return settings.mailbox.advertised_host or settings.router.external_host_fqdn


def _advertise(server: MailboxServer, settings: Settings) -> MailboxServer:
    host = find_advertised_host(settings, server.name) if is_on_this_host(server) else ""
    if not host:
        return server
    fqdn, address = tell_target_apart(host)
    return replace(server, fqdn=fqdn, address=address)
