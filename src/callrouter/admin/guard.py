"""Who may use the admin port: holders of the token, or without a token whoever is not lured here by a foreign page.

Stands before everything that is served, the OpenAPI page and unknown paths included. Without a token the danger is a
browser: a page whose name was made to point at this address (DNS rebinding) shows in Host, a page elsewhere that
sends something here shows in Origin. Also counts what a body brings, before it is kept (rule 5 of the house).
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import urlsplit

from fastapi import Response
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from callrouter.admin.refusal import build_refusal

OPEN_PATHS = frozenset({"/livez", "/readyz"})
"""Need no token: what asks them, a container's runtime, has none."""

DEFAULT_MAX_BODY_BYTES = 67_108_864
"""Room for a list of some 100,000 users."""

_MAX_LENGTH_DIGITS = 18
"""No body is longer than a number of so many digits; int() refuses thousands of them."""

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Access:
    """Who is let in.

    token: what has to be presented; "" lets everybody in who names this host rightly. own_names: lower-case host
    names of this router besides localhost and addresses; asked for each request.
    """

    token: str
    own_names: Callable[[], frozenset[str]]
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES


class Guard:
    """ASGI middleware that answers 401, 403, 413 or 421 in the application's stead."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through or refuse it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, send)
            return
        await self._app(scope, _count_body(receive, self._access.max_body_bytes), send)

    def _refuse(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        access = self._access
        if access.token:
            refusal = None if scope["path"] in OPEN_PATHS else _refuse_stranger(headers, access.token)
        else:
            refusal = _refuse_foreign_name(headers, access.own_names()) or _refuse_foreign_page(
                headers, scope["method"]
            )
        if refusal is None and _is_too_long(headers.get("content-length", ""), access.max_body_bytes):
            problem, fields = _tell_too_long(access.max_body_bytes)
            return build_refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, [problem], fields)
        return refusal


def _refuse_stranger(headers: Headers, token: str) -> Response | None:
    scheme, _, raw_token = headers.get("authorization", "").partition(" ")
    # Header values are Latin-1 here; as octets again, any token can be compared, and in constant time.
    matches = hmac.compare_digest(raw_token.strip().encode("latin-1"), token.encode())
    if scheme.lower() == "bearer" and matches:
        return None
    problem = "the token is missing or wrong: Authorization: Bearer TOKEN"
    return build_refusal(HTTPStatus.UNAUTHORIZED, [problem], {"www-authenticate": 'Bearer realm="callrouter"'})


def _refuse_foreign_name(headers: Headers, own_names: frozenset[str]) -> Response | None:
    raw_host = headers.get("host", "")
    name = _read_host(raw_host)
    if name == "localhost" or name in own_names or _is_address(name):
        return None
    problem = f"Host is {raw_host!r}; without a token it must be an address, localhost or this host's own name"
    return build_refusal(HTTPStatus.MISDIRECTED_REQUEST, [problem])


def _refuse_foreign_page(headers: Headers, method: str) -> Response | None:
    """A browser lets any page send a POST without a body; it says from where."""
    origin = headers.get("origin")
    if (
        method in _SAFE_METHODS
        or origin is None
        or origin.partition("//")[2].lower() == headers.get("host", "").lower()
    ):
        return None
    return build_refusal(HTTPStatus.FORBIDDEN, [f"the page that sends this is not served here: {origin!r}"])


def _read_host(raw_host: str) -> str:
    """The host of `host[:port]`, lower case, without brackets and final dot; "" where it is none."""
    try:
        name = urlsplit(f"//{raw_host}").hostname or ""
    except ValueError:
        return ""
    return name.removesuffix(".")


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _tell_too_long(max_body_bytes: int) -> tuple[str, dict[str, str]]:
    """What is wrong, and the header that spares us the rest of the body."""
    return f"the body is longer than {max_body_bytes} bytes", {"connection": "close"}


def _is_too_long(raw_length: str, max_body_bytes: int) -> bool:
    if not raw_length.isdecimal():
        return False  # sent in chunks, whose sum is counted as they come
    return len(raw_length) > _MAX_LENGTH_DIGITS or int(raw_length) > max_body_bytes


def _count_body(receive: Receive, max_body_bytes: int) -> Receive:
    """As `receive`, and the end of the request once its body is too long."""
    received_bytes = 0

    async def receive_counted() -> Message:
        nonlocal received_bytes
        message = await receive()
        received_bytes += len(message.get("body", b""))
        if received_bytes > max_body_bytes:
            problem, headers = _tell_too_long(max_body_bytes)
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, problem, headers)
        return message

    return receive_counted
