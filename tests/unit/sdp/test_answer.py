from dataclasses import replace

import pytest

from callrouter.sdp.answer import AnswerPolicy, build_answer
from callrouter.sdp.description import Description, Media, format_description, parse_description
from callrouter.sdp.errors import NoCommonMedia
from tests.conformance.corpus import read_octets
from tests.unit.sdp.bodies import KEY, OWN_KEY, PHONE, make_body

PLAIN = AnswerPolicy("203.0.113.5", 20000, 77, secured=False, crypto_key="")
WITH_KEY = replace(PLAIN, crypto_key=OWN_KEY)
SECURED = replace(WITH_KEY, secured=True)

AUDIO = "m=audio 4000 RTP/AVP 0"
SRTP = "m=audio 4000 RTP/SAVP 0"
CRYPTO_80 = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^31"
CRYPTO_32 = f"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}"


def answer(*media_lines: str, policy: AnswerPolicy = PLAIN, session_lines: tuple[str, ...] = ()) -> Description:
    return build_answer(parse_description(make_body(*media_lines, session_lines=session_lines)), policy)


def summary(description: Description) -> list[tuple[str, int, str, str]]:
    return [(each.kind, each.port, each.protocol, " ".join(each.formats)) for each in description.media]


def direction_of(description: Description) -> str:
    return description.media[0].attributes[-1][0]


def test_build_answer_to_a_phone_is_this_body() -> None:
    assert format_description(build_answer(parse_description(PHONE), PLAIN)) == (
        b"v=0\r\n"
        b"o=- 77 1 IN IP4 203.0.113.5\r\n"
        b"s=-\r\n"
        b"c=IN IP4 203.0.113.5\r\n"
        b"t=0 0\r\n"
        b"m=audio 20000 RTP/AVP 8 0 101\r\n"
        b"a=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-16\r\n"
        b"a=ptime:20\r\n"
        b"a=sendrecv\r\n"
    )


def test_build_answer_secured_to_srtp_is_this_body() -> None:
    offer = parse_description(make_body("m=audio 4000 RTP/SAVP 0 101", CRYPTO_32, CRYPTO_80))
    policy = replace(SECURED, address="2001:db8::5")
    assert format_description(build_answer(offer, policy)) == (
        b"v=0\r\n"
        b"o=- 77 1 IN IP6 2001:db8::5\r\n"
        b"s=-\r\n"
        b"c=IN IP6 2001:db8::5\r\n"
        b"t=0 0\r\n"
        b"m=audio 20000 RTP/SAVP 0\r\n"
        b"a=rtpmap:0 PCMU/8000\r\n"
        b"a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:" + OWN_KEY.encode() + b"\r\n"
        b"a=sendrecv\r\n"
    )


@pytest.mark.parametrize(
    ("media_lines", "expected"),
    [
        (("m=audio 4 RTP/AVP 96 97", "a=rtpmap:97 PCMU/8000"), [("audio", 20000, "RTP/AVP", "97")]),
        (("m=audio 4 RTP/AVP 18 0 0 8",), [("audio", 20000, "RTP/AVP", "0 8")]),
        (("m=audio 4 RTP/AVP 101 0", "a=rtpmap:101 telephone-event/8000"), [("audio", 20000, "RTP/AVP", "101 0")]),
        (("m=audio 4 RTP/AVPF 0",), [("audio", 20000, "RTP/AVPF", "0")]),
        (
            ("m=video 6 RTP/AVP 31 32", "m=audio 4 RTP/AVP 0", "m=audio 8 RTP/AVP 8"),
            [("video", 0, "RTP/AVP", "31 32"), ("audio", 20000, "RTP/AVP", "0"), ("audio", 0, "RTP/AVP", "8")],
        ),
        (
            ("m=audio 0 RTP/AVP 0", "m=audio 4 RTP/AVP 18", "m=audio 4 RTP/AVP 8", "m=image 4 udptl t38"),
            [
                ("audio", 0, "RTP/AVP", "0"),
                ("audio", 0, "RTP/AVP", "18"),
                ("audio", 20000, "RTP/AVP", "8"),
                ("image", 0, "udptl", "t38"),
            ],
        ),
        (
            ("m=audio 4/2 RTP/AVP 0", "m=audio 4 UDP/TLS/RTP/SAVPF 0", "m=audio 4 RTP/AVP 0"),
            [
                ("audio", 0, "RTP/AVP", "0"),
                ("audio", 0, "UDP/TLS/RTP/SAVPF", "0"),
                ("audio", 20000, "RTP/AVP", "0"),
            ],
        ),
        (
            ("m=audio 4 RTP/AVP 0", "c=IN IP4 233.252.0.1/127", "m=audio 4 RTP/AVP 0"),
            [("audio", 0, "RTP/AVP", "0"), ("audio", 20000, "RTP/AVP", "0")],
        ),
    ],
)
def test_build_answer_takes_the_first_audio_that_it_can_and_refuses_the_rest(
    media_lines: tuple[str, ...], expected: list[tuple[str, int, str, str]]
) -> None:
    assert summary(answer(*media_lines)) == expected


def test_build_answer_refused_streams_have_no_attributes() -> None:
    description = answer(AUDIO, "m=video 6 RTP/AVP 31", "a=rtpmap:31 H261/90000", "a=sendonly")
    assert description.media[1] == Media("video", 0, "RTP/AVP", ("31",), ())


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("rfc4475/sdp01.dat", [("audio", 20000, "RTP/AVP", "0"), ("video", 0, "RTP/AVP", "31")]),
        ("rfc4475/mismatch02.dat", [("audio", 20000, "RTP/AVP", "0"), ("video", 0, "RTP/AVP", "31")]),
        ("rfc4475/inv2543.dat", [("audio", 20000, "RTP/AVP", "0")]),
        ("rfc5118-tcp/mult-ip-in-sdp.dat", [("audio", 20000, "RTP/AVP", "0"), ("video", 0, "RTP/AVP", "107")]),
        ("edges/e001-invite-known-user.dat", [("audio", 20000, "RTP/AVP", "0")]),
    ],
)
def test_build_answer_to_a_vector_takes_its_audio(file: str, expected: list[tuple[str, int, str, str]]) -> None:
    offer = parse_description(read_octets(file).partition(b"\r\n\r\n")[2])
    assert summary(build_answer(offer, PLAIN)) == expected


@pytest.mark.parametrize("file", ["rfc5118-tcp/ipv6-in-sdp.dat", "rfc5118-tcp/ipv4-mapped-ipv6.dat"])
def test_build_answer_to_a_vector_without_g711_raises_no_common_media(file: str) -> None:
    offer = parse_description(read_octets(file).partition(b"\r\n\r\n")[2])
    with pytest.raises(NoCommonMedia, match="the audio that is offered has neither PCMU nor PCMA"):
        build_answer(offer, PLAIN)


def test_build_answer_time_is_that_of_the_offer() -> None:
    offer = parse_description(make_body(AUDIO).replace(b"t=0 0", b"t=3149328700 3149328800"))
    assert build_answer(offer, PLAIN).timing == "3149328700 3149328800"


def test_build_answer_ptime_is_said_only_where_the_offer_says_one() -> None:
    assert [("ptime", "20") in answer(*lines).media[0].attributes for lines in ((AUDIO,), (AUDIO, "a=ptime:60"))] == [
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("session_lines", "media_lines", "direction"),
    [
        ((), (), "sendrecv"),
        ((), ("a=sendrecv",), "sendrecv"),
        ((), ("a=sendonly",), "recvonly"),
        ((), ("a=recvonly",), "sendonly"),
        ((), ("a=inactive",), "inactive"),
        (("a=sendonly",), (), "recvonly"),
        (("a=sendonly",), ("a=recvonly",), "sendonly"),
        ((), ("c=IN IP4 0.0.0.0",), "recvonly"),
        ((), ("c=IN IP4 0.0.0.0", "a=inactive"), "inactive"),
    ],
)
def test_build_answer_direction_mirrors_that_of_the_offer(
    session_lines: tuple[str, ...], media_lines: tuple[str, ...], direction: str
) -> None:
    assert direction_of(answer(AUDIO, *media_lines, session_lines=session_lines)) == direction


@pytest.mark.parametrize(
    ("media_lines", "policy", "protocol", "crypto"),
    [
        ((SRTP, CRYPTO_80, CRYPTO_32), SECURED, "RTP/SAVP", f"1 AES_CM_128_HMAC_SHA1_80 inline:{OWN_KEY}"),
        (("m=audio 4 RTP/SAVPF 0", CRYPTO_80), SECURED, "RTP/SAVPF", f"1 AES_CM_128_HMAC_SHA1_80 inline:{OWN_KEY}"),
        ((SRTP, CRYPTO_32), WITH_KEY, "RTP/SAVP", f"2 AES_CM_128_HMAC_SHA1_32 inline:{OWN_KEY}"),
        ((AUDIO, CRYPTO_80), WITH_KEY, "RTP/AVP", None),
        ((AUDIO, SRTP, CRYPTO_80), WITH_KEY, "RTP/AVP", None),
        ((SRTP, CRYPTO_80, AUDIO), PLAIN, "RTP/AVP", None),
        ((AUDIO, SRTP, CRYPTO_80), SECURED, "RTP/SAVP", f"1 AES_CM_128_HMAC_SHA1_80 inline:{OWN_KEY}"),
        (
            (SRTP, "a=crypto:1 X inline:y", SRTP, CRYPTO_80),
            SECURED,
            "RTP/SAVP",
            f"1 {CRYPTO_80[11:34]} inline:{OWN_KEY}",
        ),
    ],
)
def test_build_answer_is_secured_as_the_stream_that_it_takes(
    media_lines: tuple[str, ...], policy: AnswerPolicy, protocol: str, crypto: str | None
) -> None:
    taken = next(media for media in answer(*media_lines, policy=policy).media if media.port)
    assert (taken.protocol, next(taken.values_of("crypto"), None)) == (protocol, crypto)


@pytest.mark.parametrize(
    ("media_lines", "policy", "detail"),
    [
        ((), PLAIN, "no audio is offered"),
        (("m=video 4 RTP/AVP 31", "m=audio 0 RTP/AVP 0"), PLAIN, "no audio is offered"),
        (("m=video 4 RTP/AVP 31", "m=audio 4 udp 0"), PLAIN, "the audio that is offered is not one stream of RTP"),
        (("m=audio 4/2 RTP/AVP 0",), PLAIN, "the audio that is offered is not one stream of RTP"),
        (("m=audio 4 RTP/AVP 18",), PLAIN, "the audio that is offered has neither PCMU nor PCMA"),
        (
            ("m=audio 4 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
            PLAIN,
            "the audio that is offered has neither PCMU nor PCMA",
        ),
        ((AUDIO,), SECURED, "the audio that is offered is not SRTP"),
        ((AUDIO, CRYPTO_80), SECURED, "the audio that is offered is not SRTP"),
        ((SRTP,), SECURED, "no key for SRTP that is offered can be used"),
        ((SRTP, CRYPTO_80), PLAIN, "no key for SRTP that is offered can be used"),
        ((SRTP, CRYPTO_80.replace("_80", "_99")), SECURED, "no key for SRTP that is offered can be used"),
        (
            (AUDIO.replace("AVP 0", "SAVP 18"), CRYPTO_80),
            SECURED,
            "the audio that is offered has neither PCMU nor PCMA",
        ),
    ],
)
def test_build_answer_nothing_to_take_raises_no_common_media(
    media_lines: tuple[str, ...], policy: AnswerPolicy, detail: str
) -> None:
    with pytest.raises(NoCommonMedia) as caught:
        answer(*media_lines, policy=policy)
    assert str(caught.value) == detail
