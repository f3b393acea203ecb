"""name-addr and addr-spec: the shape of From, To, Contact, Diversion and History-Info (RFC 3261 20.10, 25.1)."""

from collections.abc import Iterable
from dataclasses import dataclass

from callrouter.sip.errors import HeaderError, ParamError
from callrouter.sip.grammar import LWS, is_token
from callrouter.sip.params import Params, end_of_quoted, parse_params, split_outside_quotes, unquote
from callrouter.sip.uri import Uri, parse_uri


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
    before, bracket, after = text.partition(">")
    if bracket and "<" in before and before[-1] not in "< \t" and _is_plain(before):
        if not after:
            return ""
        if after[:5] == ";tag=" and is_token(after[5:]):
            return after[5:]
    return parse_name_addr(text).tag


def _is_plain(before: str) -> bool:
    """Whether what stands before the first ">" holds no quote, or one quoted display name without escapes."""
    if '"' not in before:
        return True
    if before[0] != '"' or "\\" in before:
        return False
    closing_quote = before.find('"', 1)
    return before.find('"', closing_quote + 1) < 0 <= closing_quote < before.find("<")
