"""Everything that a router reads before it opens a port: the directory and the certificates. All that is wrong at once.

Used at the start, by `callrouter check`, and again at every reload.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from callrouter.certificates.inspect import CertificateFacts, UnreadableCertificate, inspect_certificate
from callrouter.directory.model import Directory
from callrouter.readiness import DirectoryOrigin
from callrouter.settings.freeze import freeze_tls
from callrouter.settings.model import Settings, StartupMode
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from callrouter.sources.file import load_directory_file
from callrouter.transport.tls import ServerTls, TlsConfigurationError


class StartError(Exception):
    """The router cannot start; `problems` are all the reasons that could be found, one line each."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


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

    @property
    def directory(self) -> Directory:
        """The directory to begin with."""
        return self.loaded.directory

    @property
    def origin(self) -> DirectoryOrigin:
        """Where it came from."""
        return self.loaded.origin


def prepare(settings: Settings, config: Path | None = None) -> Prepared:
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
    certificates: tuple[tuple[str, CertificateFacts], ...] = ()
    if settings.router.um_startup_mode is not StartupMode.TCP:
        try:
            server_tls = ServerTls(*freeze_tls(settings.tls))
            certificates = inspect_certificates(settings)
        except TlsConfigurationError as error:
            problems.extend(error.problems)
        except UnreadableCertificate as error:
            problems.append(str(error))
    if problems or loaded is None:
        raise StartError(tuple(problems))
    watched = tuple(file for file in (config, settings.directory.file) if file is not None)
    return Prepared(settings, loaded, server_tls, certificates, watched)


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


def inspect_certificates(settings: Settings) -> tuple[tuple[str, CertificateFacts], ...]:
    """What the certificate files say.

    Raises:
        UnreadableCertificate: one of them says nothing.
        TlsConfigurationError: no peer would take them, because they have expired.
    """
    files = (settings.tls.certificate_file, settings.tls.ca_file)
    certificates = tuple((str(file), inspect_certificate(file)) for file in files if file is not None)
    now = datetime.now(UTC)
    expired = [f"{file}: expired on {each.not_after:%Y-%m-%d}" for file, each in certificates if each.not_after <= now]
    if expired:
        raise TlsConfigurationError(tuple(expired))
    return certificates
