"""What `/readyz` says: listeners, certificates, directory and pool in one answer, and what is wrong in sentences."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from callrouter.admin.models import (
    Certificate,
    DirectoryStatus,
    EmulatedServer,
    Listener,
    PoolServer,
    PoolStatus,
    Readiness,
)
from callrouter.certificates.inspect import CertificateFacts, days_left
from callrouter.directory.model import ComponentState, Directory, MailboxServer
from callrouter.mailbox.server import RunningServer
from callrouter.mailbox.um_service import find_state
from callrouter.pool.health import HealthState, PoolHealth
from callrouter.snapshot import RoutingSnapshot
from callrouter.transport.listener import Listener as SipListener
from callrouter.wire import Transport

_SOON_DAYS = 30
"""From when on a certificate's end is named as a problem."""
_UNKNOWN = HealthState.UNKNOWN.value
_DOWN = HealthState.DOWN.value
_ACTIVE = ComponentState.ACTIVE


@dataclass(frozen=True, slots=True)
class DirectoryOrigin:
    """Where the directory in use came from, and when."""

    source: str
    loaded_at: datetime


def describe_listeners(listeners: Iterable[SipListener]) -> tuple[Listener, ...]:
    """One row for every socket that is listened on."""
    return tuple(
        Listener(name=f"sip-{listener.transport.lower()}", transport=listener.transport.value, address=host, port=port)
        for listener in listeners
        for host, port in listener.addresses
    )


def describe_certificates(facts: Iterable[tuple[str, CertificateFacts]], now: datetime) -> tuple[Certificate, ...]:
    """One row for every certificate file."""
    return tuple(
        Certificate(file=file, subject=each.subject, not_after=each.not_after, days_left=days_left(each, now))
        for file, each in facts
    )


def describe_mailbox(servers: Iterable[RunningServer]) -> tuple[EmulatedServer, ...]:
    """One row for every emulated Mailbox server of this process."""
    return tuple(
        EmulatedServer(
            name=server.name,
            calls=server.calls,
            listeners=tuple(
                Listener(name=role, transport=listener.transport.value, address=host, port=port)
                for role, listener in server.listeners
                for host, port in listener.addresses
            ),
        )
        for server in servers
    )


def describe_mailbox_alone(
    snapshot: RoutingSnapshot,
    origin: DirectoryOrigin,
    servers: tuple[EmulatedServer, ...],
    certificates: tuple[Certificate, ...],
    trouble: Iterable[str] = (),
) -> Readiness:
    """The whole answer of a process without a router: its emulated servers take calls, or they do not."""
    directory = snapshot.lookup.directory
    blocking = [
        f"{server.name} does not listen: it is starting or stopping" for server in servers if not server.listeners
    ]
    states = {server.name: find_state(snapshot, server.name) for server in servers}
    away = [
        f"{name} is {state}: every call to it is answered 503" for name, state in states.items() if state != _ACTIVE
    ]
    if len(away) == len(servers):
        blocking.extend(away)
        away = []
    if not directory.gateways:
        blocking.append("the directory has no gateway: every call is answered 403")
    blocking.extend(_find_expired(certificates))
    return Readiness(
        ready=not blocking,
        certificates=certificates,
        directory=_describe_directory(directory, origin),
        mailbox=servers,
        problems=(*blocking, *away, *_find_ends(certificates), *trouble),
    )


def _describe_directory(directory: Directory, origin: DirectoryOrigin) -> DirectoryStatus:
    return DirectoryStatus(
        source=origin.source,
        gateways=len(directory.gateways),
        servers=len(directory.servers),
        loaded_at=origin.loaded_at,
    )


def _find_expired(certificates: Iterable[Certificate]) -> Iterator[str]:
    """Certificates that no peer takes any more."""
    return (f"{each.file} has expired" for each in certificates if each.not_after <= datetime.now(UTC))


def _find_ends(certificates: Iterable[Certificate]) -> Iterator[str]:
    """Certificates that expire soon."""
    for each in certificates:
        if 0 <= each.days_left < _SOON_DAYS:
            yield f"{each.file} expires in {each.days_left} days"


def describe(
    snapshot: RoutingSnapshot,
    origin: DirectoryOrigin,
    listeners: tuple[Listener, ...],
    certificates: tuple[Certificate, ...],
    trouble: Iterable[str] = (),
    health: PoolHealth | None = None,
) -> Readiness:
    """The whole answer.

    trouble: what is wrong beside what the parts show, such as a failed reload.
    health: what probes say by now; without it, what they said when the snapshot was made.
    """
    directory = snapshot.lookup.directory
    health = snapshot.pool.health if health is None else health
    servers = [member.server for member in snapshot.pool.members]
    pool = PoolStatus(servers=tuple(_describe_server(server, health) for server in servers))
    blocking: list[str] = []
    warnings: list[str] = []
    if not listeners:
        blocking.append("nothing is listened on: the router is starting or stopping")
    if snapshot.component_state is not ComponentState.ACTIVE:
        blocking.append(f"router.component_state is {snapshot.component_state}: every call is answered 503")
    if any(server.usable for server in pool.servers):
        warnings.extend(_find_lost_transports(servers, health))
    else:
        blocking.append(f"{_why_nobody(pool.servers)}: every call is answered 503")
    if not directory.gateways:
        blocking.append("the directory has no gateway: every call is answered 403")
    blocking.extend(_find_expired(certificates))
    warnings.extend(_find_ends(certificates))
    return Readiness(
        ready=not blocking,
        listeners=listeners,
        certificates=certificates,
        directory=_describe_directory(directory, origin),
        pool=pool,
        problems=(*blocking, *warnings, *trouble),
    )


def _describe_server(server: MailboxServer, health: PoolHealth) -> PoolServer:
    listened = _listened(server)
    probed = [transport for transport in listened if health.policy.is_probed(transport)]
    able = [transport for transport in probed or listened if health.is_usable(server.name, transport)]
    state = server.state.value
    if server.state is ComponentState.ACTIVE and probed:
        if all(health.state_of(server.name, transport) is HealthState.UNKNOWN for transport in probed):
            state = _UNKNOWN
        elif not able:
            state = _DOWN
    details = [f"{transport}: {_found(server, transport, health)}" for transport in probed if transport not in able]
    return PoolServer(
        name=server.name,
        state=state,
        usable=server.state is ComponentState.ACTIVE and bool(able),
        detail="; ".join(details),
    )


def _listened(server: MailboxServer) -> list[Transport]:
    ports = {Transport.TCP: server.tcp_port, Transport.TLS: server.tls_port}
    return [transport for transport, port in ports.items() if port > 0]


def _found(server: MailboxServer, transport: Transport, health: PoolHealth) -> str:
    """What the last probe of a port found."""
    target = health.targets.get((server.name, transport))
    return target.detail if target is not None and target.detail else "not probed yet"


def _why_nobody(servers: Sequence[PoolServer]) -> str:
    """Why no server is usable."""
    if not servers:
        return "the directory has no Mailbox server"
    states = {server.state for server in servers} - {ComponentState.DRAINING.value, ComponentState.INACTIVE.value}
    if not states:
        return "no Mailbox server is Active"
    return "no Mailbox server has answered a probe yet" if states == {_UNKNOWN} else "no Active Mailbox server is up"


def _find_lost_transports(servers: Sequence[MailboxServer], health: PoolHealth) -> Iterator[str]:
    """Transports for which no server is up, though some listen."""
    for transport in health.policy.transports:
        able = [
            health.is_usable(server.name, transport)
            for server in servers
            if server.state is ComponentState.ACTIVE and transport in _listened(server)
        ]
        if able and not any(able):
            yield f"no Active Mailbox server is up for {transport}: every call over {transport} is answered 503"
