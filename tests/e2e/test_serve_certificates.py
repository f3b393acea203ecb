"""Certificates of a running router: wrong ones keep it from starting, new ones are taken up, broken ones are not."""

import asyncio
import json
import shutil
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.tls import build_client_context
from callrouter.certificates.authority import write_lab_certificates
from tests.e2e.command import read_ports, run_command, start_command
from tests.hardening.rig import build_invite, connect, status_of

YEARS_AGO = timedelta(days=20 * 365)


def remove(home: Path) -> str:
    (home / "certs" / "router.pem").unlink()
    return "does not exist"


def make_unreadable(home: Path) -> str:
    # A folder cannot be read as a file by anybody, root included.
    (home / "certs" / "router.pem").unlink()
    (home / "certs" / "router.pem").mkdir()
    return "directory"


def damage(home: Path) -> str:
    (home / "certs" / "router.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", "ascii"
    )
    return "certificate"


def let_expire(home: Path) -> str:
    write_lab_certificates(home / "certs", hosts=["localhost"], now=datetime.now(UTC) - YEARS_AGO, overwrite=True)
    return "expired on"


@pytest.mark.parametrize("spoil", [remove, make_unreadable, damage, let_expire])
@pytest.mark.parametrize("command", ["serve", "check"])
def test_unusable_certificate_is_named_with_the_reason_and_the_exit_code_is_2(
    home: Path, command: str, spoil: Callable[[Path], str]
) -> None:
    reason = spoil(home)
    ended = run_command(command, "-c", "router.toml", cwd=home)
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    [line] = [line for line in ended.stderr.splitlines() if "router.pem" in line]
    assert reason in line.lower()


def test_key_of_another_certificate_is_named_and_the_exit_code_is_2(home: Path) -> None:
    shutil.copy(home / "certs" / "client-key.pem", home / "certs" / "router-key.pem")
    ended = run_command("serve", "-c", "router.toml", cwd=home)
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert "router-key.pem" in line
    assert "does not belong" in line


def replace_certificates(home: Path, source: Path) -> None:
    """As a renewal does it: write beside, then rename over; the key first, so that the certificate comes last."""
    for name in ("ca.pem", "router-key.pem", "router.pem"):
        beside = home / "certs" / f".{name}.new"
        shutil.copy(source / name, beside)
        beside.replace(home / "certs" / name)


async def read_fingerprint(port: int, context: ssl.SSLContext) -> bytes:
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="localhost")
    certificate: bytes = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return certificate


async def read_readiness(port: int) -> dict[str, object]:
    async with connect(port) as probe:
        await probe.send(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        page: dict[str, object] = json.loads((await probe.read_to_end()).partition(b"\r\n\r\n")[2])
    return page


async def test_new_certificates_are_taken_up_while_a_connection_lives(home: Path, tmp_path: Path) -> None:
    renewed = tmp_path / "renewed"
    write_lab_certificates(renewed, hosts=["localhost"], now=datetime.now(UTC))
    old_context = build_client_context(home / "certs")
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        port = read_ports(await router.read_event("listening"))["TLS"]
        before = await read_fingerprint(port, old_context)
        async with connect(port, old_context) as living:
            assert status_of(await living.exchange(build_invite("before"))) == 302
            replace_certificates(home, renewed)
            await router.read_event("certificates reloaded")
            new_context = build_client_context(renewed)
            assert await read_fingerprint(port, new_context) != before
            async with connect(port, new_context) as caller:
                assert status_of(await caller.exchange(build_invite("after"))) == 302
            # The old connection goes on as it was.
            assert status_of(await living.exchange(build_invite("still"))) == 302
        with pytest.raises(ssl.SSLCertVerificationError):
            await read_fingerprint(port, old_context)
        await assert_refused_without_certificate(port, renewed / "ca.pem")
        await router.stop()


async def assert_refused_without_certificate(port: int, ca_file: Path) -> None:
    nobody = ssl.create_default_context(cafile=str(ca_file))
    try:
        # In TLS 1.3 the refusal comes after the client's side is done: it shows when something is read.
        async with connect(port, nobody) as caller:
            await caller.send(build_invite("nobody"))
            assert await caller.read_to_end() == b""
    except (ssl.SSLError, ConnectionError):
        return  # refused by an alert, or by a close that overtook it


async def test_broken_replacement_keeps_the_last_good_one_and_readiness_shows_it(home: Path) -> None:
    context = build_client_context(home / "certs")
    good = (home / "certs" / "router.pem").read_bytes()
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        before = await read_fingerprint(ports["TLS"], context)
        (home / "certs" / "router.pem").write_text("not a certificate", "ascii")
        warning = await router.read_event("certificates not reloaded")
        assert "router.pem" in warning["problem"]
        assert await read_fingerprint(ports["TLS"], context) == before
        page = await read_readiness(ports["HTTP"])
        assert any("router.pem" in problem for problem in page["problems"])  # type: ignore[attr-defined]
        assert page["ready"] is True
        (home / "certs" / "router.pem").write_bytes(good)
        await router.read_event("certificates reloaded")
        assert (await read_readiness(ports["HTTP"]))["problems"] == []
        await router.stop()


async def test_expired_replacement_keeps_the_last_good_one(home: Path, tmp_path: Path) -> None:
    expired = tmp_path / "expired"
    write_lab_certificates(expired, hosts=["localhost"], now=datetime.now(UTC) - YEARS_AGO)
    context = build_client_context(home / "certs")
    async with start_command("serve", "-c", "router.toml", cwd=home) as router:
        ports = read_ports(await router.read_event("listening"))
        before = await read_fingerprint(ports["TLS"], context)
        replace_certificates(home, expired)
        assert "expired" in (await router.read_event("certificates not reloaded"))["problem"]
        assert await read_fingerprint(ports["TLS"], context) == before
        page = await read_readiness(ports["HTTP"])
        assert any("expired" in problem for problem in page["problems"])  # type: ignore[attr-defined]
        await router.stop()
