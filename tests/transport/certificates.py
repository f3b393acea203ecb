"""Throw-away certificates: authorities, and what they sign. EC keys, because they are made in a millisecond."""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callrouter.transport.tls import TlsFiles

_NOW = dt.datetime.now(dt.UTC)
_DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Identity:
    certificate_file: Path
    private_key_file: Path


class Authority:
    def __init__(self, directory: Path, name: str) -> None:
        self.directory = directory
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.certificate_file = directory / f"{name}.pem"
        certificate = (
            x509.CertificateBuilder()
            .subject_name(self.name)
            .issuer_name(self.name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - 30 * _DAY)
            .not_valid_after(_NOW + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self.key, hashes.SHA256())
        )
        self.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, label: str, common_name: str, *, dns_names: tuple[str, ...] = (), expired: bool = False
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)]))
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(_NOW - 20 * _DAY)
            .not_valid_after(_NOW - 10 * _DAY if expired else _NOW + 10 * _DAY)
        )
        if dns_names:
            names = x509.SubjectAlternativeName([x509.DNSName(name) for name in dns_names])
            builder = builder.add_extension(names, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        identity = Identity(self.directory / f"{label}.pem", self.directory / f"{label}-key.pem")
        identity.certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        identity.private_key_file.write_bytes(pem_of(key))
        return identity


def pem_of(key: ec.EllipticCurvePrivateKey, password: bytes = b"") -> bytes:
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password:
        encryption = serialization.BestAvailableEncryption(password)
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


class LabCertificates:
    """One authority that the server trusts, one that it does not, and who they vouch for."""

    def __init__(self, directory: Path) -> None:
        self.authority = Authority(directory, "lab-ca")
        self.other_authority = Authority(directory, "other-ca")
        self.server = self.authority.issue("server", "router.example", dns_names=("router.example",))
        self.client = self.authority.issue("client", "Gateway.Example", dns_names=("GW1.example", "gw2.example"))
        self.nameless_client = self.authority.issue("nameless", "Only-CN.example")
        self.expired_client = self.authority.issue("expired", "old.example", expired=True)
        self.stranger = self.other_authority.issue("stranger", "stranger.example")


def files_of(certificates: LabCertificates, ca_file: Path | None = None) -> TlsFiles:
    server = certificates.server
    return TlsFiles(
        server.certificate_file, server.private_key_file, ca_file or certificates.authority.certificate_file
    )
