"""What `/readyz` says: listeners, certificates, directory and pool in one answer, and what is wrong in sentences."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from callrouter.admin.models import Certificate, DirectoryStatus, Listener, PoolServer, PoolStatus, Readiness
from callrouter.certificates.inspect import CertificateFacts, days_left
from callrouter.directory.model import ComponentState
from callrouter.snapshot import RoutingSnapshot
from callrouter.transport.listener import Listener as SipListener

_SOON_DAYS = 30
"""From when on a certificate's end is named as a problem."""


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


def describe(
    snapshot: RoutingSnapshot,
    origin: DirectoryOrigin,
    listeners: tuple[Listener, ...],
    certificates: tuple[Certificate, ...],
    trouble: Iterable[str] = (),
) -> Readiness:
    """The whole answer. trouble: what is wrong beside what the parts show, such as a failed reload."""
    directory = snapshot.lookup.directory
    blocking = []
    if not listeners:
        blocking.append("nothing is listened on: the router is starting or stopping")
    if snapshot.component_state is not ComponentState.ACTIVE:
        blocking.append(f"router.component_state is {snapshot.component_state}: every call is answered 503")
    if not any(member.is_available for member in snapshot.pool.members):
        blocking.append("no Mailbox server is Active: every call is answered 503")
    if not directory.gateways:
        blocking.append("the directory has no gateway: every call is answered 403")
    blocking.extend(f"{each.file} has expired" for each in certificates if each.not_after <= datetime.now(UTC))
    warnings = [
        f"{each.file} expires in {each.days_left} days" for each in certificates if 0 <= each.days_left < _SOON_DAYS
    ]
    return Readiness(
        ready=not blocking,
        listeners=listeners,
        certificates=certificates,
        directory=DirectoryStatus(
            source=origin.source,
            gateways=len(directory.gateways),
            servers=len(directory.servers),
            loaded_at=origin.loaded_at,
        ),
        pool=PoolStatus(
            servers=tuple(
                PoolServer(name=member.server.name, state=member.server.state.value, usable=member.is_available)
                for member in snapshot.pool.members
            )
        ),
        problems=(*blocking, *warnings, *trouble),
    )
