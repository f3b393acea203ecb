"""Outgoing connections over TLS: who is shown and believed, and handshakes that come to nothing."""

import asyncio
import functools
import gc
import socket
import ssl
from collections.abc import Iterator

import pytest

from callrouter.telemetry import ConnectionClosed, ConnectionOpened
from callrouter.transport.client import Destination
from callrouter.transport.tls import ServerTls, TlsFiles, TlsPolicy, build_client_context, build_server_context
from callrouter.wire import CloseReason, PeerCertificate, Transport
from tests.transport.certificates import LabCertificates, files_of
from tests.transport.client_rig import (
    Behaviour,
    after_connecting,
    attempt,
    cancel_self,
    client_tls,
    cut_off,
    end,
    hang_up,
    hear,
    keep_silent,
    refuse_certificate,
    resolve_to,
    serving,
    talk_plainly,
    words_of_failure,
)
from tests.transport.rig import EchoSession, EventLog, listening


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """A socket that nobody closed is a warning once it is collected, and a warning is an error."""
    yield
    gc.collect()


@pytest.fixture
def tls(certificates: LabCertificates) -> ssl.SSLContext:
    return client_tls(certificates, certificates.client)


async def test_connect_over_tls_shows_each_side_the_certificate_of_the_other(
    server_tls: ServerTls, tls: ssl.SSLContext
) -> None:
    events = EventLog()
    async with listening(tls=server_tls) as rig:
        connection = await attempt(Destination(*rig.address, tls), events)
        assert connection.peer.transport is Transport.TLS
        assert connection.peer.certificate == PeerCertificate(("router.example",), "router.example")
        await rig.events.wait_for(ConnectionOpened)
        (session,) = rig.sessions
        assert isinstance(session, EchoSession)
        assert session.peer.certificate == PeerCertificate(("gw1.example", "gw2.example"), "gateway.example")
        await end(connection, events)


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        (hang_up, "TLS failed: the peer closed the connection"),
        (cut_off, "TLS failed: connection reset by peer"),
        (talk_plainly, "TLS failed: wrong version number"),
    ],
)
async def test_handshake_that_the_peer_ends_is_told(tls: ssl.SSLContext, behaviour: Behaviour, why: str) -> None:
    async with serving(behaviour) as address:
        assert await words_of_failure(Destination(*address, tls)) == why


async def test_handshake_that_never_begins_is_given_up(tls: ssl.SSLContext) -> None:
    async with serving(keep_silent) as address:
        words = await words_of_failure(Destination(*address, tls), timeout_seconds=0.05)
        assert words == "no connection within 0.05 s"


async def test_server_certificate_of_another_authority_is_not_accepted(
    certificates: LabCertificates, server_tls: ServerTls
) -> None:
    doubting = build_client_context(certificates.other_authority.certificate_file, verify_host=False)
    async with listening(tls=server_tls) as rig:
        words = await words_of_failure(Destination(*rig.address, doubting))
    assert words == "the certificate is not accepted: self-signed certificate in certificate chain"


async def test_server_certificate_for_another_host_is_not_accepted_where_hosts_are_verified(
    monkeypatch: pytest.MonkeyPatch, certificates: LabCertificates, server_tls: ServerTls
) -> None:
    shown = TlsFiles(certificates.client.certificate_file, certificates.client.private_key_file)
    strict = build_client_context(certificates.authority.certificate_file, shown)
    events = EventLog()
    async with listening(tls=server_tls) as rig:
        resolve_to(monkeypatch, rig.address)
        words = await words_of_failure(Destination("other.example", 5063, strict))
        await end(await attempt(Destination("router.example", 5063, strict), events), events)
    assert words == (
        "the certificate is not accepted: Hostname mismatch, certificate is not valid for 'other.example'."
    )


async def test_client_certificate_that_is_refused_fails_the_handshake_of_tls_1_2(
    certificates: LabCertificates,
) -> None:
    stranger = client_tls(certificates, certificates.stranger)
    stranger.maximum_version = ssl.TLSVersion.TLSv1_2
    context = build_server_context(files_of(certificates), TlsPolicy())
    async with serving(functools.partial(refuse_certificate, context)) as address:
        assert await words_of_failure(Destination(*address, stranger)) == "TLS failed: tlsv1 alert unknown ca"


async def test_client_certificate_that_is_refused_ends_the_connection_of_tls_1_3(
    certificates: LabCertificates,
) -> None:
    # The client's part of the handshake is over before the server has looked (RFC 8446 2).
    stranger = client_tls(certificates, certificates.stranger)
    context = build_server_context(files_of(certificates), TlsPolicy(minimum_version="1.3"))
    events = EventLog()
    async with serving(functools.partial(refuse_certificate, context)) as address:
        await attempt(Destination(*address, stranger), events)
        assert (await events.wait_for(ConnectionClosed)).reason is CloseReason.PEER_RESET


async def test_cancelled_during_the_handshake_leaves_nothing(tls: ssl.SSLContext) -> None:
    greeted = asyncio.Event()

    async def note_and_keep_silent(accepted: socket.socket) -> None:
        await hear(accepted)
        greeted.set()
        await keep_silent(accepted)

    events = EventLog()
    async with serving(note_and_keep_silent) as address:
        task = asyncio.create_task(attempt(Destination(*address, tls), events))
        await greeted.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert events.events == []


async def test_cancelled_before_the_handshake_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tls: ssl.SSLContext
) -> None:
    after_connecting(monkeypatch, cancel_self)
    events = EventLog()
    async with serving(keep_silent) as address:
        task = asyncio.create_task(attempt(Destination(*address, tls), events))
        with pytest.raises(asyncio.CancelledError):
            await task
    assert events.events == []
