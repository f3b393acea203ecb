"""What `/readyz` says of a snapshot: ready or not, and every problem in a sentence."""

from datetime import UTC, datetime, timedelta

import pytest

from callrouter.admin.models import Certificate, Listener, Readiness
from callrouter.certificates.inspect import CertificateFacts
from callrouter.directory.model import ComponentState
from callrouter.pool.health import PoolHealth, Probing, answered, refused, timed_out
from callrouter.readiness import DirectoryOrigin, describe, describe_certificates
from callrouter.settings.freeze import freeze_health_policy, freeze_snapshot
from callrouter.settings.model import DirectorySettings, PoolSettings, RouterSettings, Settings
from callrouter.settings.values import StartupMode
from callrouter.sources.document import GatewayEntry, ServerEntry, build_directory
from callrouter.wire import Transport

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
        (tell(servers=()), "the directory has no Mailbox server: every call is answered 503"),
        (
            tell(servers=(SERVERS[0].model_copy(update={"state": ComponentState.DRAINING}),)),
            "no Mailbox server is Active: every call is answered 503",
        ),
        (tell(gateways=()), "no gateway"),
        (tell(certificates=certificate(-1)), "router.pem has expired"),
    ],
    ids=["no-listener", "draining", "no-server", "no-active-server", "no-gateway", "expired"],
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


# --- probes

A, B, DRAINED = (ServerEntry.model_validate({"name": name, "fqdn": f"{name}.test"}) for name in ("a", "b", "drained"))
DRAINED = DRAINED.model_copy(update={"state": ComponentState.DRAINING})
RESULTS = {"up": answered(200), "down": refused(), "busy": answered(503), "slow": timed_out(2.0)}


def tell_probed(
    *found: str,
    servers: tuple[ServerEntry, ...] = (A, B, DRAINED),
    mode: Probing = Probing.ON,
    startup: StartupMode = StartupMode.DUAL,
) -> Readiness:
    """What is told once probes found this, one by one: "a TCP down"."""
    settings = Settings(router=RouterSettings(um_startup_mode=startup), pool=PoolSettings(probing=mode))
    document = DirectorySettings(gateways=GATEWAYS, servers=servers).document
    directory = build_directory(document, port_offset=0)
    health = PoolHealth(freeze_health_policy(settings)).retain(directory.servers, 1.0)
    snapshot = freeze_snapshot(settings, directory, frozenset(), health)
    for text in found:
        name, transport, result = text.split()
        health, _ = health.record((name, Transport(transport)), RESULTS[result], 2.0)
    return describe(snapshot, ORIGIN, (LISTENER,), (), (), health)


def rows(readiness: Readiness) -> list[tuple[str, str, bool, str]]:
    return [(server.name, server.state, server.usable, server.detail) for server in readiness.pool.servers]


def test_servers_that_are_up_are_told_as_the_directory_has_them() -> None:
    readiness = tell_probed("a TCP up", "a TLS up", "b TCP up", "b TLS up", "drained TCP up", "drained TLS up")
    assert rows(readiness) == [("a", "Active", True, ""), ("b", "Active", True, ""), ("drained", "Draining", False, "")]
    assert readiness.problems == ()


def test_servers_that_are_down_are_told_with_what_probes_found() -> None:
    readiness = tell_probed("a TCP up", "a TLS down", "b TCP busy", "b TCP busy", "b TCP busy", "b TLS down")
    assert rows(readiness) == [
        ("a", "Active", True, "TLS: connection refused"),
        ("b", "Down", False, "TCP: answers 503; TLS: connection refused"),
        ("drained", "Draining", False, "TCP: not probed yet; TLS: not probed yet"),
    ]
    assert readiness.ready
    assert readiness.problems == ("no Active Mailbox server is up for TLS: every call over TLS is answered 503",)


def test_servers_of_which_nothing_is_known_are_told_so() -> None:
    readiness = tell_probed("b TCP slow")
    assert rows(readiness)[:2] == [
        ("a", "Unknown", False, "TCP: not probed yet; TLS: not probed yet"),
        ("b", "Unknown", False, "TCP: no answer within 2 s; TLS: not probed yet"),
    ]
    assert readiness.problems == ("no Mailbox server has answered a probe yet: every call is answered 503",)


def test_servers_that_are_assumed_to_be_healthy_are_usable_and_unknown() -> None:
    readiness = tell_probed("b TCP down", mode=Probing.ASSUME_HEALTHY)
    assert rows(readiness)[:2] == [("a", "Unknown", True, ""), ("b", "Active", True, "TCP: connection refused")]
    assert readiness.problems == ()


@pytest.mark.parametrize("more", [(), ("b TCP down", "b TLS down")])
def test_router_whose_active_servers_are_all_down_is_not_ready(more: tuple[str, ...]) -> None:
    readiness = tell_probed("a TCP down", "a TLS down", *more, servers=(A, B))
    assert not readiness.ready
    assert readiness.problems == ("no Active Mailbox server is up: every call is answered 503",)


def test_server_is_judged_by_what_callers_can_be_sent_to() -> None:
    readiness = tell_probed("a TCP down", servers=(A,), startup=StartupMode.TCP)
    assert rows(readiness) == [("a", "Down", False, "TCP: connection refused")]
    assert not readiness.ready


def test_nobody_probed_is_nobody_down() -> None:
    readiness = tell_probed(mode=Probing.OFF)
    assert rows(readiness)[:2] == [("a", "Active", True, ""), ("b", "Active", True, "")]
    assert readiness.ready


def test_health_that_is_not_given_is_that_of_the_snapshot() -> None:
    settings = Settings(pool=PoolSettings(probing=Probing.ON))
    directory = build_directory(DirectorySettings(gateways=GATEWAYS, servers=(A,)).document, port_offset=0)
    health = PoolHealth(freeze_health_policy(settings)).retain(directory.servers, 1.0)
    snapshot = freeze_snapshot(settings, directory, frozenset(), health)
    assert rows(describe(snapshot, ORIGIN, (LISTENER,), ())) == [
        ("a", "Unknown", False, "TCP: not probed yet; TLS: not probed yet")
    ]
