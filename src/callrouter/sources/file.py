"""Directories from TOML files. Reads a file when asked to; watching it is the business of `app`."""

from pathlib import Path

from pydantic import ValidationError

from callrouter.directory.model import Directory
from callrouter.sources.document import DirectoryDocument, DirectoryError, build_directory
from callrouter.sources.problem import Finding, list_findings
from callrouter.sources.toml_text import TomlDocument, UnreadableTomlError, read_toml


def load_directory_file(path: Path) -> DirectoryDocument:
    """Read a directory document.

    Raises:
        DirectoryError: it cannot be read, is not TOML or not a directory; each problem with file, line and key.
    """
    return _load(path)[0]


def load_directory(path: Path, *, port_offset: int) -> Directory:
    """Read a directory document and build its directory: `build_directory`, with file and line in every problem.

    Raises:
        DirectoryError: as `load_directory_file` and `build_directory`.
    """
    document, source = _load(path)
    try:
        return build_directory(document, port_offset=port_offset)
    except DirectoryError as error:
        raise DirectoryError(error.findings, source) from error


def _load(path: Path) -> tuple[DirectoryDocument, TomlDocument]:
    try:
        source = read_toml(path)
    except UnreadableTomlError as error:
        place = TomlDocument(str(path), lines={(): error.line} if error.line else {})
        raise DirectoryError([Finding((), error.message)], place) from error
    try:
        return DirectoryDocument.model_validate(source.content), source.without_content()
    except ValidationError as error:
        raise DirectoryError(list_findings(error, DirectoryDocument), source) from error
