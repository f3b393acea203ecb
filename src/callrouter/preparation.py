"""Everything that a router reads before it opens a port: the directory and the certificates. All that is wrong at once.

Used at the start, by `callrouter check`, and again at every reload.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Flag, auto
from pathlib import Path

from callrouter.certificates.inspect import CertificateFacts, UnreadableCertificate, inspect_certificate
from callrouter.directory.model import Directory
from callrouter.readiness import DirectoryOrigin
from callrouter.settings.freeze import freeze_tls
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from callrouter.sources.file import load_directory_file
from callrouter.transport.tls import ServerTls, TlsConfigurationError, TlsFiles


class StartError(Exception):
    """The router cannot start; `problems` are all the reasons that could be found, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Role(Flag):
    """What a process is."""

    ROUTER = auto()
    MAILBOX = auto()


@dataclass(frozen=True, slots=True)
class LoadedDirectory:
    """A directory and what it was made of."""

    document: DirectoryDocument
    directory: Directory
    origin: DirectoryOrigin


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything read and found good; no port is open yet."""

    settings: Settings
    loaded: LoadedDirectory
    server_tls: ServerTls | None
    certificates: tuple[tuple[str, CertificateFacts], ...]
    watched: tuple[Path, ...] = ()
    """Files whose change asks for a reload."""
    roles: Role = Role.ROUTER
    mailbox_tls: ServerTls | None = None
    """Of the emulated Mailbox servers."""

    @property
    def directory(self) -> Directory:
        """The directory to begin with."""
        return self.loaded.directory

    @property
    def origin(self) -> DirectoryOrigin:
        """Where it came from."""
        return self.loaded.origin


def prepare(settings: Settings, config: Path | None = None, roles: Role = Role.ROUTER) -> Prepared:
    """Read the directory and the certificates. config: the file that the settings came from, where there is one.

    Raises:
        StartError: with every problem of both.
    """
    problems: list[str] = []
    loaded: LoadedDirectory | None = None
    try:
        loaded = read_directory(settings)
    except StartError as error:
        problems.extend(error.problems)
    server_tls: ServerTls | None = None
    mailbox_tls: ServerTls | None = None
    certificates: tuple[tuple[str, CertificateFacts], ...] = ()
    try:
        server_tls, mailbox_tls = _read_tls(settings, roles)
        if server_tls is not None or mailbox_tls is not None:
            certificates = inspect_certificates(settings, roles)
    except TlsConfigurationError as error:
        problems.extend(error.problems)
    except UnreadableCertificate as error:
        problems.append(str(error))
    if problems or loaded is None:
        raise StartError(tuple(problems))
    watched = tuple(file for file in (config, settings.directory.file) if file is not None)
    return Prepared(settings, loaded, server_tls, certificates, watched, roles, mailbox_tls)


def _read_tls(settings: Settings, roles: Role) -> tuple[ServerTls | None, ServerTls | None]:
    """TLS of the router and of the emulated Mailbox servers, where they are wanted and listen for it.

    Raises:
        TlsConfigurationError: with all problems of both.
    """
    server_tls: ServerTls | None = None
    mailbox_tls: ServerTls | None = None
    problems: list[str] = []
    try:
        if Role.ROUTER in roles and settings.router.um_startup_mode is not StartupMode.TCP:
            server_tls = ServerTls(*freeze_tls(settings.tls))
    except TlsConfigurationError as error:
        problems.extend(error.problems)
    try:
        if Role.MAILBOX in roles and settings.mailbox.um_startup_mode is not StartupMode.TCP:
            mailbox_tls = _read_mailbox_tls(settings)
    except TlsConfigurationError as error:
        problems.extend(error.problems)
    if problems:
        raise TlsConfigurationError(tuple(dict.fromkeys(problems)))  # both may have the same files
    return server_tls, mailbox_tls


def _read_mailbox_tls(settings: Settings) -> ServerTls:
    """The certificate of the emulated Mailbox servers, their own or the router's.

    Raises:
        TlsConfigurationError: there is none, or it cannot be used.
    """
    mailbox, tls = settings.mailbox, settings.tls
    certificate_file = mailbox.certificate_file or tls.certificate_file
    private_key_file = mailbox.private_key_file or tls.private_key_file
    if certificate_file is None or private_key_file is None:
        unset = "certificate_file" if certificate_file is None else "private_key_file"
        raise TlsConfigurationError(
            (f"mailbox.um_startup_mode is {mailbox.um_startup_mode} and needs mailbox.{unset} or tls.{unset}",)
        )
    _, policy = freeze_tls(tls)
    return ServerTls(TlsFiles(certificate_file, private_key_file, tls.ca_file), policy)


def read_directory(settings: Settings) -> LoadedDirectory:
    """The directory that the settings name or hold.

    Raises:
        StartError: it cannot be used.
    """
    file = settings.directory.file
    try:
        document = settings.directory.document if file is None else load_directory_file(file)
        directory = build_directory(document, port_offset=settings.mailbox.port_offset)
    except DirectoryError as error:
        place = f"{file}: " if file else "directory: "
        problems = (text if file and text.startswith(str(file)) else f"{place}{text}" for text in error.problems)
        raise StartError(tuple(problems)) from error
    source = str(file) if file else "settings"
    return LoadedDirectory(document, directory, DirectoryOrigin(source, datetime.now(UTC)))


def inspect_certificates(
    settings: Settings, roles: Role = Role.ROUTER | Role.MAILBOX
) -> tuple[tuple[str, CertificateFacts], ...]:
    """What the certificate files say that a process of these roles shows or goes by.

    Raises:
        UnreadableCertificate: one of them says nothing.
        TlsConfigurationError: no peer would take them, because they have expired.
    """
    tls, own = settings.tls, settings.mailbox.certificate_file if Role.MAILBOX in roles else None
    shown = tls.certificate_file if Role.ROUTER in roles or own is None else None
    files = dict.fromkeys((shown, tls.ca_file, own))
    certificates = tuple((str(file), inspect_certificate(file)) for file in files if file is not None)
    now = datetime.now(UTC)
    expired = [f"{file}: expired on {each.not_after:%Y-%m-%d}" for file, each in certificates if each.not_after <= now]
    if expired:
        raise TlsConfigurationError(tuple(expired))
    return certificates
