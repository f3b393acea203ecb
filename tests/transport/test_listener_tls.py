"""TLS through the listener: who gets in, handshakes that go wrong, the pump over TLS. Goes with test_listener.py."""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable

import pytest

from callrouter.telemetry import (
    ConnectionClosed,
    ConnectionOpened,
    ConnectionRejected,
    SessionFailed,
    TlsHandshakeFailed,
)
from callrouter.transport.config import TransportLimits
from callrouter.transport.tls import (
    ServerTls,
    TlsFiles,
    TlsPolicy,
)
from callrouter.wire import CloseReason, PeerCertificate, Transport
from tests.transport.certificates import Identity, LabCertificates, files_of
from tests.transport.rig import (
    PATIENCE_SECONDS,
    AmplifyingSession,
    FarewellSession,
    HoldingSession,
    RaisingSession,
    client_context,
    close_writer,
    exchange,
    listening,
    read_exactly,
    refused,
    reset,
)

# --- who gets in


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_client_with_certificate_is_served_and_its_identities_handed_up(
    certificates: LabCertificates, server_tls: ServerTls, version: ssl.TLSVersion
) -> None:
    def only(context: ssl.SSLContext) -> None:
        context.minimum_version = context.maximum_version = version

    async with listening(tls=server_tls) as rig:
        reader, writer = await rig.open(client_context(certificates.authority, certificates.client, only))
        assert await exchange(reader, writer, b"hello") == b"hello"
        opened = await rig.events.wait_for(ConnectionOpened)
        assert opened.peer.transport is Transport.TLS
        assert opened.peer.certificate == PeerCertificate(("gw1.example", "gw2.example"), "gateway.example")
        assert rig.admission.handshakes == 0
        await close_writer(writer)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_CLOSED


async def test_client_without_sans_has_its_common_name_handed_up(
    certificates: LabCertificates, server_tls: ServerTls
) -> None:
    async with listening(tls=server_tls) as rig:
        _, writer = await rig.open(client_context(certificates.authority, certificates.nameless_client))
        opened = await rig.events.wait_for(ConnectionOpened)
        assert opened.peer.certificate == PeerCertificate((), "only-cn.example")
        await close_writer(writer)


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ("nobody", "peer did not return a certificate"),
        ("stranger", "certificate verify failed"),
        ("expired_client", "certificate has expired"),
    ],
)
async def test_client_without_valid_certificate_is_refused_and_others_served(
    certificates: LabCertificates, server_tls: ServerTls, good_client: ssl.SSLContext, who: str, words: str
) -> None:
    identity: Identity | None = getattr(certificates, who, None)
    async with listening(tls=server_tls) as rig:
        reader, writer = await rig.open(good_client)
        assert await exchange(reader, writer, b"before") == b"before"
        failed = await refused(rig, client_context(certificates.authority, identity))
        assert words in failed.detail
        assert "\n" not in failed.detail
        assert (failed.address, failed.local_address, failed.local_port) == ("127.0.0.1", *rig.address)
        assert failed.port != 0
        assert await exchange(reader, writer, b"after") == b"after"
        assert len(rig.events.of(ConnectionOpened)) == 1
        await close_writer(writer)


async def test_client_with_tls_1_1_is_refused(certificates: LabCertificates, server_tls: ServerTls) -> None:
    context = client_context(certificates.authority, certificates.client)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1 is deprecated"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1_1 is deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    async with listening(tls=server_tls) as rig:
        failed = await refused(rig, context)
        assert "protocol" in failed.detail


async def test_client_with_tls_1_2_is_refused_where_policy_wants_1_3(certificates: LabCertificates) -> None:
    def only_1_2(context: ssl.SSLContext) -> None:
        context.maximum_version = ssl.TLSVersion.TLSv1_2

    tls = ServerTls(files_of(certificates), TlsPolicy(minimum_version="1.3"))
    async with listening(tls=tls) as rig:
        failed = await refused(rig, client_context(certificates.authority, certificates.client, only_1_2))
        assert "protocol" in failed.detail


@pytest.mark.parametrize("with_ca", [True, False])
async def test_client_without_certificate_is_served_where_policy_allows_it(
    certificates: LabCertificates, with_ca: bool
) -> None:
    server = certificates.server
    ca_file = certificates.authority.certificate_file if with_ca else None
    files = TlsFiles(server.certificate_file, server.private_key_file, ca_file)
    tls = ServerTls(files, TlsPolicy(require_client_certificate=False))
    async with listening(tls=tls) as rig:
        reader, writer = await rig.open(client_context(certificates.authority, None))
        assert await exchange(reader, writer, b"anonymous") == b"anonymous"
        assert (await rig.events.wait_for(ConnectionOpened)).peer.certificate is None
        await close_writer(writer)
        if with_ca:
            failed = await refused(rig, client_context(certificates.authority, certificates.stranger))
            assert "certificate verify failed" in failed.detail


# --- handshakes that go wrong otherwise


async def test_plain_text_on_tls_port_is_refused(server_tls: ServerTls) -> None:
    async with listening(tls=server_tls) as rig:
        client = await rig.connect()
        await asyncio.get_running_loop().sock_sendall(client, b"OPTIONS sip:router.example SIP/2.0\r\n\r\n")
        failed = await rig.events.wait_for(TlsHandshakeFailed)
        assert (failed.address, failed.port) == client.getsockname()
        assert "SSL" in failed.detail
        assert rig.sessions == []


async def test_silent_client_is_refused_after_handshake_seconds(server_tls: ServerTls) -> None:
    async with listening(limits=TransportLimits(handshake_seconds=0.1), tls=server_tls) as rig:
        client = await rig.connect()
        failed = await rig.events.wait_for(TlsHandshakeFailed)
        assert "taking longer than 0.1 seconds" in failed.detail
        with contextlib.suppress(ConnectionResetError):
            assert await read_exactly(client, 1) == b""


@pytest.mark.parametrize("leave", [socket.socket.close, reset])
async def test_client_that_leaves_during_handshake_is_reported(
    server_tls: ServerTls, leave: Callable[[socket.socket], None]
) -> None:
    async with listening(tls=server_tls) as rig:
        client = await rig.connect()
        await asyncio.get_running_loop().sock_sendall(client, b"\x16\x03\x01")
        leave(client)
        assert (await rig.events.wait_for(TlsHandshakeFailed)).detail
        early = socket.create_connection(rig.address)  # blocking: gone before the loop can accept it
        leave(early)
        assert (await rig.events.wait_for(TlsHandshakeFailed, 2)).detail
        assert rig.events.of(ConnectionOpened) == []


async def test_handshake_over_limit_is_refused_until_one_ends(
    server_tls: ServerTls, good_client: ssl.SSLContext
) -> None:
    async with listening(limits=TransportLimits(max_handshakes=1), tls=server_tls) as rig:
        slow = await rig.connect()
        over = await rig.connect()
        assert await read_exactly(over, 1) == b""
        host, port = over.getsockname()
        expected = ConnectionRejected(host, port, Transport.TLS, "limits.max_handshakes")
        assert rig.events.of(ConnectionRejected) == [expected]
        assert rig.admission.connections == 1
        slow.close()
        await rig.events.wait_for(TlsHandshakeFailed)
        reader, writer = await rig.open(good_client)
        assert await exchange(reader, writer, b"next") == b"next"
        await close_writer(writer)


async def test_drain_ends_handshakes_in_progress(server_tls: ServerTls) -> None:
    async with listening(limits=TransportLimits(handshake_seconds=60.0), tls=server_tls) as rig:
        client = await rig.connect()
        early = socket.create_connection(rig.address)
        while rig.admission.handshakes < 2:
            rig.listener._accept(rig.listener._sockets[0])
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await rig.listener.drain(60.0) == 0
        assert rig.admission.connections == 0
        assert rig.events.events == []  # ending them was our wish, no peer's failure
        with contextlib.suppress(ConnectionResetError):
            assert await read_exactly(client, 1) == b""
        early.close()


# --- the pump over TLS


async def test_close_over_tls_delivers_all_of_the_last_answer(
    server_tls: ServerTls, good_client: ssl.SSLContext
) -> None:
    async with listening(FarewellSession, TransportLimits(max_write_buffer_bytes=4096), server_tls) as rig:
        reader, writer = await rig.open(good_client)
        writer.write(b"go")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == FarewellSession.answer
        await close_writer(writer)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.UNANSWERABLE


async def test_peer_that_does_not_read_over_tls_is_aborted(server_tls: ServerTls, good_client: ssl.SSLContext) -> None:
    limits = TransportLimits(max_write_buffer_bytes=65_536, write_seconds=0.2)
    async with listening(AmplifyingSession, limits, server_tls) as rig:
        _, writer = await rig.open(good_client)
        writer.write(bytes(4 * 1024 * 1024))  # the reader's buffer fills, then nobody reads
        closed = await rig.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.WRITE_TIMEOUT
        assert closed.received_bytes < 4 * 1024 * 1024
        writer.transport.abort()
        await close_writer(writer)


async def test_eof_over_tls_ends_the_connection_even_where_an_answer_is_held_back(
    server_tls: ServerTls, good_client: ssl.SSLContext
) -> None:
    async with listening(HoldingSession, tls=server_tls) as rig:
        _, writer = await rig.open(good_client)
        writer.write(b"question")
        await close_writer(writer)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_CLOSED


async def test_reset_over_tls_is_reported_as_reset(server_tls: ServerTls, good_client: ssl.SSLContext) -> None:
    async with listening(tls=server_tls) as rig:
        reader, writer = await rig.open(good_client)
        assert await exchange(reader, writer, b"x") == b"x"
        raw = writer.get_extra_info("socket")
        with socket.socket(fileno=raw.fileno()) as borrowed:
            borrowed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            borrowed.detach()
        writer.transport.abort()
        await close_writer(writer)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_RESET


async def test_drain_over_tls_closes_idle_connections(server_tls: ServerTls, good_client: ssl.SSLContext) -> None:
    async with listening(tls=server_tls) as rig:
        reader, writer = await rig.open(good_client)
        await rig.events.wait_for(ConnectionOpened)
        draining = asyncio.create_task(rig.listener.drain(60.0))
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == b""
            await close_writer(writer)
            assert await draining == 0
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.DRAINED


async def test_session_that_raises_over_tls_ends_its_connection(
    server_tls: ServerTls, good_client: ssl.SSLContext
) -> None:
    raising = functools.partial(RaisingSession, method="receive_data")
    async with listening(raising, tls=server_tls) as rig:
        reader, writer = await rig.open(good_client)
        writer.write(b"x")
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await reader.read() == b""
        await close_writer(writer)
        assert (await rig.events.wait_for(ConnectionClosed)).reason is CloseReason.INTERNAL_ERROR
        assert len(rig.events.of(SessionFailed)) == 1
