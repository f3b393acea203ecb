"""Makes the certificate authority of a lab and the certificates that its servers and callers present.

Both ends of mutual TLS present a leaf, and a Mailbox server calls as well as it is called, so every leaf may do both.
EXCHANGE-UM section 5 (names in SAN), RFC 5280 4.2.1 (extensions), RFC 5922 7.1 (identities). Knows nothing of TLS
sessions; what a certificate says is read in `inspect`.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

CA_VALIDITY = timedelta(days=3650)
LEAF_VALIDITY = timedelta(days=825)
"""The longest that strict TLS clients accept."""
BACKDATING = timedelta(hours=1)
"""Forgives clocks that run late."""
CLIENT_NAME = "client.callrouter.test"

_MAX_COMMON_NAME = 64  # ub-common-name, RFC 5280 appendix A
_MAX_DNS_NAME = 253
_DNS_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_KEY_MODE = 0o600
_CERTIFICATE_MODE = 0o644
_PAIRS = (("ca.pem", "ca-key.pem"), ("router.pem", "router-key.pem"), ("mailbox.pem", "mailbox-key.pem"),
          ("client.pem", "client-key.pem"))  # fmt: skip

FILE_NAMES = tuple(name for pair in _PAIRS for name in pair)
"""Exactly what a directory of lab certificates holds."""


class IncompleteCertificates(Exception):  # noqa: N818 - STYLE: errors say what was wrong
    """A directory holds some of the files and lacks others, so it is neither used nor written over."""

    def __init__(self, directory: Path, missing: tuple[str, ...]) -> None:
        super().__init__(f"{directory}: incomplete set of certificates, missing {', '.join(missing)}")
        self.directory = directory
        self.missing = missing


@dataclass(frozen=True, slots=True)
class LabCertificates:
    """Where the files of a lab are.

    written: True where this call made them, False where they were there and were kept.
    """

    directory: Path
    written: bool

    @property
    def ca_file(self) -> Path:
        """The certificate that every other one is signed by."""
        return self.directory / "ca.pem"

    @property
    def router_file(self) -> Path:
        """What the router presents."""
        return self.directory / "router.pem"

    @property
    def router_key_file(self) -> Path:
        """The key of `router_file`."""
        return self.directory / "router-key.pem"

    @property
    def mailbox_file(self) -> Path:
        """What the emulated Mailbox server presents."""
        return self.directory / "mailbox.pem"

    @property
    def mailbox_key_file(self) -> Path:
        """The key of `mailbox_file`."""
        return self.directory / "mailbox-key.pem"

    @property
    def client_file(self) -> Path:
        """What a caller presents; its only name is `CLIENT_NAME`."""
        return self.directory / "client.pem"

    @property
    def client_key_file(self) -> Path:
        """The key of `client_file`."""
        return self.directory / "client-key.pem"


@dataclass(frozen=True, slots=True)
class _Names:
    """The names one leaf is made out to."""

    common_name: str
    dns_names: tuple[str, ...] = ()
    addresses: tuple[IPv4Address | IPv6Address, ...] = ()


@dataclass(frozen=True, slots=True)
class _Issued:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def write_lab_certificates(
    directory: Path, *, hosts: Sequence[str], now: datetime, overwrite: bool = False
) -> LabCertificates:
    """Make the files of `FILE_NAMES` in `directory`, which is created, unless all of them are there.

    hosts: DNS names and IP addresses that router and Mailbox server are reached by; localhost, 127.0.0.1 and ::1 are
    added. now: with a time zone; validity counts from an hour before it. overwrite: make a new set over any old one.

    Raises:
        IncompleteCertificates: some of the files are there, others are not, and `overwrite` is False.
        ValueError: a host is neither a DNS name nor an IP address, or `now` has no time zone.
        OSError: a file cannot be written.
    """
    if now.tzinfo is None:
        raise ValueError("now has no time zone")
    names = _server_names(hosts)
    missing = tuple(name for name in FILE_NAMES if not (directory / name).exists())
    if not overwrite:
        if not missing:
            return LabCertificates(directory, written=False)
        if len(missing) < len(FILE_NAMES):
            raise IncompleteCertificates(directory, missing)
    directory.mkdir(parents=True, exist_ok=True)
    _put(directory, _make_set(names, now.astimezone(UTC) - BACKDATING))
    return LabCertificates(directory, written=True)


def _server_names(hosts: Sequence[str]) -> _Names:
    dns_names: dict[str, None] = {}
    addresses: dict[IPv4Address | IPv6Address, None] = {}
    for host in (*hosts, "localhost", "127.0.0.1", "::1"):
        try:
            addresses[ip_address(host)] = None
        except ValueError:
            dns_names[_dns_name(host)] = None
    # A name too long for a CN can only be a SAN, which is where RFC 5922 7.1 looks first.
    common_name = next(name for name in dns_names if len(name) <= _MAX_COMMON_NAME)
    return _Names(common_name, tuple(dns_names), tuple(addresses))


def _dns_name(host: str) -> str:
    name = host.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > _MAX_DNS_NAME or not all(_DNS_LABEL.fullmatch(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{host!r} is neither a DNS name nor an IP address")
    return name


def _make_set(names: _Names, not_before: datetime) -> dict[str, bytes]:
    """The content of every file by its name."""
    authority = _issue_authority(not_before)
    client = _Names(CLIENT_NAME, (CLIENT_NAME,))
    issued = (authority, *(_issue_leaf(authority, leaf, not_before) for leaf in (names, names, client)))
    content: dict[str, bytes] = {}
    for (certificate_name, key_name), one in zip(_PAIRS, issued, strict=True):
        content[certificate_name] = one.certificate.public_bytes(Encoding.PEM)
        content[key_name] = one.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return content


def _issue_authority(not_before: datetime) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject("callrouter lab CA")
    builder = (
        _certificate_of(name, key.public_key(), not_before, CA_VALIDITY)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return _Issued(builder.sign(key, hashes.SHA256()), key)


def _issue_leaf(authority: _Issued, names: _Names, not_before: datetime) -> _Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    alternatives = [*map(x509.DNSName, names.dns_names), *map(x509.IPAddress, names.addresses)]
    authority_id = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _certificate_of(_subject(names.common_name), key.public_key(), not_before, LEAF_VALIDITY)
        .issuer_name(authority.certificate.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority_id),
            critical=False,
        )
    )
    return _Issued(builder.sign(authority.key, hashes.SHA256()), key)


def _certificate_of(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, not_before: datetime, validity: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(not_before)
        .not_valid_after(not_before + validity)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _subject(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _put(directory: Path, content: dict[str, bytes]) -> None:
    """Write all under other names, then rename: ca.pem goes first and comes last, so a torn set always lacks it."""
    waiting = {name: directory / f".{name}.new" for name in content}
    try:
        for name, data in content.items():
            _write_new(waiting[name], data, _KEY_MODE if name.endswith("-key.pem") else _CERTIFICATE_MODE)
        (directory / "ca.pem").unlink(missing_ok=True)
        for name in (*(name for name in content if name != "ca.pem"), "ca.pem"):
            waiting[name].replace(directory / name)
    finally:
        for file in waiting.values():
            file.unlink(missing_ok=True)


def _write_new(file: Path, data: bytes, mode: int) -> None:
    file.unlink(missing_ok=True)  # left by a run that was cut off
    # O_EXCL with the mode: a key is never readable by others, not even between creation and chmod.
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as stream:  # noqa: PTH123 - Path.open takes no descriptor
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
