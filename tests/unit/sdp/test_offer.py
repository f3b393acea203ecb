from dataclasses import replace

import pytest

from callrouter.sdp.answer import AnswerPolicy, build_answer
from callrouter.sdp.description import Description, format_description, parse_description
from callrouter.sdp.direction import Direction
from callrouter.sdp.errors import SdpError
from callrouter.sdp.offer import build_offer, check_answer, next_version, revise, with_direction
from tests.unit.sdp.bodies import KEY, OWN_KEY, make_body

OFFER = build_offer("192.0.2.1", 40000, 5)
SECURED_OFFER = build_offer("192.0.2.1", 40000, 5, secured=True, crypto_key=KEY)
POLICY = AnswerPolicy("203.0.113.5", 20000, 77, secured=False, crypto_key=OWN_KEY)
CRYPTO = f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{OWN_KEY}"


def read(*media_lines: str, session_lines: tuple[str, ...] = ()) -> Description:
    return parse_description(make_body(*media_lines, session_lines=session_lines))


def test_build_offer_is_this_body() -> None:
    assert format_description(OFFER) == (
        b"v=0\r\n"
        b"o=- 5 1 IN IP4 192.0.2.1\r\n"
        b"s=-\r\n"
        b"c=IN IP4 192.0.2.1\r\n"
        b"t=0 0\r\n"
        b"m=audio 40000 RTP/AVP 0 8 101\r\n"
        b"a=rtpmap:0 PCMU/8000\r\n"
        b"a=rtpmap:8 PCMA/8000\r\n"
        b"a=rtpmap:101 telephone-event/8000\r\n"
        b"a=fmtp:101 0-16\r\n"
        b"a=ptime:20\r\n"
        b"a=sendrecv\r\n"
    )


def test_build_offer_secured_has_protocol_and_key() -> None:
    media = SECURED_OFFER.media[0]
    assert (media.protocol, list(media.values_of("crypto"))) == (
        "RTP/SAVP",
        [f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"],
    )


def test_build_offer_over_ipv6_says_so() -> None:
    offer = build_offer("2001:db8::1", 40000, 5)
    assert (offer.origin, offer.connection) == ("- 5 1 IN IP6 2001:db8::1", "IN IP6 2001:db8::1")


def test_build_offer_secured_without_a_key_raises_value_error() -> None:
    with pytest.raises(ValueError, match="a secured offer needs a key"):
        build_offer("192.0.2.1", 40000, 5, secured=True)


@pytest.mark.parametrize(("offer", "secured"), [(OFFER, False), (SECURED_OFFER, False), (SECURED_OFFER, True)])
def test_check_answer_that_the_worker_builds_fits(offer: Description, secured: bool) -> None:
    assert check_answer(offer, build_answer(offer, replace(POLICY, secured=secured))) == ""


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (OFFER, read("m=audio 9000 RTP/AVP 8")),
        (OFFER, read("m=audio 9000 RTP/AVP 96 8", "a=rtpmap:96 opus/48000/2")),
        (OFFER, read("m=audio 9000 RTP/AVP 96", "a=rtpmap:96 pcmu/8000")),
        (OFFER, read("m=audio 9000 RTP/AVP 0", "a=recvonly")),
        (OFFER, read("m=audio 9000 RTP/AVP 0", session_lines=("a=inactive",))),
        (with_direction(OFFER, "sendonly"), read("m=audio 9000 RTP/AVP 0", "a=recvonly")),
        (read("m=audio 1 RTP/AVP 18", session_lines=("a=recvonly",)), read("m=audio 9 RTP/AVP 18", "a=sendonly")),
        (read("m=audio 1 RTP/AVP 0", "m=image 0 udptl t38"), read("m=audio 9 RTP/AVP 0", "m=image 0 udptl t38")),
        (read("m=audio 1 RTP/AVP 0", "m=image 2 udptl t38"), read("m=audio 9 RTP/AVP 0", "m=image 7 udptl t38")),
        (read("m=video 1 RTP/AVP 31", "m=audio 1 RTP/AVP 0"), read("m=video 0 RTP/AVP 99", "m=audio 9 RTP/AVP 0")),
        (SECURED_OFFER, read("m=audio 9000 RTP/SAVP 0", CRYPTO)),
    ],
)
def test_check_answer_that_rfc_3264_allows_fits(offer: Description, answer: Description) -> None:
    assert check_answer(offer, answer) == ""


@pytest.mark.parametrize(
    ("offer", "answer", "fault"),
    [
        (OFFER, read(), "the offer has 1 m= lines, the answer 0"),
        (
            OFFER,
            read("m=audio 9 RTP/AVP 0", "m=video 0 RTP/AVP 31"),
            "the offer has 1 m= lines, the answer 2",
        ),
        (OFFER, read("m=audio 0 RTP/AVP 0"), "the answer takes no audio"),
        (
            read("m=audio 1 RTP/AVP 0", "m=video 1 RTP/AVP 31"),
            read("m=audio 0 RTP/AVP 0", "m=video 9 RTP/AVP 31"),
            "the answer takes no audio",
        ),
        (OFFER, read("m=video 9 RTP/AVP 0"), "m= line 1 of the answer is of another kind than that of the offer"),
        (
            read("m=audio 1 RTP/AVP 0", "m=video 0 RTP/AVP 31"),
            read("m=audio 9 RTP/AVP 0", "m=video 9 RTP/AVP 31"),
            "m= line 2 of the answer takes what was not offered",
        ),
        (
            OFFER,
            read("m=audio 9 RTP/SAVP 0", CRYPTO),
            "m= line 1 of the answer has another protocol than that of the offer",
        ),
        (OFFER, read("m=audio 9 RTP/AVP 18"), "m= line 1 of the answer has no codec of the offer"),
        (
            OFFER,
            read("m=audio 9 RTP/AVP 101", "a=rtpmap:101 telephone-event/8000"),
            "m= line 1 of the answer has no codec of the offer",
        ),
        (
            OFFER,
            read("m=audio 9 RTP/AVP 0", "a=rtpmap:0 L16/44100"),
            "m= line 1 of the answer has no codec of the offer",
        ),
        (
            with_direction(OFFER, "sendonly"),
            read("m=audio 9 RTP/AVP 0"),
            "m= line 1 of the answer goes a way that was not offered",
        ),
        (
            with_direction(OFFER, "inactive"),
            read("m=audio 9 RTP/AVP 0", session_lines=("a=recvonly",)),
            "m= line 1 of the answer goes a way that was not offered",
        ),
        (
            SECURED_OFFER,
            read("m=audio 9 RTP/SAVP 0"),
            "m= line 1 of the answer has no key for SRTP that fits the offer",
        ),
        (
            SECURED_OFFER,
            read("m=audio 9 RTP/SAVP 0", CRYPTO.replace(":1 ", ":2 ")),
            "m= line 1 of the answer has no key for SRTP that fits the offer",
        ),
    ],
)
def test_check_answer_that_does_not_fit_says_why(offer: Description, answer: Description, fault: str) -> None:
    assert check_answer(offer, answer) == fault


def test_with_direction_replaces_that_of_streams_in_use() -> None:
    description = read("m=audio 1 RTP/AVP 0", "a=sendrecv", "a=ptime:20", "m=video 0 RTP/AVP 31", "a=sendrecv")
    held = with_direction(description, Direction.SENDONLY)
    assert [media.attributes for media in held.media] == [
        (("ptime", "20"), ("sendonly", None)),
        (("sendrecv", None),),
    ]
    assert held.origin == "- 1 2 IN IP4 192.0.2.1"


def test_with_direction_reads_back_as_the_same() -> None:
    held = with_direction(OFFER, "sendonly")
    assert parse_description(format_description(held)) == held


def test_with_direction_of_no_direction_raises_value_error() -> None:
    with pytest.raises(ValueError, match="not a valid Direction"):
        with_direction(OFFER, "sideways")


@pytest.mark.parametrize(
    ("origin", "following"),
    [
        ("- 5 1 IN IP4 192.0.2.1", "- 5 2 IN IP4 192.0.2.1"),
        ("- 5 0 IN IP6 2001:db8::1", "- 5 1 IN IP6 2001:db8::1"),
        ("my phone 5 9 IN IP4 192.0.2.1", "my phone 5 10 IN IP4 192.0.2.1"),
        ("- 5 9223372036854775806 IN IP4 192.0.2.1", "- 5 9223372036854775807 IN IP4 192.0.2.1"),
    ],
)
def test_next_version_is_one_more(origin: str, following: str) -> None:
    assert next_version(replace(OFFER, origin=origin)) == replace(OFFER, origin=following)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "x",
        "- 5 x IN IP4 192.0.2.1",
        "- 5 -1 IN IP4 192.0.2.1",
        "- 5 9223372036854775807 IN IP4 192.0.2.1",
        f"- 5 {'9' * 5000} IN IP4 192.0.2.1",
        "- 5 \u0661 IN IP4 192.0.2.1",
    ],
)
def test_next_version_of_one_that_has_none_raises_sdp_error(origin: str) -> None:
    with pytest.raises(SdpError, match="version"):
        next_version(replace(OFFER, origin=origin))


def test_revise_what_has_not_changed_is_the_same() -> None:
    previous = next_version(build_answer(OFFER, POLICY))
    assert revise(previous, build_answer(OFFER, POLICY)) == previous


def test_revise_what_has_changed_is_the_next_version() -> None:
    previous = next_version(build_answer(OFFER, POLICY))
    revised = revise(previous, build_answer(with_direction(OFFER, "sendonly"), POLICY))
    assert revised.origin == "- 77 3 IN IP4 203.0.113.5"
    assert revised.media[0].attributes[-1] == ("recvonly", None)
