"""TLS: contexts of both sides from files, their replacement at run time, the identity of a peer.

Client certificates are verified by the TLS library against one CA file (RFC 5922 7.3, EXCHANGE-UM A5); which names
are welcome is policy and decided elsewhere. Handshakes are run by the listener.

No tickets, no TLS 1.3 resumption, no renegotiation, no compression. TLS 1.2 session ids remain: Python cannot switch
OpenSSL's cache off. Such a session lives as long as its context, which a reload replaces, and keeps its certificate.
"""

import functools
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from callrouter.wire import PeerCertificate


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The PEM files that a server context is made of."""

    certificate_file: Path
    """The server's certificate, followed by its intermediates."""

    private_key_file: Path
    """The key of that certificate, not encrypted. May be the same file."""

    ca_file: Path | None = None
    """The CA certificates that clients are verified against; None where clients show none."""


@dataclass(frozen=True, slots=True)
class TlsPolicy:
    """What is asked of clients."""

    require_client_certificate: bool = True
    """Refuse clients without a certificate. Where false, one that is shown is verified still, if there is a CA."""

    minimum_version: Literal["1.2", "1.3"] = "1.2"
    """The oldest TLS version spoken."""


class TlsConfigurationError(Exception):
    """The files make no server context. `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class ServerTls:
    """Holds the context that new connections are accepted with.

    Raises:
        TlsConfigurationError: at construction, where the files make no context.
    """

    __slots__ = ("_context", "_files", "_policy")

    def __init__(self, files: TlsFiles, policy: TlsPolicy) -> None:
        self._files = files
        self._policy = policy
        self._context = build_server_context(files, policy)

    @property
    def files(self) -> TlsFiles:
        """What it is made of."""
        return self._files

    @property
    def context(self) -> ssl.SSLContext:
        """The context for the next handshake."""
        return self._context

    def reload(self) -> None:
        """Read the files again. Connections that exist keep the context they have.

        Raises:
            TlsConfigurationError: something is wrong with the new files; the old context stays in use.
        """
        self._context = build_server_context(self._files, self._policy)


def build_server_context(files: TlsFiles, policy: TlsPolicy) -> ssl.SSLContext:
    """Build a whole new server context.

    Raises:
        TlsConfigurationError: with every problem of the files, each naming its file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if policy.minimum_version == "1.3" else ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0
    problems = [*_load_identity(context, files), *_load_authorities(context, files.ca_file, policy)]
    if problems:
        raise TlsConfigurationError(tuple(problems))
    return context


def build_client_context(
    ca_file: Path | None, identity: TlsFiles | None = None, *, verify_host: bool = True
) -> ssl.SSLContext:
    """Build the context of an outgoing connection.

    ca_file: who the server's certificate has to come from; None verifies nothing. identity: what we show (its own CA
    file is not looked at). verify_host: compare the server's names with the host that was asked for, too.

    Raises:
        TlsConfigurationError: with every problem of the files, each naming its file.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = verify_host and ca_file is not None
    problems = [] if identity is None else _load_identity(context, identity)
    if ca_file is None:
        context.verify_mode = ssl.CERT_NONE
    else:
        problem = _certificates_problem("CA file", ca_file, context)
        problems += [problem] if problem else []
    if problems:
        raise TlsConfigurationError(tuple(problems))
    return context


def peer_certificate(certificate: Mapping[str, Any] | None) -> PeerCertificate | None:
    """Read the identities of the certificate that a peer has proved to own, None where it showed none.

    certificate: as `ssl.SSLObject.getpeercert` has it; empty where it was not verified.
    """
    if not certificate:
        return None
    alternatives = cast("tuple[tuple[str, str], ...]", certificate.get("subjectAltName", ()))
    subject = cast("tuple[tuple[tuple[str, str], ...], ...]", certificate.get("subject", ()))
    common_names = [value for part in subject for kind, value in part if kind == "commonName"]
    return _shared_certificate(
        tuple(value.lower() for kind, value in alternatives if kind == "DNS"),
        common_names[-1].lower() if common_names else "",  # the last one is the most specific
    )


_shared_certificate = functools.lru_cache(4096)(PeerCertificate)
"""One for all connections of a gateway, which may keep hundreds."""


def _load_identity(context: ssl.SSLContext, files: TlsFiles) -> list[str]:
    """Load certificate and key; return what is wrong with them."""
    certificate, key = files.certificate_file, files.private_key_file
    problems = [
        problem
        for problem in (
            _certificates_problem("certificate file", certificate),
            _private_key_problem(key),
        )
        if problem
    ]
    if problems:
        return problems
    try:
        # The callback keeps OpenSSL from asking for a password on the terminal.
        context.load_cert_chain(certificate, key, password=bytes)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            return [f"private key file {key}: the key does not belong to the certificate in {certificate}"]
        return [f"certificate file {certificate} with private key file {key}: {_words(error)}"]
    except OSError as error:
        return [f"certificate file {certificate} with private key file {key}: {_why_unreadable(error)}"]
    return []


def _load_authorities(context: ssl.SSLContext, ca_file: Path | None, policy: TlsPolicy) -> list[str]:
    """Load the CA and set verification; return what is wrong with it."""
    if ca_file is None:
        if policy.require_client_certificate:
            return ["client certificates are required, but no CA file is set to verify them against"]
        context.verify_mode = ssl.CERT_NONE
        return []
    problem = _certificates_problem("CA file", ca_file, context)
    if problem:
        return [problem]
    context.verify_mode = ssl.CERT_REQUIRED if policy.require_client_certificate else ssl.CERT_OPTIONAL
    return []


def _certificates_problem(role: str, path: Path, context: ssl.SSLContext | None = None) -> str:
    """Load the certificates of a file as trusted ones, by default into a context of no use; say what is wrong."""
    try:
        text = path.read_bytes().decode("ascii", "replace")
    except OSError as error:
        return f"{role} {path}: {_why_unreadable(error)}"
    if "-----BEGIN CERTIFICATE-----" not in text and "-----BEGIN TRUSTED CERTIFICATE-----" not in text:
        return f"{role} {path}: {'is empty' if not text.strip() else 'holds no PEM certificate'}"
    try:
        (context or ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)).load_verify_locations(
            cadata=text.encode("ascii", "ignore").decode("ascii")
        )
    except ssl.SSLError as error:
        return f"{role} {path}: holds a damaged certificate: {_words(error)}"
    return ""


def _private_key_problem(path: Path) -> str:
    """Say what is wrong with a key file, as far as that can be told without its certificate."""
    try:
        text = path.read_bytes()
    except OSError as error:
        return f"private key file {path}: {_why_unreadable(error)}"
    if b"PRIVATE KEY-----" not in text:
        return f"private key file {path}: {'is empty' if not text.strip() else 'holds no PEM private key'}"
    if b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in text or b"Proc-Type: 4,ENCRYPTED" in text:
        return f"private key file {path}: the key is encrypted; a server needs one without a password"
    return ""


def _why_unreadable(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    return f"cannot be read: {(error.strerror or str(error)).lower()}"


def _words(error: ssl.SSLError) -> str:
    """OpenSSL's reason as words; its place in OpenSSL's source helps nobody."""
    return error.reason.replace("_", " ").lower() if error.reason else str(error)
