"""The health of servers of which all ports are up but for a few: for the tests of what probes mean to calls."""

from collections.abc import Iterable

from callrouter.directory.model import MailboxServer
from callrouter.pool.health import (
    HealthPolicy,
    PoolHealth,
    Probing,
    TargetKey,
    answered,
    refused,
)


def health_of(
    servers: Iterable[MailboxServer],
    *,
    down: Iterable[TargetKey] = (),
    unknown: Iterable[TargetKey] = (),
    mode: Probing = Probing.ON,
) -> PoolHealth:
    """Everything is up, but these are down, as they refuse connections, or have not been probed."""
    health = PoolHealth(HealthPolicy(mode)).retain(servers, 10.0)
    for key in health.targets:
        if key not in unknown:
            health, _ = health.record(key, refused() if key in down else answered(200), 11.0)
    return health
