"""Fragments of the grammar, each under its RFC production. Character tests only; nothing is taken apart here.

Every expression is one character class or possessive, so matching is linear in the input. Text is what
`decode` makes of octets: UTF-8 with surrogateescape, which gives every octet back unchanged (B37).
"""

import re

LWS = " \t"
"""RFC 3261 25.1 LWS after unfolding: strip with this, never with str.strip(), which also takes Unicode spaces."""

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]+")
# hostname of RFC 3261 25.1, and the underscore that real host names have.
_HOST = re.compile(r"[A-Za-z0-9\-._]+")
# Printable ASCII without SP, DQUOTE, "<" and ">": what a URI may be written in.
_URI_TEXT = re.compile(r"[!#-;=?-~]+")
_IPV6_TEXT = re.compile(r"[0-9A-Fa-f:.]+")
_DIGITS = re.compile(r"[0-9]+")
_GENERIC_VALUE = re.compile(r"[A-Za-z0-9\-.!%*_+`'~\[\]:]+")
# The one that is no character class: what a backslash begins, its other half cannot, and what was taken is kept.
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)

_MAX_PORT = 65535


def decode(octets: bytes | bytearray) -> str:
    """Octets as text; `encode` is its exact inverse."""
    return octets.decode("utf-8", "surrogateescape")


def encode(text: str) -> bytes:
    """Text as the octets that it came from."""
    return text.encode("utf-8", "surrogateescape")


def is_token(text: str) -> bool:
    """RFC 3261 25.1 token."""
    return _TOKEN.fullmatch(text) is not None


def is_host_name(text: str) -> bool:
    """RFC 3261 25.1 hostname or IPv4address, by its characters."""
    return _HOST.fullmatch(text) is not None


def is_ipv6_text(text: str) -> bool:
    """The characters of an IPv6address, without brackets."""
    return ":" in text and _IPV6_TEXT.fullmatch(text) is not None


def is_uri_text(text: str) -> bool:
    """Whether a URI could be written in these characters at all."""
    return _URI_TEXT.fullmatch(text) is not None


def is_digits(text: str) -> bool:
    """One or more ASCII digits (str.isdigit also takes other scripts)."""
    return _DIGITS.fullmatch(text) is not None


def is_param_value(text: str) -> bool:
    """RFC 3261 25.1 gen-value: token, host or quoted-string."""
    if text[:1] == '"':
        return _QUOTED.fullmatch(text) is not None
    return _GENERIC_VALUE.fullmatch(text) is not None


def parse_port(text: str) -> int | None:
    """A port number of 1 to 65535, or None where the text is none."""
    if len(text) <= len("65535") and is_digits(text):
        port = int(text)
        if 0 < port <= _MAX_PORT:
            return port
    return None


def quoted(text: str) -> str:
    """A quoted-string that holds this text (RFC 3261 25.1), without CR, LF and NUL."""
    clean = text.replace("\r", " ").replace("\n", " ").replace("\0", " ")
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
