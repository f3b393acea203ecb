"""A server as it runs: its ports, who answers there, what a reload changes (EXCHANGE-UM A1, B 1)."""

import asyncio
import os
import ssl
from dataclasses import replace
from ipaddress import ip_network

import pytest

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import ComponentState, Directory, MailboxServer, UMIPGateway
from callrouter.mailbox.doors import MailboxError
from callrouter.mailbox.server import RunningServer
from callrouter.settings.mailbox import EmulatedServer
from callrouter.telemetry import CallEnded, ConnectionClosed
from callrouter.transport.tls import ServerTls
from callrouter.wire import Transport
from tests.unit.mailbox.servers import (
    ADDRESS,
    ALL_PORTS,
    EVEN,
    KNOWN,
    ODD,
    ODD_TLS,
    SERVER,
    SERVICE,
    SERVICE_TLS,
    contact_of,
    dual,
    is_open,
    over_tcp,
    phone,
    serving,
    surround,
    taken,
    with_gateways,
)
from tests.unit.mailbox.talk import Talk

# --- ports


async def test_server_listens_with_its_um_service_and_the_first_worker(server_tls: ServerTls) -> None:
    async with serving(dual(), tls=server_tls) as (server, world):
        listening = [(role, listener.transport.value, *listener.addresses) for role, listener in server.listeners]
        assert listening == [
            ("um-service", "TCP", (ADDRESS, SERVICE)),
            ("um-service", "TLS", (ADDRESS, SERVICE_TLS)),
            ("worker", "TCP", (ADDRESS, ODD)),
            ("worker", "TLS", (ADDRESS, ODD_TLS)),
        ]
        assert server.worker_ports == {Transport.TCP: ODD, Transport.TLS: ODD_TLS}
        assert (server.name, server.bind_address, server.recycles, server.calls) == ("MBX1", ADDRESS, 0, 0)
        assert world.sinks == [("MBX1", "worker"), ("MBX1", "um-service")]
        [started] = world.log.select("worker started")
        assert (started["event_id"], started["server"], started["worker"]) == (1000, "MBX1", 1)
        assert started["ports"] == {"TCP": ODD, "TLS": ODD_TLS}
    assert not [port for port in ALL_PORTS if await is_open(port)]


async def test_server_in_mode_tls_has_its_workers_on_the_ports_that_are_tcp_in_mode_dual(server_tls: ServerTls) -> None:
    async with serving(over_tcp(um_startup_mode="TLS"), tls=server_tls) as (server, _):
        assert [port for port in ALL_PORTS if await is_open(port)] == [SERVICE_TLS, ODD]
        server.recycle()
        assert server.worker_ports == {Transport.TLS: EVEN}


async def test_server_adds_both_offsets_to_every_port() -> None:
    own = EmulatedServer(name="MBX1", port_offset=200)
    async with serving(over_tcp(port_offset=21_000), own) as (server, _):
        assert [listener.addresses for _, listener in server.listeners] == [[(ADDRESS, 26262)], [(ADDRESS, 26265)]]
        assert await contact_of(26262) == f"<sip:100@{ADDRESS}:26265;transport=Tcp>"
        server.recycle()
        assert await contact_of(26262) == f"<sip:100@{ADDRESS}:26267;transport=Tcp>"


async def test_server_has_the_address_of_its_own_before_that_of_all() -> None:
    own = EmulatedServer(name="MBX1", bind_address=ADDRESS)
    async with serving(over_tcp(bind_address="192.0.2.1"), own) as (server, _):
        assert server.bind_address == ADDRESS
        assert await is_open(SERVICE)


async def test_server_on_ipv6_is_reached_and_names_itself_there() -> None:
    offset = 1000 + os.getpid() % 18_000
    async with serving(over_tcp(bind_address="::1", port_offset=offset)), phone(5062 + offset, address="::1") as caller:
        talk = Talk("c1")
        redirect = await caller.ask(talk.invite())
        assert redirect["Contact"] == f"<sip:100@[::1]:{5065 + offset};transport=Tcp>"
        async with phone(5065 + offset, address="::1") as worker:
            answer = await worker.call(talk)
            assert answer["Contact"] == f"<sip:[::1]:{5065 + offset};transport=Tcp>;automata"
            assert answer.media["c"] == "IN IP6 ::1"


async def test_server_on_all_addresses_names_the_one_that_was_called() -> None:
    offset = 1000 + os.getpid() % 18_000
    async with serving(over_tcp(bind_address="", port_offset=offset)) as (server, _):
        assert server.bind_address == ""
        assert {address for _, listener in server.listeners for address, _ in listener.addresses} == {"0.0.0.0", "::"}
        for address, host in ((ADDRESS, ADDRESS), ("::1", "[::1]")):
            async with phone(5062 + offset, address=address) as caller:
                redirect = await caller.ask(Talk("c1").invite())
                assert redirect["Contact"] == f"<sip:100@{host}:{5065 + offset};transport=Tcp>"


async def test_open_names_every_port_that_is_taken_and_leaves_none_open(server_tls: ServerTls) -> None:
    async with surround(dual(), server_tls) as world:
        server = RunningServer(SERVER, world.surroundings, KNOWN)
        with taken(SERVICE, ODD_TLS), pytest.raises(MailboxError) as caught:
            server.open()
        assert caught.value.problems == (
            f"cannot listen on {ADDRESS}:{ODD_TLS} over TLS: address already in use (mailbox server MBX1)",
            f"cannot listen on {ADDRESS}:{SERVICE} over TCP: address already in use (mailbox server MBX1)",
        )
        assert not [port for port in ALL_PORTS if await is_open(port)]
        assert (list(server.listeners), server.worker_ports, world.log.lines) == ([], {}, [])
        with pytest.raises(MailboxError, match="does not listen"):
            server.recycle()
        server.open()
        assert await is_open(SERVICE)
        await server.close()


async def test_open_for_tls_without_a_certificate_says_so() -> None:
    async with surround(dual()) as world:
        server = RunningServer(SERVER, world.surroundings, KNOWN)
        with pytest.raises(MailboxError, match=r"mailbox\.um_startup_mode: TLS needs a certificate"):
            server.open()
        assert not [port for port in ALL_PORTS if await is_open(port)]


async def test_close_of_a_server_that_never_opened_does_nothing() -> None:
    async with surround(over_tcp()) as world:
        server = RunningServer(SERVER, world.surroundings, KNOWN)
        await server.close()
        assert await server.drain(1.0) == 0


# --- calls


async def test_call_goes_over_both_hops_and_is_counted_while_it_lasts() -> None:
    async with serving() as (server, world):
        talk = Talk("c1")
        async with phone(SERVICE) as service:
            redirect = await service.ask(talk.invite())
            assert (redirect.status, redirect["Contact"]) == (302, f"<sip:100@{ADDRESS}:{ODD};transport=Tcp>")
            await service.send(talk.ack_failure())
        async with phone(ODD) as worker:
            answer = await worker.call(talk)
            assert answer["Contact"] == f"<sip:{ADDRESS}:{ODD};transport=Tcp>;automata"
            assert (answer.media["c"], answer.rtp_port) == (f"IN IP4 {ADDRESS}", 1024)
            assert (server.calls, server.draining_calls) == (1, 0)
            assert (await worker.ask(talk.request("BYE"))).status == 200
            assert (server.calls, world.ends()) == (0, [("c1", "remote-bye")])


async def test_call_goes_over_mutual_tls(server_tls: ServerTls, client_tls: ssl.SSLContext) -> None:
    async with serving(dual(), tls=server_tls) as (server, _):
        assert await contact_of(SERVICE_TLS, client_tls) == f"<sip:100@{ADDRESS}:{ODD_TLS};transport=Tls>"
        async with phone(ODD_TLS, client_tls) as worker:
            talk = Talk("c1", transport="TLS")
            assert (await worker.call(talk))["Contact"] == f"<sip:{ADDRESS}:{ODD_TLS};transport=Tls>;automata"
            assert (await worker.ask(talk.request("BYE"))).status == 200
        assert server.calls == 0


async def test_calls_over_the_limit_are_refused_on_both_hops_until_there_is_room() -> None:
    async with serving(over_tcp(max_calls_allowed=1)) as (server, _), phone(ODD) as worker:
        talk = Talk("c1")
        await worker.call(talk)
        assert server.max_calls_allowed == 1
        assert await contact_of(SERVICE) == "503"
        assert (await worker.ask(Talk("c2").invite())).status == 503
        assert (await worker.ask(talk.request("BYE"))).status == 200
        assert (await contact_of(SERVICE)).startswith("<sip:")


async def test_advertised_host_is_in_the_contacts_of_both_hops() -> None:
    own = EmulatedServer(name="MBX1", advertised_host="um1.example.test")
    async with serving(over_tcp(advertised_host="other.example.test"), own), phone(ODD) as worker:
        assert await contact_of(SERVICE) == f"<sip:100@um1.example.test:{ODD};transport=Tcp>"
        assert (await worker.call(Talk("c1")))["Contact"] == f"<sip:um1.example.test:{ODD};transport=Tcp>;automata"


async def test_call_whose_connection_went_is_taken_up_on_another_one() -> None:
    async with serving(over_tcp(detached_seconds=60)) as (server, world):
        talk = Talk("c1")
        async with phone(ODD) as first:
            await first.call(talk)
        await world.events.wait_for(ConnectionClosed)
        assert server.calls == 1
        async with phone(ODD) as second:
            assert (await second.ask(talk.request("BYE"))).status == 200
        assert world.ends() == [("c1", "remote-bye")]


async def test_call_whose_connection_went_is_given_up_in_its_time_though_others_have_longer() -> None:
    async with serving(over_tcp(detached_seconds=600)) as (server, world):
        async with phone(ODD) as caller:
            await caller.call(Talk("long"))
        await world.events.wait_for(ConnectionClosed)
        server.configure(over_tcp(detached_seconds=0.02))
        async with phone(ODD) as caller:
            await caller.call(Talk("short"))
        ended = await world.events.wait_for(CallEnded)
        assert (ended.call_id, ended.cause.value, server.calls) == ("short", "connection-lost", 1)


# --- what changes while it runs


async def test_follow_takes_up_gateways_and_the_state_of_the_server() -> None:
    async with serving() as (server, _), phone(ODD) as worker:
        server.follow(with_gateways(KNOWN, UMIPGateway("elsewhere", ip_network("192.0.2.0/24"))))
        assert await contact_of(SERVICE) == "403"
        assert (await worker.ask(Talk("c1").invite())).status == 403
        away = MailboxServer("mbx1", state=ComponentState.DRAINING)
        directory = Directory(KNOWN.lookup.directory.gateways, (away,))
        server.follow(replace(KNOWN, lookup=DirectoryLookup(directory)))
        assert await contact_of(SERVICE) == "503"
        server.follow(KNOWN)
        assert (await contact_of(SERVICE)).startswith("<sip:")


async def test_configure_takes_up_how_calls_are_answered_and_leaves_the_ports() -> None:
    async with serving(over_tcp(max_calls_allowed=0)) as (server, _), phone(ODD) as worker:
        assert await contact_of(SERVICE) == "503"
        fresh = EmulatedServer(name="mbx1", advertised_host="new.example.test", port_offset=5)
        server.configure(
            over_tcp(max_calls_allowed=7, rtp_port_min=6000, rtp_port_max=6002, port_offset=3, servers=(fresh,))
        )
        assert server.max_calls_allowed == 7
        assert await contact_of(SERVICE) == f"<sip:100@new.example.test:{ODD};transport=Tcp>"
        answers = [await worker.call(Talk(f"c{number}")) for number in range(3)]
        assert [answer.rtp_port for answer in answers] == [6000, 6002, 6000]
        server.recycle()
        assert server.worker_ports == {Transport.TCP: EVEN}


async def test_configure_takes_up_when_workers_are_recycled() -> None:
    async with serving(over_tcp(recycle_seconds=0)) as (server, world):
        server.configure(over_tcp(recycle_seconds=0.02))
        await world.log.wait_for("worker started", 2)
        server.configure(over_tcp(recycle_seconds=0))
        recycles = server.recycles
        await asyncio.wait_for(contact_of(SERVICE), 5)
        assert server.recycles == recycles
