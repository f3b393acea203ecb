"""`callrouter readyz`: ask a running router whether it can take calls, or wait until it can."""

import json
import time
from typing import Annotated
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import typer

from callrouter.cli.admin_url import find_admin_port
from callrouter.cli.options import ConfigOption, SetOption

_ANSWER_SECONDS = 2.0
_BETWEEN_SECONDS = 0.1


def readyz(
    config: ConfigOption = None,
    set_: SetOption = None,
    url: Annotated[str, typer.Option(help="Base URL of the admin port; default: from the settings.")] = "",
    wait: Annotated[bool, typer.Option("--wait", help="Ask until it is ready or the time is over.")] = False,
    timeout: Annotated[float, typer.Option(min=0, help="Seconds to wait at the most.")] = 30.0,
) -> None:
    """Exit with 0 when the router is ready, with 1 when it is not; prints what it says."""
    target = f"{url.rstrip('/') or find_admin_port(config, set_).url}/readyz"
    until = time.monotonic() + timeout
    while True:
        ready, text = _ask(target)
        if ready or not wait or time.monotonic() >= until:
            break
        # Another process cannot be waited for but by asking again.
        time.sleep(_BETWEEN_SECONDS)
    typer.echo(text)
    if not ready:
        raise typer.Exit(1)


def _ask(target: str) -> tuple[bool, str]:
    """Whether it is ready, and what it said or why it could not be asked."""
    try:
        with urlopen(target, timeout=_ANSWER_SECONDS) as response:  # noqa: S310 - the URL is the user's own
            return True, _indented(response.read())
    except HTTPError as error:
        with error:
            return False, _indented(error.read())
    except (URLError, OSError, ValueError) as error:
        return False, f"{target}: {getattr(error, 'reason', error)}"


def _indented(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), indent=2)
    except ValueError:
        return body.decode("utf-8", "replace")
