"""Contexts: files, reload, resumption. Handshakes: test_listener_tls.py, test_client_tls.py."""

import contextlib
import ssl
from pathlib import Path

import pytest

from callrouter.transport.tls import (
    ServerTls,
    TlsConfigurationError,
    TlsFiles,
    TlsPolicy,
    build_client_context,
    build_server_context,
    peer_certificate,
)
from callrouter.wire import PeerCertificate
from tests.transport.certificates import LabCertificates, files_of, pem_of
from tests.transport.rig import (
    client_context,
    close_writer,
    exchange,
    listening,
    refused,
)

# --- reload


async def test_reload_with_changed_ca_applies_to_new_connections_only(
    certificates: LabCertificates, good_client: ssl.SSLContext, tmp_path: Path
) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificates.authority.certificate_file.read_bytes())
    tls = ServerTls(files_of(certificates, ca_file), TlsPolicy())
    stranger = client_context(certificates.authority, certificates.stranger)
    nobody = client_context(certificates.authority, None)
    async with listening(tls=tls) as rig:
        old_reader, old_writer = await rig.open(good_client)
        assert await exchange(old_reader, old_writer, b"old") == b"old"
        await refused(rig, stranger)

        ca_file.write_bytes(certificates.other_authority.certificate_file.read_bytes())
        tls.reload()

        assert "certificate verify failed" in (await refused(rig, good_client, 2)).detail
        assert "peer did not return a certificate" in (await refused(rig, nobody, 3)).detail
        reader, writer = await rig.open(stranger)
        assert await exchange(reader, writer, b"new") == b"new"
        assert await exchange(old_reader, old_writer, b"old still works") == b"old still works"
        await close_writer(writer)
        await close_writer(old_writer)


def test_reload_with_broken_file_keeps_old_context(certificates: LabCertificates, tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_bytes(certificates.authority.certificate_file.read_bytes())
    tls = ServerTls(files_of(certificates, ca_file), TlsPolicy())
    before = tls.context
    ca_file.write_bytes(b"")
    with pytest.raises(TlsConfigurationError, match="is empty"):
        tls.reload()
    assert tls.context is before
    ca_file.write_bytes(certificates.other_authority.certificate_file.read_bytes())
    tls.reload()
    assert tls.context is not before
    assert tls.context.verify_mode is ssl.CERT_REQUIRED


# --- resumption


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None) -> ssl.SSLObject:
    """Run one handshake in memory, offering `session`; return the client's side after one octet was read."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = server.wrap_bio(to_server, to_client, server_side=True)
    calling = client.wrap_bio(to_client, to_server, session=session)
    pending = [calling, serving]
    while pending:
        for side in tuple(pending):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
                pending.remove(side)
    serving.write(b"x")
    assert calling.read(1) == b"x"
    assert serving.session_reused == calling.session_reused
    return calling


def test_session_of_tls_1_3_is_not_resumed(certificates: LabCertificates, good_client: ssl.SSLContext) -> None:
    server = build_server_context(files_of(certificates), TlsPolicy())
    good_client.minimum_version = ssl.TLSVersion.TLSv1_3
    first = shake_hands(server, good_client, None)
    assert first.session is not None
    assert not first.session.has_ticket
    assert not shake_hands(server, good_client, first.session).session_reused


def test_session_of_tls_1_2_does_not_outlive_a_reload(
    certificates: LabCertificates, good_client: ssl.SSLContext
) -> None:
    tls = ServerTls(files_of(certificates), TlsPolicy())
    good_client.maximum_version = ssl.TLSVersion.TLSv1_2
    first = shake_hands(tls.context, good_client, None)
    assert first.session is not None
    assert not first.session.has_ticket
    tls.reload()
    assert not shake_hands(tls.context, good_client, first.session).session_reused


# --- files


def problems_of(files: TlsFiles, policy: TlsPolicy | None = None) -> tuple[str, ...]:
    with pytest.raises(TlsConfigurationError) as raised:
        build_server_context(files, policy or TlsPolicy())
    assert str(raised.value) == "; ".join(raised.value.problems)
    return raised.value.problems


def test_files_all_missing_are_all_named(tmp_path: Path) -> None:
    certificate, key, ca = tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "ca.pem"
    assert problems_of(TlsFiles(certificate, key, ca)) == (
        f"certificate file {certificate}: does not exist",
        f"private key file {key}: does not exist",
        f"CA file {ca}: does not exist",
    )


def test_file_that_is_a_directory_is_said_to_be_unreadable(certificates: LabCertificates, tmp_path: Path) -> None:
    files = TlsFiles(tmp_path, certificates.server.private_key_file, tmp_path)
    assert problems_of(files) == (
        f"certificate file {tmp_path}: cannot be read: is a directory",
        f"CA file {tmp_path}: cannot be read: is a directory",
    )


@pytest.mark.parametrize(
    ("content", "certificate_words", "key_words"),
    [
        (b"", "is empty", "is empty"),
        (b"\x30\x82\xff", "holds no PEM certificate", "holds no PEM private key"),
        (
            b"-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n",
            "holds a damaged certificate: ",
            "holds no PEM private key",
        ),
    ],
)
def test_file_that_is_not_what_it_should_be_is_described(
    tmp_path: Path, content: bytes, certificate_words: str, key_words: str
) -> None:
    file = tmp_path / "file.pem"
    file.write_bytes(content)
    certificate_problem, key_problem, ca_problem = problems_of(TlsFiles(file, file, file))
    assert certificate_problem.startswith(f"certificate file {file}: {certificate_words}")
    assert key_problem == f"private key file {file}: {key_words}"
    assert ca_problem.startswith(f"CA file {file}: {certificate_words}")


def test_key_of_another_certificate_is_told(certificates: LabCertificates) -> None:
    ca_file = certificates.authority.certificate_file
    certificate, key = certificates.server.certificate_file, certificates.client.private_key_file
    assert problems_of(TlsFiles(certificate, key, ca_file)) == (
        f"private key file {key}: the key does not belong to the certificate in {certificate}",
    )


def test_key_that_is_damaged_is_told(certificates: LabCertificates, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    certificate = certificates.server.certificate_file
    (problem,) = problems_of(TlsFiles(certificate, key, certificates.authority.certificate_file))
    assert problem.startswith(f"certificate file {certificate} with private key file {key}: ")


def test_key_that_is_encrypted_is_told_without_asking_for_a_password(
    certificates: LabCertificates, tmp_path: Path
) -> None:
    key = tmp_path / "key.pem"
    key.write_bytes(pem_of(certificates.authority.key, password=b"secret"))
    files = TlsFiles(certificates.server.certificate_file, key, certificates.authority.certificate_file)
    assert problems_of(files) == (
        f"private key file {key}: the key is encrypted; a server needs one without a password",
    )


def test_ca_file_missing_where_clients_must_prove_themselves_is_told(certificates: LabCertificates) -> None:
    server = certificates.server
    assert problems_of(TlsFiles(server.certificate_file, server.private_key_file)) == (
        "client certificates are required, but no CA file is set to verify them against",
    )


def test_files_certificate_and_key_in_one_and_text_around_them_are_accepted(
    certificates: LabCertificates, tmp_path: Path
) -> None:
    both = tmp_path / "both.pem"
    server = certificates.server
    both.write_bytes(server.certificate_file.read_bytes() + server.private_key_file.read_bytes())
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("# Zertifizierungsstelle für das Labor\n" + certificates.authority.certificate_file.read_text())
    context = build_server_context(TlsFiles(both, both, ca_file), TlsPolicy())
    assert len(context.get_ca_certs()) == 1
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.num_tickets == 0


# --- the client's side


def test_server_tls_knows_its_files(certificates: LabCertificates) -> None:
    files = files_of(certificates)
    tls = ServerTls(files, TlsPolicy())
    assert tls.files == files
    tls.reload()
    assert tls.files == files


def test_client_context_without_ca_verifies_nothing(certificates: LabCertificates) -> None:
    context = build_client_context(None)
    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.get_ca_certs() == []
    server = build_server_context(files_of(certificates), TlsPolicy(require_client_certificate=False))
    calling = shake_hands(server, context, None)
    assert peer_certificate(calling.getpeercert()) is None  # what was not verified is nobody's identity


@pytest.mark.parametrize("verify_host", [True, False])
def test_client_context_with_ca_verifies_certificates_and_hosts_where_asked(
    certificates: LabCertificates, verify_host: bool
) -> None:
    context = build_client_context(certificates.authority.certificate_file, verify_host=verify_host)
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname is verify_host
    assert len(context.get_ca_certs()) == 1


def test_client_context_with_identity_shows_it_and_needs_no_ca_of_it(certificates: LabCertificates) -> None:
    client = certificates.client
    identity = TlsFiles(client.certificate_file, client.private_key_file)
    context = build_client_context(certificates.authority.certificate_file, identity, verify_host=False)
    calling = shake_hands(build_server_context(files_of(certificates), TlsPolicy()), context, None)
    assert peer_certificate(calling.getpeercert()) == PeerCertificate(("router.example",), "router.example")


def test_client_context_names_every_problem(certificates: LabCertificates, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    key = certificates.client.private_key_file
    with pytest.raises(TlsConfigurationError) as raised:
        build_client_context(empty, TlsFiles(empty, empty))
    assert raised.value.problems == (
        f"certificate file {empty}: is empty",
        f"private key file {empty}: is empty",
        f"CA file {empty}: is empty",
    )
    with pytest.raises(TlsConfigurationError) as raised:
        build_client_context(None, TlsFiles(certificates.server.certificate_file, key))
    assert raised.value.problems == (
        f"private key file {key}: the key does not belong to the certificate in {certificates.server.certificate_file}",
    )
