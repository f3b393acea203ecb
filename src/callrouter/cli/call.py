"""`callrouter call`: place a call, or many, follow the redirects to the answer, hang up, and say how it went."""

import asyncio
import json
import math
import sys
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from ssl import SSLContext
from time import monotonic
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from callrouter.caller.batch import BatchPlan, place_calls
from callrouter.caller.invite import UnusableSpec, check_spec
from callrouter.caller.ladder import Ladder
from callrouter.caller.placed import PlacedCall
from callrouter.caller.redirects import RedirectPolicy
from callrouter.caller.result import CallResult, Outcome
from callrouter.caller.spec import CallerConfig, CallSpec, CallTimeouts
from callrouter.caller.summary import Summary
from callrouter.cli.event_loop import choose_loop
from callrouter.cli.lab_certificates import find_lab_certificates
from callrouter.cli.options import fail
from callrouter.observability.text import visible_text
from callrouter.signals import Signals, catch_signals
from callrouter.sip.words import uri_of
from callrouter.transport.tls import TlsConfigurationError, TlsFiles, build_client_context
from callrouter.ua.proposal import GivenBody
from callrouter.wire import Transport

EXIT_CODES: Final[Mapping[Outcome, int]] = MappingProxyType({
    Outcome.ANSWERED: 0,
    Outcome.REFUSED: 1,
    Outcome.REDIRECT_FAILED: 3,
    Outcome.UNREACHABLE: 4,
    Outcome.NO_ANSWER: 5,
    Outcome.BROKEN: 6,
    Outcome.CANCELLED: 130,
})  # fmt: skip
"""2 is for a call that cannot be placed as described."""

_LAB_HOSTS: Final = MappingProxyType({Transport.TCP: "127.0.0.1:5060", Transport.TLS: "127.0.0.1:5061"})
_STANDARD_INPUT = Path("-")
_MAX_BODY_BYTES: Final = 131_072
_MS: Final = 1000.0
_OF_CALL = "The call"
_OF_CONNECTION = "Its connections"
_OF_MANY = "Many calls"
_ADDRESS = "a number, user@host, URI or whole header value"

ResultT = TypeVar("ResultT")


def call(  # noqa: PLR0913 - one parameter for each option
    *,
    uri: Annotated[
        str, typer.Argument(metavar="URI", help="sip:2001@host:port;transport=tls, 2001@host, or 2001 for the lab's.")
    ],
    from_: Annotated[
        str,
        typer.Option(
            "--from", metavar="ADDRESS", help=f"The caller, {_ADDRESS}. Default: anonymous.", rich_help_panel=_OF_CALL
        ),
    ] = "",
    diversion: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="Diversion; may be given again.", rich_help_panel=_OF_CALL),
    ] = None,
    history_info: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="History-Info; may be given again.", rich_help_panel=_OF_CALL),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(
            metavar="'NAME: VALUE'", help="Another header field; may be given again.", rich_help_panel=_OF_CALL
        ),
    ] = None,
    body: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help='Instead of our SDP offer; "-" reads standard input. An empty one leaves the offer to the callee.',
            rich_help_panel=_OF_CALL,
        ),
    ] = None,
    content_type: Annotated[str, typer.Option(help="Of that body.", rich_help_panel=_OF_CALL)] = "application/sdp",
    secured: Annotated[bool, typer.Option("--secured", help="Offer SRTP.", rich_help_panel=_OF_CALL)] = False,
    hold: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="From the answer to our BYE.", rich_help_panel=_OF_CALL)
    ] = 1.0,
    max_redirects: Annotated[int, typer.Option(min=0, help="How many 3xx are followed.", rich_help_panel=_OF_CALL)] = 5,
    timeout: Annotated[
        float,
        typer.Option(min=0.001, metavar="SECONDS", help="For the whole way to the answer.", rich_help_panel=_OF_CALL),
    ] = 30.0,
    transport: Annotated[
        Transport,
        typer.Option(case_sensitive=False, help="Where the URI does not say.", rich_help_panel=_OF_CONNECTION),
    ] = Transport.TCP,
    ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="PEM: who signs servers. Default: the lab's, in var/certs, as for the next two.",
            rich_help_panel=_OF_CONNECTION,
        ),
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM: what we show.", rich_help_panel=_OF_CONNECTION)
    ] = None,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="PEM: its private key.", rich_help_panel=_OF_CONNECTION)
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option("--insecure", help="Take any server certificate.", rich_help_panel=_OF_CONNECTION),
    ] = False,
    bind: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Numeric address to call from.", rich_help_panel=_OF_CONNECTION)
    ] = "",
    count: Annotated[int, typer.Option(min=1, help="How many calls.", rich_help_panel=_OF_MANY)] = 1,
    rate: Annotated[
        float, typer.Option(min=0, help="Calls a second; 0: as many as there can be.", rich_help_panel=_OF_MANY)
    ] = 0.0,
    at_once: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Calls at a time, at the most. Default: 20, or what --rate and --hold come to.",
            rich_help_panel=_OF_MANY,
            show_default=False,
        ),
    ] = None,
    connection_per_call: Annotated[
        bool,
        typer.Option(
            "--connection-per-call",
            help="Share no connections; each hop of each call opens its own.",
            rich_help_panel=_OF_MANY,
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Place a call, follow its redirects to the answer, hang up, and draw what happened.

    Exit codes (of many calls the highest):
    0 answered, and hung up well
    1 refused: a final answer of 400 to 699
    2 the call cannot be placed as described
    3 a redirect that cannot be followed: loop, limit, no usable Contact
    4 no connection, or it was lost before the answer
    5 no answer in time
    6 answered, but broken: session description, connection or BYE
    130 given up by Ctrl-C
    """
    try:
        spec = CallSpec(
            uri=_read_uri(uri, transport),
            from_=from_,
            diversions=tuple(diversion or ()),
            history_info=tuple(history_info or ()),
            headers=_read_headers(header or ()),
            body=None if body is None else GivenBody(_read_body(body), content_type),
            hold_seconds=hold,
            transport=transport,
            secured=secured,
            redirects=RedirectPolicy(max_redirects),
            timeouts=CallTimeouts(setup_seconds=timeout),
        )
        check_spec(spec)
        context = _build_context(_Identity(ca, certificate, key), insecure=insecure)
        config = CallerConfig(tls=None if context is None else lambda: context, local_address=_read_address(bind))
    except UnusableSpec as error:
        fail([visible_text(str(error))])
    except TlsConfigurationError as error:
        fail(error.problems)
    if count == 1:
        result = _run(_place_one(spec, config, as_json=as_json))
        raise typer.Exit(EXIT_CODES[result.outcome])
    most = at_once or _choose_at_once(rate, hold)
    plan = BatchPlan(count, rate, most, shares_lines=not connection_per_call)
    raise typer.Exit(_run(_place_many(plan, spec, config, as_json=as_json)))


# --- options


_CALLS_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class _Identity:
    ca: Path | None
    certificate: Path | None
    key: Path | None


def _choose_at_once(rate: float, hold: float) -> int:
    """So many that a rate can be kept: each call lasts its hold, and its set-up some of a second."""
    return max(_CALLS_AT_ONCE, math.ceil(rate * (hold + 1)))


def _read_uri(text: str, transport: Transport) -> str:
    """The URI to call; a bare number is one of the lab's router, and the transport of a short form is written out."""
    if not text or any(character.isspace() for character in text):
        raise UnusableSpec("URI is empty or holds white space")
    uri = uri_of(text, _LAB_HOSTS[transport])
    is_short = uri != text
    return f"{uri};transport=tls" if is_short and transport is Transport.TLS and ";transport=" not in uri else uri


def _read_headers(rows: Sequence[str]) -> tuple[tuple[str, str], ...]:
    headers = []
    for row in rows:
        name, colon, value = row.partition(":")
        if not colon:
            raise UnusableSpec(f"--header {row}: there is no colon")
        headers.append((name.strip(), value.strip()))
    return tuple(headers)


def _read_body(file: Path) -> bytes:
    try:
        if file == _STANDARD_INPUT:
            octets = sys.stdin.buffer.read(_MAX_BODY_BYTES + 1)
        else:
            with file.open("rb") as stream:
                octets = stream.read(_MAX_BODY_BYTES + 1)
    except OSError as error:
        raise UnusableSpec(f"--body {file}: {(error.strerror or str(error)).lower()}") from error
    if len(octets) > _MAX_BODY_BYTES:
        raise UnusableSpec(f"--body {file}: larger than {_MAX_BODY_BYTES} octets")
    return octets


def _read_address(text: str) -> str:
    try:
        return str(ip_address(text)) if text else ""
    except ValueError as error:
        raise UnusableSpec(f"--bind {text}: not a numeric address") from error


def _build_context(given: _Identity, *, insecure: bool) -> SSLContext | None:
    """The context of TLS connections; None where there is nothing to make one of.

    Raises:
        TlsConfigurationError: a file cannot be used.
    """
    ca = given.ca or _existing("ca.pem")
    certificate = given.certificate or _existing("client.pem")
    key = given.key or (given.certificate or _existing("client-key.pem"))
    if ca is None and not insecure:
        return None
    identity = TlsFiles(certificate, key) if certificate is not None and key is not None else None
    return build_client_context(None if insecure else ca, identity)


def _existing(name: str) -> Path | None:
    file = find_lab_certificates() / name
    return file if file.is_file() else None


# --- running


def _run(work: Coroutine[Any, Any, ResultT]) -> ResultT:
    try:
        with asyncio.Runner(loop_factory=choose_loop()) as runner:
            return runner.run(work)
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise typer.Exit(EXIT_CODES[Outcome.CANCELLED]) from None


async def _place_one(spec: CallSpec, config: CallerConfig, *, as_json: bool) -> CallResult:
    """A signal hangs up; a second one does so in a hurry."""
    placed = PlacedCall(spec, config, None if as_json else Ladder(Console(highlight=False)))
    placed.start()
    with catch_signals() as signals:
        guard = asyncio.create_task(_hang_up_on(signals, placed))
        try:
            result = await placed.done
        finally:
            await _stop(guard)
    if as_json:
        typer.echo(json.dumps(result.as_json(), indent=2))
    return result


async def _hang_up_on(signals: Signals, placed: PlacedCall) -> None:
    await signals.stop.wait()
    placed.hang_up()
    await signals.stop_now.wait()
    placed.done.cancel()


async def _place_many(plan: BatchPlan, spec: CallSpec, config: CallerConfig, *, as_json: bool) -> int:
    """The exit code. A signal hangs up all calls and begins no more."""
    summary = Summary()
    began_at = monotonic()
    is_cut_short = False
    with _make_progress() as progress:
        bar = progress.add_task("calls", total=plan.count)

        def take(result: CallResult) -> None:
            summary.add(result)
            progress.advance(bar)

        with catch_signals() as signals:
            placing = asyncio.create_task(place_calls(plan, spec, config, take))
            guard = asyncio.create_task(_cancel_on(signals, placing))
            try:
                await asyncio.wait([placing])
            finally:
                await _stop(guard)
            is_cut_short = placing.cancelled()
            if not is_cut_short:
                placing.result()
    seconds = monotonic() - began_at
    if as_json:
        typer.echo(json.dumps(summary.as_json(seconds), indent=2))
    else:
        _show_summary(summary, seconds)
    codes = [EXIT_CODES[outcome] for outcome in summary.outcomes]
    return EXIT_CODES[Outcome.CANCELLED] if is_cut_short else max(codes)


async def _cancel_on(signals: Signals, placing: "asyncio.Task[None]") -> None:
    await signals.stop.wait()
    placing.cancel()


async def _stop(task: "asyncio.Task[None]") -> None:
    task.cancel()
    await asyncio.wait([task])


def _make_progress() -> Progress:
    """On standard error, and only where that is a terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _show_summary(summary: Summary, seconds: float) -> None:
    console = Console(highlight=False)
    per_second = f", {summary.calls / seconds:.1f} a second" if seconds > 0 else ""
    console.print(f"{summary.calls} calls in {seconds:.2f} s{per_second}", style="bold")
    table = Table.grid(padding=(0, 2))
    table.add_column(justify="right")
    for reason, count in summary.by_reason.most_common():
        style = "green" if reason == Outcome.ANSWERED else "red"
        table.add_row(f"{count}", f"{count / summary.calls:.1%}", f"[{style}]{reason}[/]")
    console.print(table)
    times = summary.setup_seconds()
    if times:
        console.print("answered after " + ", ".join(f"{name} {value * _MS:.1f} ms" for name, value in times.items()))
