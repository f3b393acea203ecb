"""What `/readyz` says of a snapshot: ready or not, and every problem in a sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from callrouter.admin.models import Certificate, Listener, Readiness
from callrouter.certificates.inspect import CertificateFacts
from callrouter.readiness import DirectoryOrigin, describe, describe_certificates
from callrouter.settings.freeze import freeze_snapshot
from callrouter.settings.model import DirectorySettings, RouterSettings, Settings
from callrouter.sources.document import GatewayEntry, ServerEntry, build_directory

NOW = datetime.now(UTC)
ORIGIN = DirectoryOrigin("settings", NOW)
LISTENER = Listener(name="sip-tcp", transport="TCP", address="127.0.0.1", port=5060)
GATEWAYS = (GatewayEntry(name="g", address="127.0.0.1"),)
SERVERS = (ServerEntry(name="s", fqdn="s.example.test"),)


def tell(
    *,
    state: str = "Active",
    gateways: tuple[GatewayEntry, ...] = GATEWAYS,
    servers: tuple[ServerEntry, ...] = SERVERS,
    listeners: tuple[Listener, ...] = (LISTENER,),
    certificates: tuple[Certificate, ...] = (),
    trouble: tuple[str, ...] = (),
) -> Readiness:
    settings = Settings(router=RouterSettings.model_validate({"component_state": state}))
    document = DirectorySettings(gateways=gateways, servers=servers).document
    snapshot = freeze_snapshot(settings, build_directory(document, port_offset=0), frozenset())
    return describe(snapshot, ORIGIN, listeners, certificates, trouble)


def certificate(days: float) -> tuple[Certificate, ...]:
    # An hour more, so that whole days do not end while the test runs.
    facts = CertificateFacts("CN=r", "r", (), (), NOW, NOW + timedelta(days=days, hours=1), "CN=ca", "")
    return describe_certificates([("router.pem", facts)], NOW)


def test_router_that_takes_calls_is_ready_without_problems() -> None:
    readiness = tell(certificates=certificate(400))
    assert readiness.ready
    assert readiness.problems == ()
    assert (readiness.directory.gateways, readiness.directory.servers) == (1, 1)
    assert [(server.name, server.usable) for server in readiness.pool.servers] == [("s", True)]


@pytest.mark.parametrize(
    ("readiness", "problem"),
    [
        (tell(listeners=()), "nothing is listened on"),
        (tell(state="Draining"), "component_state is Draining"),
        (tell(servers=()), "no Mailbox server"),
        (tell(gateways=()), "no gateway"),
        (tell(certificates=certificate(-1)), "router.pem has expired"),
    ],
    ids=["no-listener", "draining", "no-server", "no-gateway", "expired"],
)
def test_router_that_takes_no_calls_is_not_ready_and_says_why(readiness: Readiness, problem: str) -> None:
    assert not readiness.ready
    assert [each for each in readiness.problems if problem in each]


def test_trouble_and_an_end_that_is_near_are_problems_of_a_ready_router() -> None:
    readiness = tell(certificates=certificate(10), trouble=("a reload failed",))
    assert readiness.ready
    assert readiness.problems == ("router.pem expires in 10 days", "a reload failed")


def test_problems_of_all_parts_are_told_together() -> None:
    readiness = tell(listeners=(), state="Inactive", servers=(), gateways=(), trouble=("more",))
    assert len(readiness.problems) == 5
