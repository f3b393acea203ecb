"""Reads what a certificate file says: names, validity, fingerprint. Judges nothing and verifies no chain.

For start-up checks, the expiry warning that the product has too (EXCHANGE-UM section 6) and the certificate list of
/readyz.
"""

import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID


class UnreadableCertificate(Exception):  # noqa: N818 - STYLE: errors say what was wrong
    """A file cannot be read, or holds no certificate that can be understood."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem}")
        self.file = file
        self.problem = problem


@dataclass(frozen=True, slots=True)
class CertificateFacts:
    """What one certificate says, as it says it.

    subject, issuer: as RFC 4514 text. common_name: the subject's first CN, or "". dns_names, ip_addresses: from
    subjectAltName, in its order. not_before, not_after: with time zone UTC. fingerprint_sha256: as openssl prints it,
    upper-case octets with colons.
    """

    subject: str
    common_name: str
    dns_names: tuple[str, ...]
    ip_addresses: tuple[str, ...]
    not_before: datetime
    not_after: datetime
    issuer: str
    fingerprint_sha256: str


def inspect_certificate(file: Path) -> CertificateFacts:
    """Read the first certificate of a PEM file.

    Raises:
        UnreadableCertificate: names the file and says why.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UnreadableCertificate(file, error.strerror or str(error)) from error
    try:
        # The library warns of what RFC 5280 forbids and OpenSSL takes, such as a serial number of 0.
        with warnings.catch_warnings(action="ignore", category=CryptographyDeprecationWarning):
            return _facts(x509.load_pem_x509_certificate(data))
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise UnreadableCertificate(file, f"no usable PEM certificate: {error}") from error


def days_left(facts: CertificateFacts, now: datetime) -> int:
    """Whole days until the certificate expires; negative once it has. `now` has a time zone."""
    return (facts.not_after - now).days


def _facts(certificate: x509.Certificate) -> CertificateFacts:
    dns_names: list[str] = []
    addresses: list[str] = []
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        alternatives = None
    if alternatives is not None:
        dns_names = alternatives.get_values_for_type(x509.DNSName)
        addresses = [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)]
    common_names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return CertificateFacts(
        subject=certificate.subject.rfc4514_string(),
        common_name=str(common_names[0].value) if common_names else "",
        dns_names=tuple(dns_names),
        ip_addresses=tuple(addresses),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        issuer=certificate.issuer.rfc4514_string(),
        fingerprint_sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
    )
