"""What `/readyz` says of emulated Mailbox servers, beside a router and alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from callrouter.admin.models import Certificate, EmulatedServer, Listener, Readiness
from callrouter.certificates.inspect import CertificateFacts
from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, MailboxServer
from callrouter.readiness import DirectoryOrigin, describe_certificates, describe_mailbox, describe_mailbox_alone
from callrouter.snapshot import RoutingSnapshot
from tests.unit.mailbox.servers import ADDRESS, EVEN, KNOWN, ODD, SERVICE, phone, serving
from tests.unit.mailbox.talk import Talk

NOW = datetime.now(UTC)
ORIGIN = DirectoryOrigin("settings", NOW)
LISTENER = Listener(name="worker", transport="TCP", address="127.0.0.1", port=5065)
FIRST = EmulatedServer(name="MBX1", listeners=(LISTENER,), calls=0)
SECOND = EmulatedServer(name="MBX2", listeners=(LISTENER,), calls=3)


def certificate(days: float, file: str = "mailbox.pem") -> tuple[Certificate, ...]:
    # An hour more, so that whole days do not end while the test runs.
    facts = CertificateFacts("CN=m", "m", (), (), NOW, NOW + timedelta(days=days, hours=1), "CN=ca", "")
    return describe_certificates([(file, facts)], NOW)


def tell(
    *servers: EmulatedServer,
    snapshot: RoutingSnapshot = KNOWN,
    certificates: tuple[Certificate, ...] = (),
    trouble: tuple[str, ...] = (),
) -> Readiness:
    return describe_mailbox_alone(snapshot, ORIGIN, servers or (FIRST, SECOND), certificates, trouble)


def with_states(*states: ComponentState) -> RoutingSnapshot:
    """A directory in which MBX1, MBX2 and so on are in these states."""
    servers = tuple(MailboxServer(f"mbx{number}", state=state) for number, state in enumerate(states, 1))
    directory = replace(KNOWN.lookup.directory, servers=servers)
    return replace(KNOWN, lookup=DirectoryLookup(directory))


# --- what runs


async def test_running_servers_are_told_with_their_ports_and_calls() -> None:
    async with serving() as (server, _), phone(ODD) as caller:
        await caller.call(Talk("c1"))
        [row] = describe_mailbox([server])
        assert (row.name, row.calls) == ("MBX1", 1)
        assert row.listeners == (
            Listener(name="um-service", transport="TCP", address=ADDRESS, port=SERVICE),
            Listener(name="worker", transport="TCP", address=ADDRESS, port=ODD),
        )
        server.recycle()
        [row] = describe_mailbox([server])
        assert [listener.port for listener in row.listeners] == [SERVICE, EVEN]
        await server.close()
        assert describe_mailbox([server]) == (EmulatedServer(name="MBX1", listeners=(), calls=0),)


# --- alone


def test_servers_that_take_calls_are_ready_without_problems() -> None:
    readiness = tell(certificates=certificate(400))
    assert (readiness.ready, readiness.problems) == (True, ())
    assert readiness.mailbox == (FIRST, SECOND)
    assert readiness.directory.source == "settings"
    assert (readiness.directory.gateways, readiness.directory.loaded_at) == (3, NOW)
    assert (readiness.listeners, readiness.pool.servers) == ((), ())
    assert [each.file for each in readiness.certificates] == ["mailbox.pem"]


@pytest.mark.parametrize(
    ("readiness", "problem"),
    [
        (
            tell(FIRST.model_copy(update={"listeners": ()}), SECOND),
            "MBX1 does not listen: it is starting or stopping",
        ),
        (tell(snapshot=RoutingSnapshot()), "the directory has no gateway: every call is answered 403"),
        (tell(certificates=certificate(-1)), "mailbox.pem has expired"),
        (
            tell(FIRST, snapshot=with_states(ComponentState.DRAINING)),
            "MBX1 is Draining: every call to it is answered 503",
        ),
    ],
    ids=["not-listening", "no-gateway", "expired", "not-active"],
)
def test_servers_that_take_no_calls_are_not_ready_and_say_why(readiness: Readiness, problem: str) -> None:
    assert (readiness.ready, readiness.problems) == (False, (problem,))


def test_servers_of_which_none_is_active_are_all_named() -> None:
    readiness = tell(snapshot=with_states(ComponentState.DRAINING, ComponentState.INACTIVE))
    assert not readiness.ready
    assert readiness.problems == (
        "MBX1 is Draining: every call to it is answered 503",
        "MBX2 is Inactive: every call to it is answered 503",
    )


def test_server_that_is_away_while_another_takes_calls_is_a_problem_of_ready_ones() -> None:
    readiness = tell(snapshot=with_states(ComponentState.ACTIVE, ComponentState.INACTIVE))
    assert (readiness.ready, readiness.problems) == (True, ("MBX2 is Inactive: every call to it is answered 503",))


def test_trouble_and_an_end_that_is_near_are_problems_of_ready_servers() -> None:
    readiness = tell(certificates=certificate(10), trouble=("a reload failed",))
    assert readiness.ready
    assert readiness.problems == ("mailbox.pem expires in 10 days", "a reload failed")


def test_problems_of_all_parts_are_told_together() -> None:
    deaf = FIRST.model_copy(update={"listeners": ()})
    nobody = replace(KNOWN, lookup=DirectoryLookup(Directory()))
    readiness = tell(deaf, snapshot=nobody, certificates=certificate(-1), trouble=("more",))
    assert not readiness.ready
    assert len(readiness.problems) == 4
