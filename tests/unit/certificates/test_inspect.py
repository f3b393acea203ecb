"""What a certificate file says, and how a file that says nothing is named."""

import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.certificates.authority import write_lab_certificates
from callrouter.certificates.inspect import CertificateFacts, UnreadableCertificate, days_left, inspect_certificate

FINGERPRINT_LENGTH = 32 * 3 - 1
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def test_facts_of_a_lab_certificate_are_what_was_asked_for(tmp_path: Path) -> None:
    lab = write_lab_certificates(tmp_path, hosts=("um.example.com", "192.0.2.7"), now=NOW)
    facts = inspect_certificate(lab.router_file)
    der = ssl.PEM_cert_to_DER_cert(lab.router_file.read_text())
    assert facts == CertificateFacts(
        subject="CN=um.example.com",
        common_name="um.example.com",
        dns_names=("um.example.com", "localhost"),
        ip_addresses=("192.0.2.7", "127.0.0.1", "::1"),
        not_before=NOW - timedelta(hours=1),
        not_after=NOW - timedelta(hours=1) + timedelta(days=825),
        issuer="CN=callrouter lab CA",
        fingerprint_sha256=hashlib.sha256(der).digest().hex(":").upper(),
    )


def test_first_of_a_chain_is_read(tmp_path: Path) -> None:
    lab = write_lab_certificates(tmp_path, hosts=("um.example.com",), now=NOW)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(lab.client_key_file.read_bytes() + lab.client_file.read_bytes() + lab.ca_file.read_bytes())
    assert inspect_certificate(chain) == inspect_certificate(lab.client_file)


def test_certificate_without_names_has_empty_facts(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    nameless = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "nameless.pem"
    file.write_bytes(nameless.public_bytes(Encoding.PEM))
    facts = inspect_certificate(file)
    assert (facts.subject, facts.common_name, facts.dns_names, facts.ip_addresses) == ("", "", (), ())


def test_missing_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "absent.pem"
    with pytest.raises(UnreadableCertificate, match=r"absent\.pem: No such file") as caught:
        inspect_certificate(file)
    assert caught.value.file == file


def test_directory_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnreadableCertificate, match="Is a directory"):
        inspect_certificate(tmp_path)


def test_key_in_place_of_a_certificate_is_named(tmp_path: Path) -> None:
    lab = write_lab_certificates(tmp_path, hosts=(), now=NOW)
    with pytest.raises(UnreadableCertificate, match=r"router-key\.pem: no usable PEM certificate"):
        inspect_certificate(lab.router_key_file)


@pytest.fixture(scope="module")
def good_pem(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return write_lab_certificates(tmp_path_factory.mktemp("good"), hosts=(), now=NOW).ca_file.read_bytes()


@pytest.fixture(scope="module")
def scratch_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("scratch") / "damaged.pem"


@example(position=48, octet=47)  # the serial number becomes negative
@given(position=st.integers(0, 10_000), octet=st.integers(0, 255))
def test_damaged_certificate_is_read_or_refused_as_documented(
    good_pem: bytes, scratch_file: Path, position: int, octet: int
) -> None:
    damaged = bytearray(good_pem)
    damaged[position % len(damaged)] = octet
    scratch_file.write_bytes(damaged)
    try:
        read_fingerprint = inspect_certificate(scratch_file).fingerprint_sha256
    except UnreadableCertificate as error:
        read_fingerprint = f"refused {error.file}"
    assert len(read_fingerprint) == FINGERPRINT_LENGTH or read_fingerprint == f"refused {scratch_file}"


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (timedelta(0), 825),
        (timedelta(seconds=1), 824),
        (timedelta(days=825), 0),
        (timedelta(days=825, seconds=1), -1),
        (timedelta(days=900), -75),
    ],
)
def test_days_left_counts_whole_days_down_through_zero(tmp_path: Path, after: timedelta, days: int) -> None:
    lab = write_lab_certificates(tmp_path, hosts=(), now=NOW)
    facts = inspect_certificate(lab.client_file)
    assert days_left(facts, facts.not_before + after) == days
