"""URIs: sip, sips (RFC 3261 19.1) and tel (RFC 3966); any other scheme is kept as text.

The user part stays as it was written, because a redirect repeats it octet for octet; `unescape` and `equivalent`
are there for those who compare. Nothing here looks anything up.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import NamedTuple, TypeAlias

from callrouter.sip.errors import UriError
from callrouter.sip.grammar import is_host_name, is_ipv6_text, is_token, is_uri_text, parse_port

_HEX_PAIR = 2
# RFC 3966 3: phonedigit-hex, "*" and "#", after a plus. It becomes the user of a SIP URI, so nothing else may pass.
_TEL_NUMBER = re.compile(r"\+?[0-9A-Fa-f*#\-.()]+")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_RESERVED = frozenset(";/?:@&=+$,")
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
# RFC 3261 19.1.4: these, absent from one of two URIs, make them differ.
_ALWAYS_COMPARED = ("user", "ttl", "method", "maddr", "transport")


class SipUri(NamedTuple):
    """A sip: or sips: URI. A tuple, because one is made for every request; compare with `equivalent`."""

    scheme: str
    """"sip" or "sips"."""
    user: str
    """As written, escapes kept, without the password; "" where there is none."""
    host: str
    """Lower case; an IPv6 address without its brackets, in its canonical form."""
    port: int | None = None
    params: tuple[tuple[str, str], ...] = ()
    """(lower-case name, value as written), in their order; a bare name has the value ""."""
    headers: str = ""
    """What follows the question mark, as written."""
    password: str = ""

    def param(self, name: str) -> str | None:
        """The first parameter of this lower-case name."""
        for known, value in self.params:
            if known == name:
                return value
        return None

    @property
    def host_port(self) -> str:
        """The host as a URI writes it, with the port where there is one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port is None else f"{host}:{self.port}"

    def __str__(self) -> str:
        """The URI without its password, which is never repeated."""
        user = f"{self.user}@" if self.user else ""
        params = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.params)
        headers = f"?{self.headers}" if self.headers else ""
        return f"{self.scheme}:{user}{self.host_port}{params}{headers}"


@dataclass(frozen=True, slots=True)
class TelUri:
    """A tel: URI (RFC 3966)."""

    number: str
    """As written, visual separators kept."""
    params: tuple[tuple[str, str], ...] = ()

    @property
    def digits(self) -> str:
        """The number without visual separators, which do not count in a comparison (RFC 3966 4)."""
        return self.number.translate(_VISUAL_SEPARATORS)

    def __str__(self) -> str:
        params = "".join(f";{name}={value}" if value else f";{name}" for name, value in self.params)
        return f"tel:{self.number}{params}"


@dataclass(frozen=True, slots=True)
class OtherUri:
    """A URI of a scheme that is not served (answered 416)."""

    scheme: str
    rest: str

    def __str__(self) -> str:
        return f"{self.scheme}:{self.rest}"


Uri: TypeAlias = SipUri | TelUri | OtherUri

_VISUAL_SEPARATORS = {ord(character): None for character in "-.()"}


def parse_uri(text: str) -> Uri:
    """Read a URI.

    Raises:
        UriError: not a URI, or outside the grammar of its scheme.
    """
    scheme, colon, rest = text.partition(":")
    scheme = scheme.lower()
    if not colon or not is_uri_text(text):
        raise UriError("not a URI")
    if scheme in ("sip", "sips"):
        return _parse_sip(scheme, rest)
    if scheme == "tel":
        return _parse_tel(rest)
    if not is_token(scheme) or not rest:
        raise UriError("not a URI")
    return OtherUri(scheme, rest)


def _parse_sip(scheme: str, rest: str) -> SipUri:
    # "@" must be escaped everywhere but before the host, so the only one there is ends the userinfo; the userinfo
    # itself may hold ";" and "?" (RFC 4475 3.1.1.9).
    userinfo, at, tail = rest.partition("@")
    user = password = ""
    if at:
        if not userinfo or "@" in tail:
            raise UriError("the user part is empty or not escaped")
        user, _, password = userinfo.partition(":")
        if not user or "[" in user or "]" in user:
            raise UriError("the user part is empty or not escaped")
    else:
        tail = rest
    tail, _, headers = tail.partition("?")
    host_port, semicolon, raw_params = tail.partition(";")
    host, port = parse_host_port(host_port)
    params = _parse_uri_params(raw_params) if semicolon else ()
    return SipUri(scheme, user, host, port, params, headers, password)


def _parse_tel(rest: str) -> TelUri:
    number, semicolon, raw_params = rest.partition(";")
    if _TEL_NUMBER.fullmatch(number) is None:
        raise UriError("a tel URI has no number")
    return TelUri(number, _parse_uri_params(raw_params) if semicolon else ())


def _parse_uri_params(raw: str) -> tuple[tuple[str, str], ...]:
    # Empty parameters are passed over: gateways in the field write "sip:3213;;maddr=..." (EXCHANGE-UM B 4.1).
    params = []
    for piece in raw.split(";"):
        name, _, value = piece.partition("=")
        if name:
            params.append((name.lower(), value))
    return tuple(params)


def parse_host_port(text: str) -> tuple[str, int | None]:
    """`host[:port]` of a URI or a Via: host in lower case, IPv6 without brackets; None where there is no port.

    Raises:
        UriError: no host, or a port outside 1 to 65535.
    """
    if text[:1] == "[":
        inside, bracket, after = text[1:].partition("]")
        if not bracket or (after and after[0] != ":"):
            raise UriError("an IPv6 address is not closed by a bracket")
        host = canonical_ipv6(inside)
        raw_port = after[1:] if after else None
    else:
        name, colon, after = text.partition(":")
        if not is_host_name(name):
            raise UriError("not a host name or address")
        host = name.lower()
        raw_port = after if colon else None
    if raw_port is None:
        return host, None
    port = parse_port(raw_port)
    if port is None:
        raise UriError("not a port number")
    return host, port


def canonical_ipv6(text: str) -> str:
    """An IPv6 address in its shortest form, lower case.

    Three colons before a dotted quad are read as two: a slip in the grammar of RFC 3261 allowed them (RFC 5954,
    RFC 5118 4.10).

    Raises:
        UriError: not an IPv6 address.
    """
    if not is_ipv6_text(text):
        raise UriError("not an IPv6 address")
    try:
        return str(IPv6Address(text.replace(":::", "::")))
    except AddressValueError as error:
        raise UriError("not an IPv6 address") from error


def unescape(text: str) -> str:
    """%HH replaced by the character, once and only once (RFC 4475 3.1.1.3); other percent signs stay."""
    if "%" not in text:
        return text
    octets = bytearray()
    position = 0
    raw = text.encode("utf-8", "surrogateescape")
    while position < len(raw):
        pair = raw[position + 1 : position + 1 + _HEX_PAIR].decode("ascii", "replace")
        if raw[position] == ord("%") and len(pair) == _HEX_PAIR and _HEX_DIGITS.issuperset(pair):
            octets.append(int(pair, 16))
            position += 1 + _HEX_PAIR
        else:
            octets.append(raw[position])
            position += 1
    return octets.decode("utf-8", "surrogateescape")


def equivalent(one: Uri, other: Uri) -> bool:
    """RFC 3261 19.1.4 for sip and sips, RFC 3966 4 for tel; other schemes by their text."""
    if isinstance(one, SipUri) and isinstance(other, SipUri):
        return _equivalent_sip(one, other)
    if isinstance(one, TelUri) and isinstance(other, TelUri):
        return one.digits.lower() == other.digits.lower() and _lowered(one.params) == _lowered(other.params)
    return one == other


def _equivalent_sip(one: SipUri, other: SipUri) -> bool:
    if (one.scheme, one.host, one.port) != (other.scheme, other.host, other.port):
        return False
    if _comparable(one.user) != _comparable(other.user) or _comparable(one.password) != _comparable(other.password):
        return False
    mine, theirs = _lowered(one.params), _lowered(other.params)
    if any(mine.get(name) != theirs.get(name) for name in _ALWAYS_COMPARED):
        return False
    if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
        return False
    # Order of the headers does not count; their content does.
    return sorted(one.headers.split("&")) == sorted(other.headers.split("&"))


def _lowered(params: tuple[tuple[str, str], ...]) -> dict[str, str]:
    return {name: _comparable(value).lower() for name, value in params}


def _comparable(text: str) -> str:
    """Escapes undone, but for those of reserved characters, which are no equals of the character (19.1.4)."""
    return _ESCAPE.sub(_unescape_plain, text) if "%" in text else text


def _unescape_plain(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if character.isascii() and character not in _RESERVED else escape[0].upper()
