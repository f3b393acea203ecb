"""Whether callers can reach what Contacts carry: finds out whether this process has only a container's bridge address.

Behind a published port the address at which a caller reached us is the container's own, and nobody else's network leads
there (docs/decisions/0019). What is looked at is Linux's; anywhere else nothing is found, and so nothing is said.
"""

import os
import socket
from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address, ip_network
from pathlib import Path

from callrouter.certificates.inspect import CertificateFacts
from callrouter.directory.model import Directory
from callrouter.mailbox.config import list_servers
from callrouter.preparation import Role
from callrouter.settings.advertised import find_advertised_host, is_on_this_host
from callrouter.settings.keys import name_variable
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode

_MARKS = (".dockerenv", "run/.containerenv")
"""Left in every container by Docker and by Podman."""
_ENGINES = frozenset({"docker", "oci", "podman"})
"""What the variable `container` says inside one; "lxc" and the like are machines with addresses of their own."""
_KUBERNETES = "KUBERNETES_SERVICE_HOST"

_DEFAULT_NETWORKS = tuple(map(ip_network, ("172.17.0.0/16", "10.88.0.0/16", "10.0.2.0/24")))
"""Docker's bridge, Podman's bridge, and slirp4netns, which has no bridge."""
_NO_ROUTE = "00000000"
_DEVICE_TYPE = "DEVTYPE="
# Of the network for documentation (RFC 5737): every default route leads there, and nothing is ever sent.
_FAR_AWAY = ("192.0.2.255", 9)


def find_bridge_address(
    environ: Mapping[str, str] = os.environ, root: Path = Path("/"), find_address: Callable[[], str] | None = None
) -> str:
    """The address of this container in the network that its engine made for it; "" where this is no such container.

    root: where the files of the system are. find_address: gives the address that calls from elsewhere come to.
    """
    is_container = (
        any((root / mark).exists() for mark in _MARKS)
        or environ.get("container", "") in _ENGINES
        or _KUBERNETES in environ
    )
    interface = _find_default_interface(root / "proc" / "net" / "route") if is_container else ""
    if not interface:
        return ""
    address = (find_address or _ask_for_address)()
    if not address:
        return ""
    is_bridged = _is_end_of_a_pair(root / "sys" / "class" / "net" / interface)
    return address if is_bridged or any(ip_address(address) in each for each in _DEFAULT_NETWORKS) else ""


def find_unreachable(settings: Settings, directory: Directory, roles: Role, bridge_address: str) -> tuple[str, ...]:
    """What is wrong with the Contacts that callers get, in a sentence that names the setting to use."""
    names = [server.name for server in directory.servers if is_on_this_host(server)]
    bound = []
    if Role.ROUTER in roles:
        bound = [(name, settings.router.bind_address) for name in names]
    if Role.MAILBOX in roles:
        bound += [
            (each.name, each.bind_address or settings.mailbox.bind_address) for each in list_servers(settings.mailbox)
        ]
    everywhere = ("", "0.0.0.0", "::", bridge_address)
    if not bridge_address or not any(
        address in everywhere and not find_advertised_host(settings, name) for name, address in bound
    ):
        return ()
    variable = name_variable("mailbox", "advertised_host")
    sentence = (
        f"Contacts carry {bridge_address}, an address of this container's network, where callers elsewhere cannot go: "
        f"set mailbox.advertised_host ({variable}) to a name or address at which they reach this host"
    )
    return (sentence,)


def find_misnamed(
    settings: Settings, certificates: Iterable[tuple[str, CertificateFacts]], roles: Role
) -> tuple[str, ...]:
    """Hosts in Contacts that the emulated servers' certificate does not name, in sentences."""
    mailbox = settings.mailbox
    if Role.MAILBOX not in roles or mailbox.um_startup_mode is StartupMode.TCP:
        return ()
    shown = str(mailbox.certificate_file or settings.tls.certificate_file)
    named = {
        name.lower()
        for file, facts in certificates
        if file == shown
        for name in (*facts.dns_names, *facts.ip_addresses)
    }
    hosts = dict.fromkeys(find_advertised_host(settings, each.name).lower() for each in list_servers(mailbox))
    return tuple(
        f"{shown} does not name {host}, which Contacts carry: over TLS, callers that check the name refuse it"
        for host in hosts
        if host and named and named.isdisjoint((host, f"*.{host.partition('.')[2]}"))
    )


def _find_default_interface(routes: Path) -> str:
    """The interface of the default route for IPv4, "" where there is none."""
    try:
        lines = routes.read_text("ascii").splitlines()[1:]
    except OSError:
        return ""
    return next((fields[0] for fields in map(str.split, lines) if fields[1:2] == [_NO_ROUTE]), "")


def _is_end_of_a_pair(interface: Path) -> bool:
    """Whether an interface's other end is in another network namespace, as a bridge's is (veth)."""
    try:
        ends = [int((interface / name).read_text("ascii")) for name in ("ifindex", "iflink")]
        kind = (interface / "uevent").read_text("ascii")
    except (OSError, ValueError):
        return False
    # A VLAN or macvlan has its parent there, and a type; its address belongs to the network outside.
    return ends[0] != ends[1] and _DEVICE_TYPE not in kind


def _ask_for_address() -> str:
    """This host's own address on the way to others, "" where no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(_FAR_AWAY)  # chooses a route and sends nothing
        except OSError:
            return ""
        return str(asking.getsockname()[0])
