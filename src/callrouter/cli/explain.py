"""`callrouter explain`: decide one call offline, from flags or a message, and print every rule tried and why.

Reads settings and directory; no certificate, no port, no name is looked up. What the message says is printed with
everything that does not print as an escape.
"""

import json
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callrouter.admin.explain import describe_explanation
from callrouter.cli.options import ConfigOption, SetOption, fail, load_or_exit
from callrouter.decision import Redirect
from callrouter.explain import Explanation, explain_request
from callrouter.hypothetical import (
    DEFAULT_CALL_ID,
    HypotheticalCall,
    UnusableCall,
    build_invite,
    build_peer,
    mend_message,
    read_request,
)
from callrouter.observability.text import visible_text
from callrouter.preparation import StartError, read_directory
from callrouter.settings.freeze import freeze_session_limits, freeze_snapshot
from callrouter.settings.lab import lab_toml
from callrouter.settings.model import Settings
from callrouter.settings.values import StartupMode
from callrouter.sip.limits import MessageLimits
from callrouter.snapshot import RoutingSnapshot
from callrouter.wire import Peer, Transport

_STANDARD_INPUT = Path("-")
_SPARE_BYTES = 4096
"""What a message may bring beyond its limits: the keep-alives before it, line ends after it."""
_GROUP_OF_CALL = "The call"
_GROUP_OF_CONNECTION = "The connection that it comes by"
_HELP_OF_ADDRESSES = "a number, user@host or URI"


def explain(  # noqa: PLR0913 - one parameter for each option
    *,
    from_: Annotated[
        str, typer.Option("--from", metavar="URI", help="The caller.", rich_help_panel=_GROUP_OF_CALL)
    ] = "",
    to: Annotated[
        str,
        typer.Option(
            "--to", "--called", metavar="URI", help=f"Called: {_HELP_OF_ADDRESSES}.", rich_help_panel=_GROUP_OF_CALL
        ),
    ] = "",
    diversion: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="Diversion; may be given again.", rich_help_panel=_GROUP_OF_CALL),
    ] = None,
    history_info: Annotated[
        list[str] | None,
        typer.Option(metavar="URI", help="History-Info; may be given again.", rich_help_panel=_GROUP_OF_CALL),
    ] = None,
    call_id: Annotated[
        str, typer.Option(help="Chooses between equal servers.", rich_help_panel=_GROUP_OF_CALL)
    ] = DEFAULT_CALL_ID,
    message: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='A whole SIP message instead of these; "-" reads standard input.',
            rich_help_panel=_GROUP_OF_CALL,
        ),
    ] = None,
    peer: Annotated[
        str,
        typer.Option(metavar="ADDRESS[:PORT]", help="Where it comes from.", rich_help_panel=_GROUP_OF_CONNECTION),
    ] = "127.0.0.1",
    transport: Annotated[
        Transport, typer.Option(case_sensitive=False, rich_help_panel=_GROUP_OF_CONNECTION)
    ] = Transport.TCP,
    certificate: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Over TLS: a name that its certificate proves; may be given again.",
            rich_help_panel=_GROUP_OF_CONNECTION,
        ),
    ] = None,
    local: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Where it reaches the router.", rich_help_panel=_GROUP_OF_CONNECTION),
    ] = "",
    config: ConfigOption = None,
    set_: SetOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as the API answers.")] = False,
) -> None:
    """Decide one call without making it, and say why: every rule, what it looked at, what it found.

    Exit code 0 when the call would be redirected, 1 when refused, 2 when it cannot be told.
    """
    settings = load_or_exit(config, set_, embedded=lab_toml())
    limits = freeze_session_limits(settings.limits).message
    words = HypotheticalCall(to, from_, tuple(diversion or ()), tuple(history_info or ()), call_id)
    try:
        far_end = build_peer(
            peer, transport, certificate or (), local or _bound(settings), _listening_ports(settings)[transport]
        )
        octets = _read_message(message, words, limits) if message else _write_message(words, far_end)
        request = read_request(octets, limits)
        snapshot = _build_snapshot(settings, far_end)
    except UnusableCall as error:
        fail([visible_text(str(error))])
    except StartError as error:
        fail(error.problems)
    explanation = explain_request(request, far_end, snapshot, limits)
    if as_json:
        typer.echo(json.dumps(describe_explanation(explanation).model_dump(mode="json"), indent=2))
    else:
        _Page(Console(highlight=False, soft_wrap=False)).show(
            f"{request.method} {request.raw_uri}", far_end, explanation
        )
        _warn(settings, far_end)
    if explanation.is_refused:
        raise typer.Exit(1)


def _read_message(file: Path, words: HypotheticalCall, limits: MessageLimits) -> bytes:
    """The message in a file.

    Raises:
        UnusableCall: it cannot be read, is too large, or flags say what a message says already.
    """
    if words != HypotheticalCall(""):
        raise UnusableCall("--message says who calls whom: leave out what else describes the call")
    most = limits.max_head_bytes + limits.max_body_bytes + _SPARE_BYTES
    try:
        if file == _STANDARD_INPUT:
            octets = sys.stdin.buffer.read(most + 1)
        else:
            with file.open("rb") as stream:
                octets = stream.read(most + 1)
    except OSError as error:
        raise UnusableCall(f"{file}: {error.strerror or error}") from error
    if len(octets) > most:
        raise UnusableCall(f"{file}: larger than the router takes")
    return mend_message(octets)


def _write_message(words: HypotheticalCall, peer: Peer) -> bytes:
    """The message that the flags describe.

    Raises:
        UnusableCall: they describe none.
    """
    if not words.called:
        raise UnusableCall("who is called? --to or --message is required")
    return build_invite(words, peer)


def _bound(settings: Settings) -> str:
    """The one address that is listened at, "" where there are several."""
    address = settings.router.bind_address
    return "" if not address or ip_address(address).is_unspecified else address


def _listening_ports(settings: Settings) -> dict[Transport, int]:
    """The port of each transport; 0 where any free one is taken."""
    router = settings.router
    return {Transport.TCP: router.sip_tcp_listening_port, Transport.TLS: router.sip_tls_listening_port}


def _build_snapshot(settings: Settings, peer: Peer) -> RoutingSnapshot:
    """What a router with these settings would decide by.

    Raises:
        StartError: the directory cannot be used.
    """
    names = (peer.local_address, socket.gethostname(), settings.router.external_host_fqdn)
    own = frozenset(
        (name.lower(), port)
        for transport, port in _listening_ports(settings).items()
        for name in names
        if name and port and _listens(settings, transport)
    )
    return freeze_snapshot(settings, read_directory(settings).directory, own)


def _listens(settings: Settings, transport: Transport) -> bool:
    mode = settings.router.um_startup_mode
    return mode is StartupMode.DUAL or mode.value == transport.value


def _warn(settings: Settings, peer: Peer) -> None:
    """Say what keeps such a call from coming so far."""
    if not _listens(settings, peer.transport):
        mode = settings.router.um_startup_mode
        _say(f"warning: with router.um_startup_mode {mode} no call comes over {peer.transport}")
    elif peer.transport is Transport.TLS and peer.certificate is None and settings.tls.require_client_certificate:
        _say("warning: without a certificate (--certificate) the TLS handshake already fails")


def _say(warning: str) -> None:
    typer.secho(warning, fg=typer.colors.YELLOW, err=True)


@dataclass(frozen=True, slots=True)
class _Page:
    """An explanation on the terminal."""

    console: Console

    def show(self, start: str, peer: Peer, explanation: Explanation) -> None:
        own = f"[{peer.local_address}]" if ":" in peer.local_address else peer.local_address
        self._line(start)
        self._line(f"from {peer} over {peer.transport} to {own}:{peer.local_port}")
        self._blank()
        for finding in explanation.findings:
            self._line(f"{finding.reason}: {finding.sentence} ({finding.status})", "red")
        if explanation.findings:
            self._blank()
        self.console.print(self._table(explanation))
        self._blank()
        if explanation.note:
            self._line(explanation.note)
        self._line(f"decision: {_decision_of(explanation)}", "red" if explanation.is_refused else "green")
        self._show_answer(explanation)

    def _show_answer(self, explanation: Explanation) -> None:
        answer = explanation.answer
        if answer is None:
            self._line("answer: none")
            return
        held = f", held back for {answer.delay_seconds:g} seconds" if answer.delay_seconds else ""
        self._line(f"answer: {answer.status} {answer.phrase}{held}")
        self._blank()
        for line in answer.lines:
            self._line(f"  {line}")

    def _table(self, explanation: Explanation) -> Table:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), collapse_padding=True)
        for heading in ("rule", "looked at", "found"):
            table.add_column(heading, overflow="fold")
        table.add_column("outcome", no_wrap=True)
        for step in explanation.steps:
            texts = (f"{step.number} {step.title}", step.looked_at, step.found, step.outcome)
            style = "dim" if not step.is_tried else "" if step.decision is None else "bold"
            table.add_row(*(Text(self._visible(text), style) for text in texts))
        return table

    def _line(self, text: str, style: str = "") -> None:
        """One line whatever its length, so that it can be copied and searched."""
        self.console.print(Text(self._visible(text), style), soft_wrap=True)

    def _visible(self, text: str) -> str:
        """What prints, and prints on this terminal."""
        encoding = self.console.encoding
        return visible_text(text).encode(encoding, "backslashreplace").decode(encoding)

    def _blank(self) -> None:
        self.console.print()


def _decision_of(explanation: Explanation) -> str:
    decision = explanation.decision
    if decision is None:
        return "none, the matter ended before the rules"
    if isinstance(decision, Redirect):
        kind = f" for {decision.call_type}" if decision.call_type else ""
        return f"{decision.reason}{kind} to {decision.server}"
    return str(decision.reason)
