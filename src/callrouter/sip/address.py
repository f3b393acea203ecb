"""name-addr and addr-spec: the shape of From, To, Contact, Diversion and History-Info (RFC 3261 20.10, 25.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from callrouter.sip.errors import HeaderError, ParamError
from callrouter.sip.grammar import LWS, is_token
from callrouter.sip.params import Params, end_of_quoted, parse_params, split_outside_quotes, unquote
from callrouter.sip.uri import Uri, parse_uri

_TAG = ";tag="


@dataclass(frozen=True, slots=True)
class NameAddr:
    """One address with the parameters of its header field."""

    display_name: str
    """Without quotes; "" where there is none."""
    raw_uri: str
    """As written, without angle brackets."""
    params: Params

    @property
    def uri(self) -> Uri:
        """The URI, read on demand.

        Raises:
            UriError: it cannot be read.
        """
        return parse_uri(self.raw_uri)

    @property
    def tag(self) -> str:
        """The tag parameter, "" where there is none."""
        return self.params.get("tag") or ""


def parse_name_addr(text: str) -> NameAddr:
    """Read one address.

    Without angle brackets what follows the first semicolon belongs to the header field, not to the URI (20.10).

    Raises:
        HeaderError: an unterminated quoted string or bracket, no URI, or parameters outside their grammar.
    """
    raw_name, raw_uri, raw_params = _cut(text.strip(LWS))
    if not raw_uri:
        raise HeaderError("an address has no URI")
    try:
        params = parse_params(raw_params) if raw_params else {}
    except ParamError as error:
        raise HeaderError(str(error)) from error
    if "tag" in params and params["tag"] is None:
        raise HeaderError("a tag has no value")
    return NameAddr(unquote(raw_name.strip(LWS)), raw_uri, params)


def parse_address_list(rows: Iterable[str]) -> list[NameAddr]:
    """Every address of every row of one header field, in their order (RFC 3261 7.3.1).

    Raises:
        HeaderError: as `parse_name_addr`.
    """
    addresses: list[NameAddr] = []
    for row in rows:
        try:
            values = split_outside_quotes(row, ",")
        except ParamError as error:
            raise HeaderError(str(error)) from error
        addresses.extend(parse_name_addr(value) for value in values)
    return addresses


def _cut(text: str) -> tuple[str, str, str]:
    """Display name, URI, and what follows the first semicolon after it."""
    opening = text.find("<")
    if text[:1] == '"':
        try:
            opening = text.find("<", end_of_quoted(text, 0))
        except ParamError as error:
            raise HeaderError(str(error)) from error
        if opening < 0:
            raise HeaderError("a display name has no address")
    if opening < 0:
        raw_uri, semicolon, raw_params = text.partition(";")
        return "", raw_uri.strip(LWS), _after_semicolon(semicolon, raw_params)
    closing = text.find(">", opening)
    if closing < 0:
        raise HeaderError("an angle bracket does not close")
    before, semicolon, raw_params = text[closing + 1 :].partition(";")
    if before.strip(LWS):
        raise HeaderError("an address is followed by what is no parameter")
    return text[:opening], text[opening + 1 : closing].strip(LWS), _after_semicolon(semicolon, raw_params)


def _after_semicolon(semicolon: str, raw_params: str) -> str:
    if semicolon and not raw_params.strip(LWS):
        raise HeaderError("a parameter has no name")
    return raw_params


def find_tag(text: str) -> str:
    """The tag of a From or To value, "" where there is none: `parse_name_addr(text).tag`, with a short cut.

    Raises:
        HeaderError: as `parse_name_addr`.
    """
    plain = cut_plain_address(text)
    return parse_name_addr(text).tag if plain is None else plain[1]


def cut_plain_address(text: str) -> tuple[str, str] | None:
    """Address and tag ("" where there is none) of `NAME <URI>;tag=TAG`; None for what is not written so.

    The name may be one quoted string without escapes.
    """
    end = text.find(">") + 1
    address, rest = text[:end], text[end:]
    opening = address.find("<")
    if opening < 0 or address[-2] in "< \t":
        return None
    quote = address.find('"')
    if quote >= 0:
        closing = address.find('"', 1)
        # Two quotes, before the bracket.
        if quote > 0 or "\\" in address or not 0 < closing < opening or address.find('"', closing + 1) >= 0:
            return None
    tag = rest[len(_TAG) :]
    return (address, tag) if not rest or (rest[: len(_TAG)] == _TAG and is_token(tag)) else None
