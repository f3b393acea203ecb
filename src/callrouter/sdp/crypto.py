"""Keys of SRTP in the description: the attribute `crypto` (RFC 4568)."""

import re
from dataclasses import dataclass

from callrouter.sdp.description import Attribute, Media

SUITES = ("AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32")
"""Both take a key and a salt of 30 octets together (6.2.1, 6.2.2)."""
KEY_LENGTH = 40
"""Characters of base64 for them."""

_FEWEST_WORDS = 3
"""Tag, suite and keys; session parameters may follow."""
_MAX_TAG_DIGITS = 9
# What may follow the first key: its lifetime and identifier, or more keys.
_INLINE_KEY = re.compile(r"inline:[A-Za-z0-9+/]{40}(?:\Z|[|;])")
_HARMLESS = ("WSH=", "-")
"""What a session parameter begins with that binds nobody but its sender (6.3.6, 6.3.7)."""


@dataclass(frozen=True, slots=True)
class Crypto:
    """What offer and answer agree upon: a tag and a suite. Keys are each side's own."""

    tag: str
    suite: str


def read_cryptos(media: Media) -> tuple[Crypto, ...]:
    """Those that this end could take, in their order.

    Left out: unknown suites, keys of another length, and lines whose session parameters would have to be agreed to.
    """
    return tuple(crypto for value in media.values_of("crypto") if (crypto := _parse_crypto(value)) is not None)


def format_crypto(crypto: Crypto, key: str) -> Attribute:
    """The attribute with a key of `KEY_LENGTH` characters of base64."""
    return "crypto", f"{crypto.tag} {crypto.suite} inline:{key}"


def _parse_crypto(value: str) -> Crypto | None:
    words = [word for word in value.split(" ") if word]
    if len(words) < _FEWEST_WORDS:
        return None
    tag, suite, keys, *parameters = words
    is_tag = len(tag) <= _MAX_TAG_DIGITS and tag.isascii() and tag.isdigit()
    is_key = _INLINE_KEY.match(keys) is not None
    is_harmless = all(each.startswith(_HARMLESS) for each in parameters)
    return Crypto(tag, suite) if is_tag and suite in SUITES and is_key and is_harmless else None
