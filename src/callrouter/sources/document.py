"""The directory as people write it (TOML file, or inline in the settings), and how it becomes a Directory.

The models check each value where it stands; `build_directory` checks what no single value shows: names and addresses
used twice, ports moved out of range. Parameter names follow EXCHANGE-UM A4. No file is read here.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from callrouter.directory.model import (
    DEFAULT_TCP_PORT,
    DEFAULT_TLS_PORT,
    ComponentState,
    Directory,
    GatewayStatus,
    MailboxServer,
    UMIPGateway,
)
from callrouter.sources.host import parse_gateway_address, parse_host_name, parse_target_address
from callrouter.sources.problem import Finding, Problem, format_key
from callrouter.sources.record import Record
from callrouter.sources.toml_text import TomlDocument

MAX_PORT = 65535


def _allow_empty(parse: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda text: parse(text) if text else "")


def _check_gateway_address(text: str) -> str:
    return str(parse_gateway_address(text))


OptionalHostName = Annotated[str, _allow_empty(parse_host_name)]
OptionalTargetAddress = Annotated[str, _allow_empty(parse_target_address)]
Port = Annotated[int, Field(ge=1, le=MAX_PORT)]


class GatewayEntry(Record):
    """A UM IP gateway: a peer whose calls are accepted (`New-UMIPGateway`)."""

    name: str = Field(min_length=1, max_length=128, description="What logs and metrics call the gateway; used once.")
    address: Annotated[str, AfterValidator(_check_gateway_address)] = Field(
        description="An IPv4 or IPv6 address, a network in CIDR form, or a host name. Addresses and networks are "
        "compared with the source of TCP calls, host names with the certificate of TLS calls; no wildcards."
    )
    status: GatewayStatus = Field(GatewayStatus.ENABLED, description="What becomes of the gateway's calls.")


class ServerEntry(Record):
    """A Mailbox server: where calls are redirected to."""

    name: str = Field(min_length=1, max_length=128, description="What logs and metrics call the server; used once.")
    fqdn: OptionalHostName = Field("", description="Host name for the Contact of redirects.")
    address: OptionalTargetAddress = Field(
        "",
        description="IPv4 or IPv6 address, without brackets. With neither this nor `fqdn`, the address at which the "
        "caller reached the router.",
    )
    tcp_port: Port = Field(DEFAULT_TCP_PORT, description="Port of the UM service for TCP.")
    tls_port: Port = Field(DEFAULT_TLS_PORT, description="Port of the UM service for mutual TLS.")
    weight: float = Field(1.0, ge=0.001, le=1000, description="Share of the calls relative to the other servers.")
    state: ComponentState = Field(ComponentState.ACTIVE, description="Only Active servers get calls.")


class DirectoryDocument(Record):
    """The whole directory: `[[gateways]]` and `[[servers]]`."""

    gateways: tuple[GatewayEntry, ...] = Field((), description="UM IP gateways.")
    servers: tuple[ServerEntry, ...] = Field((), description="Mailbox servers.")


class DirectoryError(ValueError):
    """A directory that cannot be used.

    findings: all that is wrong, with the place in the document.
    problems: the same as text, one line each, with file and line where they are known.
    """

    def __init__(self, findings: Iterable[Finding], source: TomlDocument | None = None) -> None:
        self.findings = tuple(findings)
        self.problems = tuple(
            str(Problem(source.where(finding.path) if source else "", format_key(finding.path), finding.message))
            for finding in self.findings
        )
        super().__init__("\n".join(self.problems))


def build_directory(document: DirectoryDocument, *, port_offset: int) -> Directory:
    """Build the directory that lookups use, every server's ports moved up by `port_offset`.

    Raises:
        DirectoryError: with every problem of the document.
    """
    gateways = [_build_gateway(entry) for entry in document.gateways]
    findings = [
        *_find_repeated_names("gateways", document.gateways),
        *_find_repeated_addresses(gateways),
        *_find_repeated_names("servers", document.servers),
        *_find_ports_out_of_range(document.servers, port_offset),
    ]
    if findings:
        raise DirectoryError(findings)
    servers = (_build_server(entry, port_offset) for entry in document.servers)
    return Directory(gateways=tuple(gateways), servers=tuple(servers))


def _build_gateway(entry: GatewayEntry) -> UMIPGateway:
    address = parse_gateway_address(entry.address)
    if isinstance(address, str):
        return UMIPGateway(entry.name, fqdn=address, status=entry.status)
    return UMIPGateway(entry.name, network=address, status=entry.status)


def _build_server(entry: ServerEntry, port_offset: int) -> MailboxServer:
    return MailboxServer(
        name=entry.name,
        fqdn=entry.fqdn,
        address=entry.address,
        tcp_port=entry.tcp_port + port_offset,
        tls_port=entry.tls_port + port_offset,
        weight=entry.weight,
        state=entry.state,
    )


def _find_repeated_names(table: str, entries: Sequence[GatewayEntry | ServerEntry]) -> Iterator[Finding]:
    first_index: dict[str, int] = {}
    for index, entry in enumerate(entries):
        # Exchange compares names without regard to case.
        first = first_index.setdefault(entry.name.casefold(), index)
        if first != index:
            message = f"the name {entry.name!r} is already used by {table}[{first}]"
            yield Finding((table, index, "name"), message)


def _find_repeated_addresses(gateways: Sequence[UMIPGateway]) -> Iterator[Finding]:
    first_index: dict[str, int] = {}
    for index, gateway in enumerate(gateways):
        address = gateway.fqdn if gateway.network is None else str(gateway.network)
        first = first_index.setdefault(address, index)
        if first != index:
            message = f"{address} is already the address of gateways[{first}] (event 1175: duplicate peer address)"
            yield Finding(("gateways", index, "address"), message)


def _find_ports_out_of_range(servers: Sequence[ServerEntry], port_offset: int) -> Iterator[Finding]:
    for index, entry in enumerate(servers):
        for key, port in (("tcp_port", entry.tcp_port), ("tls_port", entry.tls_port)):
            if not 1 <= port + port_offset <= MAX_PORT:
                message = f"{port} with the port offset {port_offset} is {port + port_offset}, not within 1..{MAX_PORT}"
                yield Finding(("servers", index, key), message)
