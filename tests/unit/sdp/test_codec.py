import pytest

from callrouter.sdp.codec import Codec, format_codecs, read_codecs
from callrouter.sdp.description import Attribute, Media


def make_media(formats: str, *rtpmaps: str) -> Media:
    attributes: tuple[Attribute, ...] = tuple(("rtpmap", value) for value in rtpmaps)
    return Media("audio", 4, "RTP/AVP", tuple(formats.split()), attributes)


@pytest.mark.parametrize(
    ("formats", "rtpmaps", "codecs"),
    [
        ("0 8", (), {"0": "PCMU/8000", "8": "PCMA/8000"}),
        ("8 0", ("0 PCMU/8000", "8 pcma/8000/1"), {"8": "PCMA/8000", "0": "PCMU/8000"}),
        ("96", ("96 pcmu/8000",), {"96": "PCMU/8000"}),
        ("96", ("96 PCMU/16000",), {"96": "PCMU/16000"}),
        ("96", ("96 PCMU/8000/2",), {"96": "PCMU/8000/2"}),
        ("101", ("101 Telephone-Event/8000",), {"101": "telephone-event/8000"}),
        ("101", (" 101  telephone-event/8000 ",), {"101": "telephone-event/8000"}),
        ("101", ("101 telephone-event/48000",), {"101": "TELEPHONE-EVENT/48000"}),
        ("101", (), {"101": "101"}),
        ("18", ("97 PCMU/8000",), {"18": "18"}),
        ("0", ("0 L16/44100",), {"0": "L16/44100"}),
        ("0", ("0",), {"0": "PCMU/8000"}),
        ("31", ("31 LPC",), {"31": "LPC"}),
        ("97", ("97 PCMU/8000", "97 PCMA/8000"), {"97": "PCMU/8000"}),
        ("0 0 8 0", (), {"0": "PCMU/8000", "8": "PCMA/8000"}),
        ("x", ("x FOO/1",), {"x": "FOO/1"}),
    ],
)
def test_read_codecs_says_what_every_format_is(formats: str, rtpmaps: tuple[str, ...], codecs: dict[str, str]) -> None:
    read = read_codecs(make_media(formats, *rtpmaps))
    assert list(read.items()) == list(codecs.items())


def test_read_codecs_those_that_this_end_takes_are_members() -> None:
    codecs = read_codecs(make_media("0 18 101", "101 telephone-event/8000")).values()
    assert [isinstance(codec, Codec) for codec in codecs] == [True, False, True]


def test_format_codecs_says_which_events_are_taken() -> None:
    codecs = {"8": Codec.PCMA, "101": Codec.TELEPHONE_EVENT, "0": Codec.PCMU}
    assert list(format_codecs(codecs)) == [
        ("rtpmap", "8 PCMA/8000"),
        ("rtpmap", "101 telephone-event/8000"),
        ("fmtp", "101 0-16"),
        ("rtpmap", "0 PCMU/8000"),
    ]
