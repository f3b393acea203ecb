"""Lists and parameters: cutting a value at separators that stand outside quoted strings and angle brackets.

RFC 3261 7.3.1, 25.1 (quoted-string, quoted-pair, generic-param). One pass, no backtracking.
"""

from callrouter.sip.errors import ParamError
from callrouter.sip.grammar import LWS, is_token

Params = dict[str, str | None]
"""Lower-case name -> value as written (quotes kept), None for a name without "="."""


def split_outside_quotes(text: str, separator: str) -> list[str]:
    """Cut at `separator` (one character) outside "..." and <...>; pieces are as written.

    Raises:
        ParamError: a quoted string does not end.
    """
    if '"' not in text and "<" not in text:
        return text.split(separator)
    pieces: list[str] = []
    start = position = 0
    while position < len(text):
        character = text[position]
        if character == '"':
            position = end_of_quoted(text, position)
        elif character == "<":
            # A bracket that does not close is the business of whoever reads the piece.
            closing = text.find(">", position)
            position = len(text) if closing < 0 else closing + 1
        else:
            if character == separator:
                pieces.append(text[start:position])
                start = position + 1
            position += 1
    pieces.append(text[start:])
    return pieces


def end_of_quoted(text: str, start: int) -> int:
    """Where the quoted string that begins at `start` ends: the position after its closing quote.

    Raises:
        ParamError: it does not end.
    """
    position = start + 1
    quote = text.find('"', position)
    while quote >= 0:
        backslash = text.find("\\", position, quote)
        if backslash < 0:
            return quote + 1
        # A quoted-pair: the next character stands for itself. The quote found is kept while it lies ahead, so that
        # a row of backslashes costs one pass.
        position = backslash + 2
        if position > quote:
            quote = text.find('"', position)
    raise ParamError("a quoted string does not end")


def parse_params(text: str) -> Params:
    """The parameters in `a=b;c;d="e"` (what follows the first semicolon); names lower-cased.

    Raises:
        ParamError: an empty parameter, a name that is no token, or one that occurs twice (RFC 3261 7.3.1).
    """
    params: Params = {}
    for piece in split_outside_quotes(text, ";"):
        name, equals, value = piece.partition("=")
        name = name.strip(LWS)
        if not is_token(name):
            raise ParamError("a parameter has no name" if not name else "a parameter's name is no token")
        name = name.lower()
        if name in params:
            raise ParamError("a parameter occurs twice")
        if equals:
            value = value.strip(LWS)
            if not value:
                raise ParamError("a parameter has no value")
            params[name] = value
        else:
            params[name] = None
    return params


def unquote(text: str) -> str:
    """What a quoted-string stands for; other text is returned as it is."""
    if len(text) < len('""') or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    characters: list[str] = []
    escaped = False
    for character in inner:
        if character == "\\" and not escaped:
            escaped = True
        else:
            characters.append(character)
            escaped = False
    return "".join(characters)
