"""Who is refused at the TLS handshake: seen by the caller, in the log (event 1649, EXCHANGE-UM A5), in the counter.

The router trusts the lab's authority and an older one, whose certificates have run out; a third one is unknown to it.
"""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from callrouter.certificates.authority import LEAF_VALIDITY, write_lab_certificates
from tests.conformance.conftest import StartVariant
from tests.conformance.wire import ANSWER_SECONDS, build, dial
from tests.router import Router

_EVENT_ID = 1649
_COUNTER = "callrouter_tls_handshakes_failed_total"


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path | None]:
    """Where the certificate is that a refused caller shows; None where it shows none."""
    now = datetime.now(UTC)
    expired, stranger = tmp_path_factory.mktemp("expired"), tmp_path_factory.mktemp("stranger")
    write_lab_certificates(expired, hosts=[], now=now - LEAF_VALIDITY - timedelta(days=1))
    write_lab_certificates(stranger, hosts=[], now=now)
    return {"no-certificate": None, "another-ca": stranger, "expired": expired}


@pytest.fixture(scope="module")
def strict_router(
    start_variant: StartVariant,
    certificates: Path,
    callers: dict[str, Path | None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Router]:
    assert callers["expired"] is not None
    trusted = tmp_path_factory.mktemp("trusted") / "ca.pem"
    trusted.write_bytes((certificates / "ca.pem").read_bytes() + (callers["expired"] / "ca.pem").read_bytes())
    with start_variant(tls={"ca_file": str(trusted)}) as router:
        yield router


def _call_with(router: Router, shown: Path | None, version: ssl.TLSVersion) -> None:
    """Shake hands and wait for what comes: with TLS 1.3 only the first read tells the caller of a refusal."""
    context = ssl.create_default_context(cafile=router.certificates / "ca.pem")
    context.minimum_version = context.maximum_version = version
    if shown is not None:
        context.load_cert_chain(shown / "client.pem", shown / "client-key.pem")
    with (
        socket.create_connection((router.address, router.tls_port), ANSWER_SECONDS) as stream,
        context.wrap_socket(stream, server_hostname="localhost", suppress_ragged_eofs=False) as caller,
    ):
        caller.sendall(build("OPTIONS").octets)
        caller.recv(1)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
@pytest.mark.parametrize("who", ["no-certificate", "another-ca", "expired"])
def test_tls_caller_without_a_valid_certificate_is_refused_logged_and_counted(
    strict_router: Router, callers: dict[str, Path | None], who: str, version: ssl.TLSVersion
) -> None:
    router = strict_router
    logged = len(router.log.select(event_id=_EVENT_ID))
    counted = router.read_metric(_COUNTER)
    with dial(router, "TLS") as good:
        good.assert_alive()

        with pytest.raises((ssl.SSLError, ConnectionError)):
            _call_with(router, callers[who], version)

        lines = router.log.wait_for(logged + 1, event_id=_EVENT_ID)
        request = build()
        assert good.call(request).status == 302
    # The log is written in order: once the call is in it, all that the refusal wrote is.
    router.log.wait_for(1, event="call", call_id=request.value("Call-ID"))
    assert len(router.log.select(event_id=_EVENT_ID)) == logged + 1
    assert router.read_metric(_COUNTER) == counted + 1
    assert (lines[-1]["event"], lines[-1]["level"]) == ("tls handshake failed", "warning")
    assert lines[-1]["local"] == f"127.0.0.1:{router.tls_port}"
    assert lines[-1]["detail"]


@pytest.mark.xfail(strict=True, reason="the connection is cut before the alert of the TLS library is written")
def test_tls_refused_caller_is_told_by_an_alert(strict_router: Router, callers: dict[str, Path | None]) -> None:
    # RFC 8446 6.2: whoever meets a fatal error should send an alert before closing.
    with pytest.raises(ssl.SSLError) as refusal:
        _call_with(strict_router, callers["another-ca"], ssl.TLSVersion.TLSv1_3)

    assert refusal.value.reason == "TLSV1_ALERT_UNKNOWN_CA"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
def test_tls_caller_with_a_valid_certificate_is_served(
    strict_router: Router, certificates: Path, version: ssl.TLSVersion
) -> None:
    logged = len(strict_router.log.select(event_id=_EVENT_ID))

    _call_with(strict_router, certificates, version)

    assert len(strict_router.log.select(event_id=_EVENT_ID)) == logged


def test_tls_plain_sip_on_the_tls_port_is_refused_and_logged(strict_router: Router) -> None:
    logged = len(strict_router.log.select(event_id=_EVENT_ID))

    with socket.create_connection((strict_router.address, strict_router.tls_port), ANSWER_SECONDS) as stream:
        stream.sendall(build("OPTIONS").octets)

        assert b"SIP/2.0" not in _read_to_end(stream)

    assert len(strict_router.log.wait_for(logged + 1, event_id=_EVENT_ID)) == logged + 1


def _read_to_end(stream: socket.socket) -> bytes:
    octets = b""
    while piece := stream.recv(4096):
        octets += piece
    return octets
