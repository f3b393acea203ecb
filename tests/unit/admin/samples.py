"""A router that is as a test wants it, without a router."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fastapi import FastAPI

from callrouter.admin.api import ApiSources, create_api
from callrouter.admin.models import (
    Certificate,
    DirectoryStatus,
    EmulatedServer,
    Listener,
    PoolServer,
    PoolStatus,
    Readiness,
)
from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.metrics import MetricSources, create_registry, render

NOON = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
READY = Readiness(
    ready=True,
    listeners=(Listener(name="sip-tcp", transport="TCP", address="192.0.2.1", port=5060),),
    certificates=(Certificate(file="router.pem", subject="CN=um", not_after=NOON, days_left=10),),
    directory=DirectoryStatus(source="lab.toml", gateways=1, servers=1, loaded_at=NOON),
    pool=PoolStatus(servers=(PoolServer(name="MBX1", state="Active", usable=True),)),
    mailbox=(
        EmulatedServer(
            name="MBX1",
            listeners=(Listener(name="um-service", transport="TCP", address="192.0.2.1", port=5062),),
            calls=2,
        ),
    ),
)


@dataclass
class FakeRouter:
    """What the API reads; noon is second 1000 of the monotonic clock."""

    state: Readiness = READY
    journal: Journal = field(default_factory=lambda: Journal(10))
    counters: Counters = field(default_factory=Counters)

    def readiness(self) -> Readiness:
        return self.state

    def build_sources(self) -> ApiSources:
        registry = create_registry(MetricSources(self.counters, clock=lambda: 1000.0, lines_lost=lambda: 0))
        return ApiSources(
            status=self,
            journal=self.journal,
            render_metrics=lambda: render(registry),
            clock=lambda: 1000.0,
            wall_clock=lambda: NOON,
        )

    def create_api(self) -> FastAPI:
        return create_api(self.build_sources())
