"""The ports of a running router: opened together, changed whole or not at all, old connections kept."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from callrouter.observability.counters import Counters
from callrouter.observability.journal import Journal
from callrouter.observability.logs import LogConfig, configure_logs
from callrouter.observability.recorder import Recorder
from callrouter.ports import PortError, SipPorts, list_endpoints
from callrouter.settings.model import RouterSettings
from callrouter.settings.values import IPAddressFamily, StartupMode
from callrouter.transport.config import TransportLimits
from callrouter.wire import Transport
from tests.free_port import find_free_port
from tests.transport.rig import EchoSession

TCP_ONLY = RouterSettings(um_startup_mode=StartupMode.TCP, sip_tcp_listening_port=0, bind_address="127.0.0.1")


@pytest.fixture
async def ports() -> AsyncIterator[SipPorts]:
    with open("/dev/null", "w", encoding="utf-8") as nowhere:  # noqa: PTH123, ASYNC230 - a device
        logs = configure_logs(LogConfig(), nowhere)
        recorder = Recorder(Counters(), Journal(0), logs.logger)
        opened = SipPorts(EchoSession, TransportLimits(), recorder, None)
        yield opened
        await opened.close()
        logs.close()


def port_of(ports: SipPorts) -> int:
    [listener] = ports.listeners
    return listener.addresses[0][1]


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello")
    async with asyncio.timeout(5):
        assert await reader.readexactly(5) == b"hello"


def moved(port: int, **changes: object) -> RouterSettings:
    return TCP_ONLY.model_copy(update={"sip_tcp_listening_port": port, **changes})


async def test_ports_moved_take_calls_at_the_new_port_and_keep_connections(
    ports: SipPorts,
) -> None:
    ports.open(TCP_ONLY)
    old = port_of(ports)
    reader, writer = await asyncio.open_connection("127.0.0.1", old)
    await echo(reader, writer)
    new = find_free_port()
    ports.open(moved(new))
    assert port_of(ports) == new
    await echo(reader, writer)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", old)
    other = await asyncio.open_connection("127.0.0.1", new)
    await echo(*other)
    assert await ports.drain(5) == 0
    for each in (writer, other[1]):
        each.close()


async def test_ports_that_cannot_be_had_change_nothing(ports: SipPorts) -> None:
    ports.open(TCP_ONLY)
    old = port_of(ports)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(PortError) as caught:
            ports.open(moved(taken.getsockname()[1]))
    [problem] = caught.value.problems
    assert "router.sip_tcp_listening_port" in problem
    assert port_of(ports) == old
    _, writer = await asyncio.open_connection("127.0.0.1", old)
    writer.close()


async def test_ports_same_number_at_another_address_makes_room_for_itself(
    ports: SipPorts,
) -> None:
    number = find_free_port()
    ports.open(moved(number))
    ports.open(moved(number, bind_address="", ip_address_family=IPAddressFamily.IPV4_ONLY))
    assert ports.listeners[0].addresses == [("0.0.0.0", number)]
    with pytest.raises(PortError):
        ports.open(moved(number, bind_address="192.0.2.1"))
    assert ports.listeners[0].addresses == [("0.0.0.0", number)]
    _, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.close()


async def test_ports_tls_without_certificates_is_refused(ports: SipPorts) -> None:
    ports.open(TCP_ONLY)
    with pytest.raises(PortError, match=r"tls\.certificate_file"):
        ports.open(TCP_ONLY.model_copy(update={"um_startup_mode": StartupMode.DUAL, "sip_tls_listening_port": 0}))
    assert len(ports.listeners) == 1


async def test_ports_own_endpoints_are_addresses_and_names(ports: SipPorts) -> None:
    ports.open(TCP_ONLY)
    port = port_of(ports)
    assert ports.own_endpoints("Router.Example", "") == {("127.0.0.1", port), ("router.example", port)}


@pytest.mark.parametrize(
    ("mode", "transports"),
    [
        (StartupMode.TCP, [Transport.TCP]),
        (StartupMode.TLS, [Transport.TLS]),
        (StartupMode.DUAL, [Transport.TCP, Transport.TLS]),
    ],
)
def test_endpoints_follow_the_startup_mode(mode: StartupMode, transports: list[Transport]) -> None:
    assert list(list_endpoints(RouterSettings(um_startup_mode=mode))) == transports
