"""What the payload types of an m-line stand for (RFC 8866 6.6, RFC 3551 6, RFC 4733 2.4)."""

from collections.abc import Iterator
from enum import StrEnum
from types import MappingProxyType

from callrouter.sdp.description import Attribute, Media


class Codec(StrEnum):
    """What this end takes: G.711 in both laws, and digits as telephone events; name and clock rate."""

    PCMU = "PCMU/8000"
    PCMA = "PCMA/8000"
    TELEPHONE_EVENT = "telephone-event/8000"


EVENTS = "0-16"
"""The telephone events that this end takes: digits, *, #, A to D and flash (RFC 4733 3.2)."""

_STATIC = MappingProxyType({"0": Codec.PCMU, "8": Codec.PCMA})
_BY_NAME = MappingProxyType({codec.upper(): codec for codec in Codec})


def read_codecs(media: Media) -> dict[str, str]:
    """Format -> codec, in the order of the m-line, each format once.

    A codec is one of `Codec`, else its name and rate in capitals (names are compared without regard to case), else,
    where nothing says what a format is, the format itself.
    """
    mapped: dict[str, str] = {}
    for value in media.values_of("rtpmap"):
        payload_type, _, name = value.strip(" ").partition(" ")
        if name:
            mapped.setdefault(payload_type, _name_codec(name.strip(" ")))
    known: dict[str, str] = {**_STATIC, **mapped}
    return {each: known.get(each, each) for each in media.formats}


def format_codecs(codecs: dict[str, Codec]) -> Iterator[Attribute]:
    """The attributes that say what payload types are."""
    for payload_type, codec in codecs.items():
        yield "rtpmap", f"{payload_type} {codec}"
        if codec is Codec.TELEPHONE_EVENT:
            yield "fmtp", f"{payload_type} {EVENTS}"


def _name_codec(text: str) -> str:
    name = text.upper()
    # One channel is what audio without a number of channels has.
    name = name.removesuffix("/1") if name.count("/") > 1 else name
    return _BY_NAME.get(name, name)
