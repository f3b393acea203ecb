"""A person's words for who calls whom, as SIP writes them: a number, user@host, a URI, a whole header value."""

import re
from typing import Final

ANONYMOUS: Final = '"Anonymous" <sip:anonymous@anonymous.invalid>'
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:")


def uri_of(text: str, host: str) -> str:
    """The URI; a number or name without a host is one at `host`, which may have a port."""
    if _SCHEME.match(text):
        return text
    if "@" in text:
        return f"sip:{text}"
    number, mark, rest = text.partition("?")
    # RFC 3261 25.1: a user may not hold "#" bare.
    return f"sip:{number.replace('#', '%23')}@{host}{mark}{rest}"


def address_of(text: str, host: str) -> str:
    """A header value; without angle brackets what follows the first semicolon is the header field's (20.10)."""
    if "<" in text:
        return text
    address, semicolon, params = text.partition(";")
    return f"<{uri_of(address, host)}>{semicolon}{params}"
