"""The token of the admin port from `admin.token_file`: read by every command, made by those that open the port."""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import typer
from pydantic import ValidationError

from callrouter.cli.options import fail
from callrouter.settings.model import AdminSettings, Settings

_TOKEN_BYTES = 24
_MOST_BYTES = 1024
"""More than the longest token: whoever names another file by mistake is told so."""


class UnusableToken(Exception):  # noqa: N818 - STYLE: errors say what was wrong
    """The file cannot be read or made, or holds no token."""

    def __init__(self, file: Path, problem: str) -> None:
        super().__init__(f"{file}: {problem} (admin.token_file)")


def fill_token(settings: Settings) -> Settings:
    """The settings with the token of `admin.token_file`, where `admin.token` is empty and the admin port is opened.

    A file that is missing is made and its token printed, once. Ends the command where that cannot be.
    """
    admin = settings.admin
    if not admin.enabled or admin.token or admin.token_file is None:
        return settings
    file = admin.token_file
    try:
        if not file.exists():
            _make(file)
        token = read_token(file)
    except UnusableToken as error:
        fail([str(error)])
    return settings.model_copy(update={"admin": admin.model_copy(update={"token": token})})


def find_token_problem(settings: Settings) -> tuple[str, ...]:
    """Why the token of `admin.token_file` could not be used; one that is missing would be made."""
    admin = settings.admin
    if not admin.enabled or admin.token or admin.token_file is None or not admin.token_file.exists():
        return ()
    try:
        read_token(admin.token_file)
    except UnusableToken as error:
        return (str(error),)
    return ()


def read_token(file: Path) -> str:
    """The token that a file holds, without the space around it.

    Raises:
        UnusableToken: the file cannot be read, or holds none.
    """
    try:
        with file.open("rb") as stream:
            text = stream.read(_MOST_BYTES).decode("ascii").strip()
        token = AdminSettings.model_validate({"token": text}).token
    except OSError as error:
        raise UnusableToken(file, error.strerror or str(error)) from error
    except (UnicodeDecodeError, ValidationError) as error:
        raise UnusableToken(
            file, "holds no token (RFC 6750 2.1), which is one word of letters, digits and -._~+/"
        ) from error
    if not token:
        raise UnusableToken(file, "is empty")
    return token


def _make(file: Path) -> None:
    """Write a new token and say it; one that another process has written meanwhile stays.

    Raises:
        UnusableToken: it cannot be written.
    """
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # Readable by its owner alone, and under its name only once it is whole.
        with NamedTemporaryFile("w", encoding="ascii", dir=file.parent, prefix=".admin-token-") as waiting:
            waiting.write(f"{token}\n")
            waiting.flush()
            with suppress(FileExistsError):
                os.link(waiting.name, file)
                typer.echo(f"API token, printed once and kept in {file}: {token}")
    except OSError as error:
        raise UnusableToken(file, f"cannot be made: {error.strerror or error}") from error
