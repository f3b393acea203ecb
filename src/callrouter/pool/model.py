"""The pool: the Mailbox servers of a directory with what a decision needs to know of each. Immutable."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from callrouter.directory.model import ComponentState, MailboxServer
from callrouter.pool.health import UNWATCHED, PoolHealth
from callrouter.wire import Transport

_SEED_BYTES = 4


@dataclass(frozen=True, slots=True)
class Member:
    """One server of the pool."""

    server: MailboxServer
    seed: int
    """A number of 30 bits made of the server's name: the same in every process, wherever the server stands."""
    tcp_port: int
    """Where new calls over TCP can go; 0 where the server does not listen for them, or probes say that it is down."""
    tls_port: int
    """The same for TLS."""
    weight: float = field(init=False, repr=False, compare=False)
    """The server's; worked out once, as the next, because every call asks."""
    is_available: bool = field(init=False, repr=False, compare=False)
    """Whether new calls may go there, by one transport at least."""

    def __post_init__(self) -> None:
        server = self.server
        is_available = server.state is ComponentState.ACTIVE and (self.tcp_port > 0 or self.tls_port > 0)
        object.__setattr__(self, "weight", server.weight)
        object.__setattr__(self, "is_available", is_available)


@dataclass(frozen=True, slots=True)
class Pool:
    """All servers, in the order of the directory."""

    members: tuple[Member, ...] = ()
    available: tuple[Member, ...] = ()
    """Those that can take new calls."""
    by_name: Mapping[str, Member] = field(default_factory=dict)
    """Every member by the name of its server."""
    health: PoolHealth = UNWATCHED
    """What the members' ports were made by."""


def build_pool(servers: Iterable[MailboxServer], health: PoolHealth = UNWATCHED) -> Pool:
    """The pool of these servers; those that the health does not know count as unknown."""
    members = tuple(_build_member(server, health) for server in servers)
    available = tuple(member for member in members if member.is_available)
    return Pool(members, available, {member.server.name: member for member in members}, health)


def _build_member(server: MailboxServer, health: PoolHealth) -> Member:
    name = server.name
    return Member(
        server,
        seed_of(name),
        server.tcp_port if health.is_usable(name, Transport.TCP) else 0,
        server.tls_port if health.is_usable(name, Transport.TLS) else 0,
    )


def seed_of(name: str) -> int:
    """30 bits of a server's name, the same in every process and version."""
    octets = name.encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(octets, digest_size=_SEED_BYTES).digest(), "big") >> 2
