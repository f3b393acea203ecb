"""Several emulated servers of one process, each with addresses, ports and calls of its own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest

from callrouter.directory.model import UMIPGateway
from callrouter.mailbox.doors import MailboxError
from callrouter.mailbox.role import MailboxRole
from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from tests.transport.rig import PATIENCE_SECONDS
from tests.unit.mailbox.servers import (
    ADDRESS,
    EVEN,
    KNOWN,
    ODD,
    SERVICE,
    World,
    contact_of,
    is_open,
    over_tcp,
    phone,
    surround,
    taken,
    with_gateways,
)
from tests.unit.mailbox.talk import Talk

FIRST = EmulatedServer(name="MBX1")
SECOND = EmulatedServer(name="MBX2", port_offset=100)
OTHER_SERVICE, OTHER_ODD = SERVICE + 100, ODD + 100


@contextlib.asynccontextmanager
async def playing(settings: MailboxSettings) -> AsyncIterator[tuple[MailboxRole, World]]:
    """The servers of these settings, open, and closed in the end."""
    async with surround(settings) as world:
        role = MailboxRole(world.surroundings, KNOWN)
        role.open()
        try:
            yield role, world
        finally:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await role.close()


async def test_role_finds_its_servers_whatever_the_case_of_their_names() -> None:
    async with playing(over_tcp(servers=(FIRST, SECOND))) as (role, _):
        assert [server.name for server in role.servers] == ["MBX1", "MBX2"]
        assert role.find("mbx2") is role.servers[1]
        assert role.find("MBX3") is None


async def test_role_without_named_servers_has_one() -> None:
    async with playing(over_tcp()) as (role, _):
        assert len(role.servers) == 1
        assert await contact_of(SERVICE) == f"<sip:100@{ADDRESS}:{ODD};transport=Tcp>"


async def test_each_server_has_ports_calls_and_recycles_of_its_own() -> None:
    async with playing(over_tcp(servers=(FIRST, SECOND), max_calls_allowed=1)) as (role, world):
        first, second = role.servers
        async with phone(ODD) as caller, phone(OTHER_ODD) as other:
            await caller.call(Talk("c1"))
            assert ((first.calls, second.calls), await contact_of(SERVICE)) == ((1, 0), "503")
            assert await contact_of(OTHER_SERVICE) == f"<sip:100@{ADDRESS}:{OTHER_ODD};transport=Tcp>"
            first.recycle()
            assert (first.recycles, second.recycles) == (1, 0)
            talk = Talk("c2")
            await other.call(talk)
            # A call is known to its own server only.
            assert (await caller.ask(talk.request("BYE"))).status == 481
            assert (await other.ask(talk.request("BYE"))).status == 200
        assert ("MBX2", "um-service") in world.sinks


async def test_open_names_the_taken_ports_of_all_servers_and_close_closes_the_others() -> None:
    settings = over_tcp(servers=(FIRST, SECOND, EmulatedServer(name="MBX3", port_offset=200)))
    async with surround(settings) as world:
        role = MailboxRole(world.surroundings, KNOWN)
        with taken(ODD, OTHER_SERVICE, OTHER_ODD), pytest.raises(MailboxError) as caught:
            role.open()
        assert [problem.partition(":")[2] for problem in caught.value.problems] == [
            f"{port} over TCP: address already in use (mailbox server {name})"
            for port, name in ((ODD, "MBX1"), (OTHER_ODD, "MBX2"), (OTHER_SERVICE, "MBX2"))
        ]
        assert await is_open(SERVICE + 200)
        await role.close()
        assert not await is_open(SERVICE + 200)


async def test_what_changes_reaches_every_server() -> None:
    async with playing(over_tcp(servers=(FIRST, SECOND))) as (role, _):
        role.configure(over_tcp(servers=(FIRST, SECOND), max_calls_allowed=7))
        assert [server.max_calls_allowed for server in role.servers] == [7, 7]
        role.follow(with_gateways(KNOWN, UMIPGateway("elsewhere", ip_network("192.0.2.0/24"))))
        assert [await contact_of(port) for port in (SERVICE, OTHER_SERVICE)] == ["403", "403"]


async def test_drain_ends_the_calls_of_all_servers_and_counts_what_was_cut_off() -> None:
    async with playing(over_tcp(servers=(FIRST, SECOND))) as (role, world):
        role.servers[1].recycle()
        async with phone(ODD) as polite, phone(EVEN + 100) as mute:
            await polite.call(Talk("c1"))
            await mute.call(Talk("c2"))
            drain = asyncio.create_task(role.drain(0.2))
            await polite.be_hung_up()
            await mute.be_hung_up(answers=False)
            assert await drain == 1
        assert sorted(world.ends()) == [("c1", "stopped"), ("c2", "stopped")]
