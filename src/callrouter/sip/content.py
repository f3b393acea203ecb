"""Header fields of one plain value: Content-Length, Max-Forwards, Call-ID, Content-Type, Content-Disposition.

RFC 3261 20.8, 20.11, 20.14, 20.15, 20.22.
"""

from dataclasses import dataclass

from callrouter.sip.errors import HeaderError, ParamError
from callrouter.sip.grammar import LWS, is_digits, is_token
from callrouter.sip.params import Params, parse_params

_MAX_DIGITS = 18
"""Enough for any length; keeps int() cheap."""
_MAX_FORWARDS = 255


def parse_content_length(text: str) -> int:
    """Octets of the body.

    Raises:
        HeaderError: not a row of digits (a sign, a list, a word).
    """
    if not is_digits(text) or len(text) > _MAX_DIGITS:
        raise HeaderError("not a number")
    return int(text)


def parse_max_forwards(text: str) -> int:
    """Hops that are left, 0 to 255.

    Raises:
        HeaderError: not a number, or above 255.
    """
    if len(text) > _MAX_DIGITS or not is_digits(text) or int(text) > _MAX_FORWARDS:
        raise HeaderError("not a number of 0 to 255")
    return int(text)


def parse_call_id(text: str) -> str:
    """A Call-ID, compared octet by octet (20.8).

    Raises:
        HeaderError: empty, or white space in it.
    """
    if not text or " " in text or "\t" in text:
        raise HeaderError("not a Call-ID")
    return text


@dataclass(frozen=True, slots=True)
class MediaType:
    """Content-Type: type and subtype in lower case."""

    type: str
    subtype: str
    params: Params


def parse_content_type(text: str) -> MediaType:
    """Read a Content-Type value.

    Raises:
        HeaderError: outside the grammar.
    """
    head, semicolon, raw_params = text.partition(";")
    kind, slash, subtype = head.partition("/")
    kind, subtype = kind.strip(LWS), subtype.strip(LWS)
    if not slash or not is_token(kind) or not is_token(subtype):
        raise HeaderError("not a media type")
    return MediaType(kind.lower(), subtype.lower(), _params(raw_params) if semicolon else {})


@dataclass(frozen=True, slots=True)
class Disposition:
    """Content-Disposition: what a body is for, and whether it may be passed over."""

    type: str
    params: Params

    @property
    def is_optional(self) -> bool:
        """`handling=optional` (20.11)."""
        return (self.params.get("handling") or "").lower() == "optional"


def parse_disposition(text: str) -> Disposition:
    """Read a Content-Disposition value.

    Raises:
        HeaderError: outside the grammar.
    """
    kind, semicolon, raw_params = text.partition(";")
    kind = kind.strip(LWS)
    if not is_token(kind):
        raise HeaderError("not a disposition")
    return Disposition(kind.lower(), _params(raw_params) if semicolon else {})


def _params(raw: str) -> Params:
    try:
        return parse_params(raw)
    except ParamError as error:
        raise HeaderError(str(error)) from error
