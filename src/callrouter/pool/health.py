"""Which ports of the Mailbox servers take calls, as far as probes tell: a state machine of results and a clock. Pure.

A target is one port of one server: a server may be well over TCP and down over TLS. Whoever probes hands in each result
with `record` and gets a new `PoolHealth` back, and a `Change` where a target went up or down; `retain` follows the
directory. Two thresholds keep a target that wavers where it is. Nothing is sent here. EXCHANGE-UM A3, rule 11; A5.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

from callrouter.directory.model import MailboxServer
from callrouter.wire import Transport

_FIRST_SERVER_FAILURE = 500
_NOT_IMPLEMENTED = 501

TargetKey: TypeAlias = tuple[str, Transport]
"""The name of a server and a transport that it listens on."""


class Probing(StrEnum):
    """`pool.probing`: whether servers are probed, and what counts until the first result."""

    OFF = "off"
    """Nobody probes; every target is usable."""
    ON = "on"
    """A target is usable from its first success on."""
    ASSUME_HEALTHY = "assume-healthy"
    """A target is usable until probes say otherwise."""


class HealthState(StrEnum):
    """What is known of a target."""

    UNKNOWN = "Unknown"
    UP = "Up"
    DOWN = "Down"


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """How results become states."""

    mode: Probing = Probing.OFF
    down_after: int = 3
    """Consecutive failures that take a target down."""
    up_after: int = 2
    """Consecutive successes that bring a target up that was down."""
    transports: tuple[Transport, ...] = (Transport.TCP, Transport.TLS)
    """By which calls can come: only these are probed. What nobody probes is usable."""

    def is_probed(self, transport: Transport) -> bool:
        """Whether ports for this transport are probed."""
        return self.mode is not Probing.OFF and transport in self.transports


@dataclass(frozen=True, slots=True)
class ProbeResult:
    """What one OPTIONS probe found."""

    is_alive: bool
    detail: str
    """One sentence for people, without a full stop; our words or the system's, never the server's."""
    is_refused: bool = False
    """Nobody listens there. That is certain at once, so that no threshold applies."""
    status: int = 0
    """Of the final answer; 0 where none came."""


def answered(status: int) -> ProbeResult:
    """The server sent a final answer; any below 500, or 501, is that of a living SIP server."""
    is_alive = status < _FIRST_SERVER_FAILURE or status == _NOT_IMPLEMENTED
    return ProbeResult(is_alive, f"answers {status}", status=status)


def timed_out(seconds: float) -> ProbeResult:
    """No final answer came in time, or no connection came about."""
    return ProbeResult(is_alive=False, detail=f"no answer within {seconds:g} s")


def refused() -> ProbeResult:
    """The host answered that nobody listens at the port."""
    return ProbeResult(is_alive=False, detail="connection refused", is_refused=True)


def failed(detail: str) -> ProbeResult:
    """Any other end of a probe without an answer, as "TLS handshake failed"."""
    return ProbeResult(is_alive=False, detail=detail)


class Place(NamedTuple):
    """Where a target is. A server that moves is another target, of which nothing is known."""

    fqdn: str = ""
    address: str = ""
    """With neither this nor an FQDN, this host."""
    port: int = 0


@dataclass(frozen=True, slots=True)
class TargetHealth:
    """One target. Instants are monotonic seconds."""

    place: Place
    state: HealthState = HealthState.UNKNOWN
    since_at: float = 0.0
    """When it got into this state."""
    detail: str = ""
    """What the last probe found; "" before the first."""
    successes: int = 0
    """Consecutive ones up to now."""
    failures: int = 0
    """Consecutive ones up to now."""
    probed_at: float | None = None
    """When the last result came."""

    def after(self, result: ProbeResult, now: float, policy: HealthPolicy) -> "TargetHealth":
        """The target once this result is known."""
        successes = self.successes + 1 if result.is_alive else 0
        failures = 0 if result.is_alive else self.failures + 1
        state = self.state
        if result.is_alive:
            if state is HealthState.UNKNOWN or successes >= policy.up_after:
                state = HealthState.UP
        elif result.is_refused or failures >= policy.down_after:
            state = HealthState.DOWN
        since_at = self.since_at if state is self.state else now
        return TargetHealth(self.place, state, since_at, result.detail, successes, failures, now)


@dataclass(frozen=True, slots=True)
class Change:
    """A target went up or down: to be logged once, and to be routed by from now on."""

    server: str
    transport: Transport
    before: HealthState
    after: HealthState
    detail: str
    """What the probe found that made the difference."""
    at: float
    """Monotonic seconds."""
    status: int = 0
    """Of the answer that made the difference; 0 where none came."""


@dataclass(frozen=True, slots=True)
class PoolHealth:
    """What is known of all targets. Never changed in place.

    What is usable depends on the states only, so that a routing snapshot stays true until the next `Change`, `retain`
    or `with_policy`; counters and details go on in between.
    """

    policy: HealthPolicy = HealthPolicy()
    targets: Mapping[TargetKey, TargetHealth] = field(default_factory=dict)
    """What is to be probed, in the order of the directory: empty where probing is off."""

    def is_usable(self, server: str, transport: Transport) -> bool:
        """Whether calls may be sent to this server over this transport, as far as probes tell."""
        if not self.policy.is_probed(transport):
            return True
        state = self.state_of(server, transport)
        if state is HealthState.UNKNOWN:
            return self.policy.mode is Probing.ASSUME_HEALTHY
        return state is HealthState.UP

    def state_of(self, server: str, transport: Transport) -> HealthState:
        """What is known of this server over this transport."""
        target = self.targets.get((server, transport))
        return HealthState.UNKNOWN if target is None else target.state

    def record(self, key: TargetKey, result: ProbeResult, now: float) -> tuple["PoolHealth", Change | None]:
        """The health once this result is known, and what changed by it.

        The result of a target that has left meanwhile changes nothing.
        """
        known = self.targets.get(key)
        if known is None:
            return self, None
        target = known.after(result, now, self.policy)
        health = PoolHealth(self.policy, {**self.targets, key: target})
        if target.state is known.state:
            return health, None
        server, transport = key
        change = Change(server, transport, known.state, target.state, result.detail, now, result.status)
        return health, change

    def retain(self, servers: Iterable[MailboxServer], now: float) -> "PoolHealth":
        """The health of these servers: those that left are forgotten, new and moved ones are unknown since `now`."""
        targets: dict[TargetKey, TargetHealth] = {}
        for key, place in _places_of(servers):
            if self.policy.is_probed(key[1]):
                known = self.targets.get(key)
                if known is None or known.place != place:
                    known = TargetHealth(place, since_at=now)
                targets[key] = known
        return PoolHealth(self.policy, targets)

    def with_policy(self, policy: HealthPolicy) -> "PoolHealth":
        """The same under another policy. States stay until the next results; `retain` says what is probed now."""
        return PoolHealth(policy, self.targets)


UNWATCHED: Final = PoolHealth()
"""Nobody probes: every target is usable."""


def _places_of(servers: Iterable[MailboxServer]) -> Iterator[tuple[TargetKey, Place]]:
    """Every port that the servers listen on."""
    for server in servers:
        for transport, port in ((Transport.TCP, server.tcp_port), (Transport.TLS, server.tls_port)):
            if port > 0:
                yield (server.name, transport), Place(server.fqdn, server.address, port)
