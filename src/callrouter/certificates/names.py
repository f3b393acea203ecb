"""What this host is called and reached by: what a certificate for it should say."""

import socket


def host_names() -> list[str]:
    """The host's names, its own first, and its numeric addresses as far as it knows them."""
    names = [socket.gethostname(), socket.getfqdn()]
    try:
        names.extend(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None))
    except OSError:
        # A host that cannot resolve its own name is common in containers; the names must do.
        return _distinct(names)
    return _distinct(names)


def _distinct(names: list[str]) -> list[str]:
    # A zone ("fe80::1%eth0") has no place in a certificate, and an underscore none in a DNS name.
    return [name for name in dict.fromkeys(names) if name and "%" not in name and "_" not in name]
