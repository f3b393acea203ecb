"""Types of single values that more than one group of settings has."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from callrouter.sources.host import parse_address


class StartupMode(StrEnum):
    """`Set-UMCallRouterSettings -UMStartupMode` and `Set-UMService -UMStartupMode`."""

    TCP = "TCP"
    TLS = "TLS"
    DUAL = "Dual"


class IPAddressFamily(StrEnum):
    """`Set-UMCallRouterSettings -IPAddressFamily`."""

    IPV4_ONLY = "IPv4Only"
    IPV6_ONLY = "IPv6Only"
    ANY = "Any"


def _parse_bind_address(text: str) -> str:
    return parse_address(text) if text else ""


def _read_empty_as_unset(value: object) -> object:
    # The environment has no other way to take a file away again; Path("") would be the working directory.
    return None if value == "" else value


BindAddress: TypeAlias = Annotated[str, AfterValidator(_parse_bind_address)]
ListeningPort: TypeAlias = Annotated[int, Field(ge=0, le=65535)]
OptionalPath: TypeAlias = Annotated[Path | None, BeforeValidator(_read_empty_as_unset)]
