"""The ports of a server: all of them, or none and every reason."""

import pytest

from callrouter.mailbox.doors import Doors, MailboxError
from callrouter.settings.mailbox import EmulatedServer, MailboxSettings
from callrouter.transport.tls import ServerTls
from callrouter.wire import Transport
from tests.transport.rig import EchoSession
from tests.unit.mailbox.servers import ADDRESS, surround, taken

SERVER = EmulatedServer(name="MBX1", bind_address=ADDRESS)
PORTS = {Transport.TCP: 25171, Transport.TLS: 25172}


async def test_doors_open_every_port_and_accept(server_tls: ServerTls) -> None:
    async with surround(MailboxSettings(), server_tls) as world:
        listeners = Doors(SERVER, world.surroundings).open(PORTS, EchoSession, world.events)
        assert [(each.transport, each.addresses) for each in listeners] == [
            (transport, [(ADDRESS, port)]) for transport, port in PORTS.items()
        ]
        for listener in listeners:
            await listener.close()


async def test_doors_with_one_port_taken_and_no_certificate_open_nothing_and_name_both() -> None:
    async with surround(MailboxSettings()) as world:
        with taken(PORTS[Transport.TCP]), pytest.raises(MailboxError) as refused:
            Doors(SERVER, world.surroundings).open(PORTS, EchoSession, world.events)
        port, certificate = refused.value.problems
        assert port.startswith(f"cannot listen on {ADDRESS}:{PORTS[Transport.TCP]} over TCP: ")
        assert port.endswith(" (mailbox server MBX1)")
        assert certificate == "mailbox.um_startup_mode: TLS needs a certificate"
        # The same port can be had now: nothing of the first attempt is left.
        [listener] = Doors(SERVER, world.surroundings).open(
            {Transport.TCP: PORTS[Transport.TCP]}, EchoSession, world.events
        )
        await listener.close()
