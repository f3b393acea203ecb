"""Lists of tokens: Require, Supported, Proxy-Require, Allow (RFC 3261 20.5, 20.29, 20.32, 20.37)."""

from collections.abc import Iterable

from callrouter.sip.errors import HeaderError
from callrouter.sip.grammar import LWS, is_token


def parse_token_list(rows: Iterable[str]) -> tuple[str, ...]:
    """The tokens of all rows of one header field, in their order; an empty row holds none.

    Raises:
        HeaderError: something in the list is no token.
    """
    tokens: list[str] = []
    for row in rows:
        if not row:
            continue
        for piece in row.split(","):
            token = piece.strip(LWS)
            if not is_token(token):
                raise HeaderError("not a list of tokens")
            tokens.append(token)
    return tuple(tokens)
