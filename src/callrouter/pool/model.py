"""The pool: the Mailbox servers of a directory with what selection needs to know of each. Immutable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from callrouter.directory.model import ComponentState, MailboxServer

_SEED_BYTES = 8


@dataclass(frozen=True, slots=True)
class Member:
    """One server of the pool."""

    server: MailboxServer
    seed: int
    """A number of 64 bits made of the server's name: the same in every process, wherever the server stands."""

    @property
    def is_available(self) -> bool:
        """Whether new calls may go there."""
        return self.server.state is ComponentState.ACTIVE


@dataclass(frozen=True, slots=True)
class Pool:
    """All servers, in the order of the directory."""

    members: tuple[Member, ...] = ()
    available: tuple[Member, ...] = ()
    """Those that can take new calls."""
    by_name: Mapping[str, Member] = field(default_factory=dict)
    """Every member by the name of its server."""


def build_pool(servers: Iterable[MailboxServer]) -> Pool:
    """The pool of these servers."""
    members = tuple(Member(server, hash_64(server.name)) for server in servers)
    available = tuple(member for member in members if member.is_available)
    return Pool(members, available, {member.server.name: member for member in members})


def hash_64(text: str) -> int:
    """64 bits of a text, the same in every process and version."""
    octets = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(octets, digest_size=_SEED_BYTES).digest(), "big")
