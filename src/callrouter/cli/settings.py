"""`callrouter settings get` and `set`: Get- and Set-UMCallRouterSettings on a running router, over its API.

Exit codes: 0 done; 1 refused, with every problem on its own line; 2 not to be reached, or called wrongly. Parameters
and their values are the product's (EXCHANGE-UM B 2.1); the router checks the values.
"""

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Annotated, Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, Request, build_opener

import typer

from callrouter.admin.router_settings import PARAMETERS
from callrouter.cli.admin_url import AdminPort, find_admin_port
from callrouter.cli.options import ConfigOption, SetOption, fail
from callrouter.sources.problem import escape, suggest

_EXIT_REFUSED = 1
_ANSWER_SECONDS = 10.0
_LISTS = frozenset({"DialPlans"})
"""Parameters with several values, written with commas between them."""

UrlOption: TypeAlias = Annotated[str, typer.Option(help="Base URL of the admin port; default: from the settings.")]
TokenOption: TypeAlias = Annotated[
    str,
    typer.Option(
        envvar="CALLROUTER_ADMIN__TOKEN",
        show_envvar=True,
        help="The router's admin.token; default: from the settings.",
    ),
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="As one JSON object.")]

settings = typer.Typer(
    name="settings",
    help="Get- and Set-UMCallRouterSettings of a running router.",
    no_args_is_help=True,
    add_completion=False,
)


@settings.command("get")
def get(
    config: ConfigOption = None,
    set_: SetOption = None,
    url: UrlOption = "",
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Print the settings that are in force."""
    _show(_ask(_choose(config, set_, url, token), "GET"), as_json=as_json)


@settings.command("set")
def change(
    parameters: Annotated[
        list[str], typer.Argument(metavar="PARAMETER=VALUE...", help="As UMStartupMode=TLS or DialPlans=one,two.")
    ],
    config: ConfigOption = None,
    set_: SetOption = None,
    url: UrlOption = "",
    token: TokenOption = "",
    as_json: JsonOption = False,
) -> None:
    """Change some settings, all of them or none, and print what is in force then; ports move at once."""
    changes = _read_changes(parameters)
    _show(_ask(_choose(config, set_, url, token), "PATCH", changes), as_json=as_json)


def _choose(config: ConfigOption, set_: SetOption, url: str, token: str) -> AdminPort:
    if url:
        return AdminPort(url.rstrip("/"), token)
    found = find_admin_port(config, set_)
    return AdminPort(found.url, token or found.find_token())


def _read_changes(texts: list[str]) -> dict[str, object]:
    """What is to be changed, by the product's name for it; ends the command where that is not to be understood."""
    known = {name.casefold(): name for name in PARAMETERS.values()}
    changes: dict[str, object] = {}
    problems: list[str] = []
    for text in texts:
        raw_name, equals, value = text.partition("=")
        name = known.get(raw_name.casefold())
        if not equals:
            problems.append(f"{escape(text)}: must have the form PARAMETER=VALUE")
        elif name is None:
            problems.append(f"{escape(raw_name)}: unknown parameter{suggest(raw_name, list(known.values()))}")
        elif name in changes:
            problems.append(f"{name}: is given twice")
        else:
            changes[name] = [part.strip() for part in value.split(",") if part.strip()] if name in _LISTS else value
    if problems:
        fail(problems)
    return changes


def _ask(port: AdminPort, method: str, changes: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The settings that the router answers with, or the end of the command."""
    target = f"{port.url}/api/v1/router/settings"
    # The admin port is asked directly: a proxy would not find this host's loopback, and must not see the token.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(_build_request(target, method, changes, port.token), timeout=_ANSWER_SECONDS) as response:
            answer = _read_object(response.read())
    except HTTPError as error:
        with error:
            problems = _read_object(error.read()).get("problems")
        if not isinstance(problems, list):
            fail([f"{target}: answered {error.code}, not as callrouter does"])
        for problem in problems:
            typer.secho(f"callrouter: {problem}", fg=typer.colors.RED, err=True)
        raise typer.Exit(_EXIT_REFUSED) from error
    except (URLError, OSError, HTTPException, ValueError) as error:
        fail([escape(f"{target}: {getattr(error, 'reason', error)}")])
    if not answer.keys() >= set(PARAMETERS.values()):
        fail([f"{target}: answered not as callrouter does"])
    return answer


def _build_request(target: str, method: str, changes: Mapping[str, object] | None, token: str) -> Request:
    body = None if changes is None else json.dumps(changes).encode()
    request = Request(target, body, {"Accept": "application/json"}, method=method)  # noqa: S310 - the URL is the user's own
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if token:
        # Not taken along where a redirect leads. The octets of a header value are Latin-1 to http.client.
        request.add_unredirected_header("Authorization", f"Bearer {token.encode().decode('latin-1')}")
    return request


def _read_object(body: bytes) -> dict[str, Any]:
    """The JSON object; what is none has no content that could be meant."""
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _show(settings: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(settings, indent=2))
        return
    width = max(map(len, PARAMETERS.values()))
    for name in PARAMETERS.values():
        value = settings[name]
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        typer.echo(f"{name:<{width}}  {escape(text)}".rstrip())
