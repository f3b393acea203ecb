"""What a watch finds out about servers on TLS ports: whose certificate, and whether ours is accepted."""

import ssl
from dataclasses import replace

import pytest

from callrouter.pool.health import ProbeResult, answered, failed, refused
from callrouter.probing.config import ProbeConfig
from callrouter.telemetry import ConnectionClosed, ConnectionOpened, TlsHandshakeFailed
from callrouter.transport.tls import ServerTls, TlsFiles, TlsPolicy, build_client_context
from callrouter.wire import CloseReason
from tests.transport.certificates import Identity, LabCertificates, files_of
from tests.unit.probing.rig import PATIENT, SLACK_SECONDS, probing, tls_server, watching
from tests.unit.probing.servers import GarbageServer, SilentServer, misbehaving, serving

LOST = failed("the connection ended before the answer, as if our certificate were not accepted")


@pytest.fixture
def trusted(certificates: LabCertificates) -> ProbeConfig:
    """The router's own certificate is one that the server accepts."""
    return replace(PATIENT, tls=_context(certificates, certificates.client))


def _context(certificates: LabCertificates, identity: Identity, authority: str = "authority") -> ssl.SSLContext:
    ca_file = getattr(certificates, authority).certificate_file
    return build_client_context(
        ca_file, TlsFiles(identity.certificate_file, identity.private_key_file), verify_host=False
    )


@pytest.fixture
def server_tls(certificates: LabCertificates) -> ServerTls:
    return ServerTls(files_of(certificates), TlsPolicy())


async def test_tls_server_is_probed_with_our_certificate(trusted: ProbeConfig, server_tls: ServerTls) -> None:
    async with serving(server_tls) as server, probing(watching(tls_server(server.port)), trusted) as bench:
        assert await bench.findings.wait_for(1) == [answered(200)]
        [opened] = server.events.of(ConnectionOpened)
        assert opened.peer.certificate is not None
        assert opened.peer.certificate.dns_names == ("gw1.example", "gw2.example")


async def test_killed_tls_server_is_found_out_at_once(trusted: ProbeConfig, server_tls: ServerTls) -> None:
    async with serving(server_tls) as server, probing(watching(tls_server(server.port)), trusted) as bench:
        await bench.findings.wait_for(1)
        await server.kill()
        assert await bench.findings.wait_for(2) == [answered(200), refused()]


async def test_stop_ends_a_tls_connection_decently(trusted: ProbeConfig, server_tls: ServerTls) -> None:
    async with serving(server_tls) as server:
        async with probing(watching(tls_server(server.port)), trusted) as bench:
            await bench.findings.wait_for(1)
        closed = await server.events.wait_for(ConnectionClosed)
        assert closed.reason is CloseReason.PEER_CLOSED


@pytest.mark.parametrize(
    ("fqdn", "result"),
    [
        ("router.example", answered(200)),
        ("other.example", failed("the certificate does not name other.example")),
    ],
)
async def test_server_with_a_name_has_to_show_it(
    trusted: ProbeConfig, server_tls: ServerTls, fqdn: str, result: ProbeResult
) -> None:
    async with serving(server_tls) as server:
        named = tls_server(server.port, fqdn=fqdn, address="127.0.0.1")
        async with probing(watching(named), trusted) as bench:
            assert await bench.findings.wait_for(1) == [result]


async def test_server_with_another_name_costs_one_probe_per_interval(
    trusted: ProbeConfig, server_tls: ServerTls
) -> None:
    async with serving(server_tls) as server:
        named = tls_server(server.port, fqdn="other.example", address="127.0.0.1")
        async with probing(watching(named), replace(trusted, interval_seconds=0.1)) as bench:
            await bench.findings.wait_for(3)
            assert bench.seconds_until(3) >= 2 * 0.1 - SLACK_SECONDS


async def test_server_of_another_authority_is_not_accepted(
    certificates: LabCertificates, server_tls: ServerTls
) -> None:
    config = replace(PATIENT, tls=_context(certificates, certificates.client, "other_authority"))
    async with serving(server_tls) as server, probing(watching(tls_server(server.port)), config) as bench:
        [result] = await bench.findings.wait_for(1)
        assert result.detail.startswith(f"127.0.0.1:{server.port}: the certificate is not accepted: ")
        await server.events.wait_for(TlsHandshakeFailed)


@pytest.mark.parametrize("version", ["1.2", "1.3"])
async def test_server_that_does_not_accept_our_certificate_is_a_failure(
    certificates: LabCertificates, server_tls: ServerTls, version: str
) -> None:
    context = _context(certificates, certificates.stranger)
    if version == "1.2":
        context.maximum_version = ssl.TLSVersion.TLSv1_2
    config = replace(PATIENT, tls=context)
    async with serving(server_tls) as server, probing(watching(tls_server(server.port)), config) as bench:
        [result] = await bench.findings.wait_for(1)
        assert not result.is_alive
        assert not result.is_refused
        # With TLS 1.3 our side of the handshake is over before the server looks at our certificate.
        assert (result == LOST) is (version == "1.3")
        await server.events.wait_for(TlsHandshakeFailed)


async def test_server_without_tls_is_a_failure(trusted: ProbeConfig) -> None:
    async with misbehaving(GarbageServer) as house, probing(watching(tls_server(house.port)), trusted) as bench:
        [result] = await bench.findings.wait_for(1)
        assert result.detail.startswith(f"127.0.0.1:{house.port}: TLS failed: ")


async def test_server_that_never_ends_the_handshake_is_a_failure(trusted: ProbeConfig) -> None:
    config = replace(trusted, timeout_seconds=0.1)
    async with misbehaving(SilentServer) as house, probing(watching(tls_server(house.port)), config) as bench:
        expected = failed(f"127.0.0.1:{house.port}: no connection within 0.1 s")
        assert await bench.findings.wait_for(1) == [expected]
