"""The lab CA: what the files hold, that TLS accepts them, and that no torn set is taken for a whole one."""

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from callrouter.certificates.authority import (
    FILE_NAMES,
    IncompleteCertificates,
    LabCertificates,
    write_lab_certificates,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HOSTS = ("192.0.2.7", "UM01.Example.com.", "2001:db8::7", "um02.example.com", "um01.example.com")
LEAVES = ("router.pem", "mailbox.pem", "client.pem")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> LabCertificates:
    return write_lab_certificates(tmp_path_factory.mktemp("lab") / "new" / "certs", hosts=HOSTS, now=NOW)


def read(lab: LabCertificates, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((lab.directory / name).read_bytes())


def test_lab_certificates_when_written_are_exactly_the_named_files(lab: LabCertificates) -> None:
    assert lab.written
    assert sorted(file.name for file in lab.directory.iterdir()) == sorted(FILE_NAMES)
    properties = (
        lab.ca_file,
        lab.router_file,
        lab.router_key_file,
        lab.mailbox_file,
        lab.mailbox_key_file,
        lab.client_file,
        lab.client_key_file,
    )
    assert all(file.exists() for file in properties)


def test_private_keys_when_written_are_readable_by_the_owner_only(lab: LabCertificates) -> None:
    modes = {name: (lab.directory / name).stat().st_mode & 0o777 for name in FILE_NAMES}
    assert {mode for name, mode in modes.items() if name.endswith("-key.pem")} == {0o600}


@pytest.mark.parametrize("name", ["router.pem", "mailbox.pem"])
def test_server_certificate_carries_every_host_and_the_loopback_names(lab: LabCertificates, name: str) -> None:
    names = read(lab, name).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["um01.example.com", "um02.example.com", "localhost"]
    assert names.get_values_for_type(x509.IPAddress) == [
        ip_address(address) for address in ("192.0.2.7", "2001:db8::7", "127.0.0.1", "::1")
    ]
    (common_name,) = read(lab, name).subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == "um01.example.com"


def test_client_certificate_carries_only_the_client_name(lab: LabCertificates) -> None:
    certificate = read(lab, "client.pem")
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.DNSName("client.callrouter.test")]
    assert certificate.subject.rfc4514_string() == "CN=client.callrouter.test"


@pytest.mark.parametrize("name", LEAVES)
def test_leaf_extensions_serve_both_ends_of_mutual_tls(lab: LabCertificates, name: str) -> None:
    leaf, authority = read(lab, name), read(lab, "ca.pem")
    extensions = leaf.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(usage) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    key_usage = extensions.get_extension_for_class(x509.KeyUsage)
    assert (key_usage.critical, key_usage.value.digital_signature, key_usage.value.key_cert_sign) == (True, True, False)
    authority_id = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    assert extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier == authority_id
    assert extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest != authority_id
    leaf.verify_directly_issued_by(authority)


def test_authority_extensions_allow_leaves_only(lab: LabCertificates) -> None:
    extensions = read(lab, "ca.pem").extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=0)
    assert extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


@pytest.mark.parametrize(("name", "days"), [("ca.pem", 3650), *((name, 825) for name in LEAVES)])
def test_validity_begins_an_hour_ago_and_lasts_as_documented(lab: LabCertificates, name: str, days: int) -> None:
    certificate = read(lab, name)
    assert certificate.not_valid_before_utc == NOW - timedelta(hours=1)
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(days=days)


def test_keys_are_p256_and_differ(lab: LabCertificates) -> None:
    keys = [read(lab, name).public_key() for name in ("ca.pem", *LEAVES)]
    assert all(isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1) for key in keys)
    assert len({read(lab, name).fingerprint(read(lab, name).signature_hash_algorithm) for name in LEAVES}) == 3  # type: ignore[arg-type]
    numbers = {key.public_numbers() for key in keys if isinstance(key, ec.EllipticCurvePublicKey)}
    assert len(numbers) == 4


def strict_context(purpose: int, ca_file: Path, certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(purpose)
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(ca_file)
    context.load_cert_chain(certificate, key)
    return context


def handshake(client: ssl.SSLObject, server: ssl.SSLObject) -> None:
    """Both ends take turns in memory until both are through."""
    pending = [client, server]
    for _ in range(10):
        for end in list(pending):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            pending.remove(end)
        if not pending:
            return
    raise AssertionError("the handshake did not end")


@pytest.mark.parametrize("host", ["um02.example.com", "192.0.2.7", "::1", "localhost"])
@pytest.mark.parametrize(("server_name", "client_name"), [("router", "client"), ("mailbox", "router")])
def test_strict_mutual_tls_with_the_written_files_succeeds(
    tmp_path: Path, host: str, server_name: str, client_name: str
) -> None:
    lab = write_lab_certificates(tmp_path, hosts=HOSTS, now=datetime.now(UTC))
    files = {name: (tmp_path / f"{name}.pem", tmp_path / f"{name}-key.pem") for name in (server_name, client_name)}
    server_context = strict_context(ssl.PROTOCOL_TLS_SERVER, lab.ca_file, *files[server_name])
    client_context = strict_context(ssl.PROTOCOL_TLS_CLIENT, lab.ca_file, *files[client_name])
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server, server_hostname=host)
    handshake(client, server)
    peer = server.getpeercert()
    assert peer is not None
    assert peer["subject"]


def test_whole_set_without_overwrite_is_kept(tmp_path: Path) -> None:
    write_lab_certificates(tmp_path, hosts=(), now=NOW)
    before = {name: (tmp_path / name).read_bytes() for name in FILE_NAMES}
    again = write_lab_certificates(tmp_path, hosts=("other.example.com",), now=NOW)
    assert not again.written
    assert {name: (tmp_path / name).read_bytes() for name in FILE_NAMES} == before


def test_whole_set_with_overwrite_is_replaced_throughout(tmp_path: Path) -> None:
    write_lab_certificates(tmp_path, hosts=(), now=NOW)
    before = {name: (tmp_path / name).read_bytes() for name in FILE_NAMES}
    assert write_lab_certificates(tmp_path, hosts=(), now=NOW, overwrite=True).written
    assert all((tmp_path / name).read_bytes() != before[name] for name in FILE_NAMES)


def test_partial_set_without_overwrite_is_refused_naming_what_is_missing(tmp_path: Path) -> None:
    write_lab_certificates(tmp_path, hosts=(), now=NOW)
    (tmp_path / "router-key.pem").unlink()
    (tmp_path / "client.pem").unlink()
    with pytest.raises(IncompleteCertificates, match=r"missing router-key\.pem, client\.pem") as caught:
        write_lab_certificates(tmp_path, hosts=(), now=NOW)
    assert caught.value.missing == ("router-key.pem", "client.pem")
    assert str(tmp_path) in str(caught.value)


def test_partial_set_with_overwrite_becomes_whole(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("not a certificate")
    assert write_lab_certificates(tmp_path, hosts=(), now=NOW, overwrite=True).written
    assert {file.name for file in tmp_path.iterdir()} == set(FILE_NAMES)


def test_overwrite_that_fails_half_way_leaves_a_set_that_is_seen_as_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_lab_certificates(tmp_path, hosts=(), now=NOW)
    put = Path.replace

    def fail_on_mailbox(file: Path, target: Path) -> Path:
        if target.name == "mailbox.pem":
            raise OSError("disk full")
        return put(file, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fail_on_mailbox)
        with pytest.raises(OSError, match="disk full"):
            write_lab_certificates(tmp_path, hosts=(), now=NOW, overwrite=True)
    assert not list(tmp_path.glob(".*")), "nothing half-written stays"
    with pytest.raises(IncompleteCertificates, match=r"ca\.pem"):
        write_lab_certificates(tmp_path, hosts=(), now=NOW)


def test_left_over_of_a_run_that_was_cut_off_does_not_keep_its_mode(tmp_path: Path) -> None:
    stale = tmp_path / ".ca-key.pem.new"
    stale.touch(mode=0o666)
    lab = write_lab_certificates(tmp_path, hosts=(), now=NOW)
    assert (lab.directory / "ca-key.pem").stat().st_mode & 0o777 == 0o600
    assert not stale.exists()


def test_common_name_without_dns_host_is_localhost(tmp_path: Path) -> None:
    lab = write_lab_certificates(tmp_path, hosts=("192.0.2.1",), now=NOW)
    assert read(lab, "router.pem").subject.rfc4514_string() == "CN=localhost"


def test_host_too_long_for_a_common_name_is_a_san_only(tmp_path: Path) -> None:
    long_host = ".".join(["a" * 60, "b" * 60, "example"])
    lab = write_lab_certificates(tmp_path, hosts=(long_host, "short.example"), now=NOW)
    names = read(lab, "router.pem").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert long_host in names.get_values_for_type(x509.DNSName)
    assert read(lab, "router.pem").subject.rfc4514_string() == "CN=short.example"


@pytest.mark.parametrize(
    "host", ["", " ", "a..b", "-a.example", "a" * 64, "b\u00fccher.example", "a b", "300.1.1.1", "x\n", "[::1]", "."]
)
def test_host_that_is_no_name_and_no_address_is_refused_before_anything_is_written(tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError, match="neither a DNS name nor an IP address"):
        write_lab_certificates(tmp_path / "certs", hosts=(host,), now=NOW)
    assert not (tmp_path / "certs").exists()


def test_instant_without_time_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write_lab_certificates(tmp_path, hosts=(), now=NOW.replace(tzinfo=None))
