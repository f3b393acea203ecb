"""Host names and addresses as people write them in configuration: told apart, checked, and put into one form.

Host names follow RFC 3261 25.1 (`hostname`), which is RFC 1123 with a top label that begins with a letter, so that a
mistyped address is never taken for a name. Wildcards have no meaning here (EXCHANGE-UM A3, rule 2).
"""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

MAX_HOST_NAME_LENGTH = 253
"""RFC 1035 2.3.4, as text without the final dot."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_TOP_LABEL = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)
_PREFIX_LENGTH = re.compile(r"[0-9]{1,3}", re.ASCII)
_MAPPED_PREFIX = IPv6Network("::ffff:0:0/96")


def parse_host_name(text: str) -> str:
    """Check a host name and return it in lower case without a final dot.

    Raises:
        ValueError: it is none; the message says why.
    """
    name = text.lower().removesuffix(".")
    if "*" in name:
        raise ValueError("wildcards are not allowed; give the whole host name")
    if _is_address(text.strip("[]")):
        raise ValueError(f"{text!r} is an address, not a host name")
    labels = name.split(".")
    if len(name) > MAX_HOST_NAME_LENGTH:
        raise ValueError(f"a host name has at most {MAX_HOST_NAME_LENGTH} characters")
    if not all(map(_LABEL.fullmatch, labels)) or not _TOP_LABEL.fullmatch(labels[-1]):
        raise ValueError(f"{text!r} is not a valid host name (letters, digits, hyphens and dots; no port)")
    return name


def parse_address(text: str) -> str:
    """Check a numeric IPv4 or IPv6 address and return it in its canonical form.

    A zone (`fe80::1%eth0`) is kept. Raises ValueError with what is wrong.
    """
    if text.startswith("["):
        raise ValueError("write IPv6 addresses without brackets")
    if not _is_address(text):
        raise ValueError(f"{text!r} is not an IPv4 or IPv6 address")
    return str(ip_address(text))


def parse_target_address(text: str) -> str:
    """Check an address that a caller can be sent to: as `parse_address`, without a zone, not unspecified or multicast.

    Raises:
        ValueError: it is none; the message says why.
    """
    canonical = parse_address(text)
    if "%" in canonical:
        raise ValueError("an address with a zone means nothing to a caller")
    value = ip_address(canonical)
    if value.is_unspecified or value.is_multicast:
        raise ValueError(f"{text!r} is not the address of one host")
    return canonical


def tell_target_apart(host: str) -> tuple[str, str]:
    """(FQDN, address): the one that a checked host is that a caller can be sent to; neither where it is empty."""
    if not host:
        return "", ""
    try:
        return "", parse_target_address(host)
    except ValueError:
        return host, ""


def parse_gateway_address(text: str) -> IPv4Network | IPv6Network | str:
    """Tell the three forms of a gateway's address apart.

    Returns:
        A network for an address or a network in CIDR form, a lower-case host name for anything else. What is mapped
        IPv4 comes back as IPv4, as it does in `Peer.address`.

    Raises:
        ValueError: it is none of the three; the message says why.
    """
    if text.startswith("["):
        raise ValueError("write IPv6 addresses without brackets")
    host, slash, prefix = text.partition("/")
    if not slash and not _is_address(text):
        return _parse_gateway_name(text)
    if "%" in host:
        raise ValueError("leave out the zone; it means nothing in the address of a peer")
    if not _is_address(host) or (slash and not _PREFIX_LENGTH.fullmatch(prefix)):
        raise ValueError(f"{text!r} is not a network in CIDR form")
    try:
        network = ip_network(text, strict=False)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a network in CIDR form") from error
    if network.network_address != ip_address(host):
        raise ValueError(f"{text!r} has host bits set; the network is {network}")
    return _unmap(network)


def _parse_gateway_name(text: str) -> str:
    try:
        return parse_host_name(text)
    except ValueError as error:
        raise ValueError(f"neither an address nor a network: {error}") from error


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _unmap(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if isinstance(network, IPv4Network) or not network.subnet_of(_MAPPED_PREFIX):
        return network
    address: IPv6Address = network.network_address
    mapped = address.ipv4_mapped or IPv4Address(0)
    return IPv4Network((mapped, network.prefixlen - _MAPPED_PREFIX.prefixlen))
