"""Descriptions read and write back, an answer fits its offer, and hostile bodies cost little."""

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sdp.answer import AnswerPolicy, build_answer
from callrouter.sdp.codec import Codec, read_codecs
from callrouter.sdp.description import Attribute, Description, Media, format_description, parse_description
from callrouter.sdp.errors import NoCommonMedia, SdpError
from callrouter.sdp.offer import build_offer, check_answer, next_version, revise, with_direction
from callrouter.testing.strategies import hostile_text, mutated, tokens, utf8_and_junk
from tests.cost import processor_seconds

LARGE = 65536
MOST_SECONDS = 0.5
KEY = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
ADDRESSES = ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.2", "0.0.0.0", "::")


def connections() -> st.SearchStrategy[str]:
    fixed = [f"IN {'IP6' if ':' in address else 'IP4'} {address}" for address in ADDRESSES]
    return st.sampled_from([*fixed, "IN IP4 233.252.0.1/127", "IN IP4 host.example.com"])


def known_attributes() -> st.SearchStrategy[Attribute]:
    """Those that an answer depends on, sound and odd."""
    names = st.sampled_from(["PCMU/8000", "pcma/8000/1", "telephone-event/8000", "opus/48000/2", "PCMU", ""])
    rtpmaps = st.builds("{} {}".format, st.sampled_from(["0", "8", "13", "96", "101"]), names)
    suites = st.sampled_from(["AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32", "AEAD_AES_128_GCM"])
    keys = st.sampled_from([f"inline:{KEY}", f"inline:{KEY}|2^31|1:1", "inline:short", f"inline:{KEY} KDR=1"])
    cryptos = st.builds("{} {} {}".format, st.integers(0, 10**9), suites, keys)
    return st.one_of(
        rtpmaps.map(lambda value: ("rtpmap", value)),
        cryptos.map(lambda value: ("crypto", value)),
        st.sampled_from(DIRECTIONS).map(lambda name: (name, None)),
        st.sampled_from([("ptime", "20"), ("ptime", None), ("rtcp-mux", None), ("fmtp", "101 0-15")]),
    )


def attributes() -> st.SearchStrategy[tuple[Attribute, ...]]:
    other = st.tuples(tokens(), st.none() | utf8_and_junk())
    return st.lists(known_attributes() | other, max_size=6).map(tuple)


def media(connection: st.SearchStrategy[str]) -> st.SearchStrategy[Media]:
    return st.builds(
        Media,
        kind=st.sampled_from(["audio", "audio", "audio", "video", "image"]),
        port=st.sampled_from([0, 4000, 65535]),
        protocol=st.sampled_from(["RTP/AVP", "RTP/AVP", "RTP/SAVP", "RTP/SAVPF", "RTP/AVPF", "udptl"]),
        formats=st.lists(st.sampled_from(["0", "8", "13", "96", "101", "t38"]), min_size=1, max_size=6).map(tuple),
        attributes=attributes(),
        connection=connection,
        port_count=st.sampled_from([1, 1, 1, 2]),
    )


def described(connection: str) -> st.SearchStrategy[Description]:
    """A description with this c= for its session; without one, every m-line has its own."""
    own = connections() | st.just("") if connection else connections()
    words = utf8_and_junk().map(lambda text: text.strip(" ") or "-")
    names = words.filter(lambda text: "  " not in text)
    return st.builds(
        Description,
        origin=st.builds("{} {} {} IN IP4 192.0.2.1".format, names, st.integers(0, 2**64), st.integers(0, 2**62)),
        connection=st.just(connection),
        media=st.lists(media(own), max_size=4).map(tuple),
        attributes=attributes(),
        session_name=words,
        timing=st.sampled_from(["0 0", "3338481189 3370017201"]),
    )


def descriptions() -> st.SearchStrategy[Description]:
    return (connections() | st.just("")).flatmap(described)


def policies() -> st.SearchStrategy[AnswerPolicy]:
    return st.builds(
        AnswerPolicy,
        address=st.sampled_from(ADDRESSES[:3]),
        rtp_port=st.integers(512, 32767).map(lambda half: half * 2),
        session_id=st.integers(0, 2**63 - 1),
        secured=st.booleans(),
        crypto_key=st.sampled_from([KEY, KEY, ""]),
    )


def takeable() -> st.SearchStrategy[Media]:
    """An m-line of SRTP that every policy with a key takes."""
    needed: tuple[Attribute, ...] = (
        ("rtpmap", "0 PCMU/8000"),
        ("crypto", f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"),
    )
    return st.builds(
        Media,
        kind=st.just("audio"),
        port=st.integers(1, 65535),
        protocol=st.sampled_from(["RTP/SAVP", "RTP/SAVPF"]),
        formats=st.permutations(["0", "8", "101", "18"]).map(tuple),
        attributes=attributes().map(lambda others: needed + others),
        connection=st.sampled_from([f"IN IP4 {address}" for address in ADDRESSES]),
    )


def exchanges() -> st.SearchStrategy[tuple[Description, AnswerPolicy]]:
    """An offer, and a policy under which something in it can be taken."""

    def insert(offer: Description, sound: Media, place: int) -> Description:
        return replace(offer, media=(*offer.media[:place], sound, *offer.media[place:]))

    offers = st.builds(insert, descriptions(), takeable(), st.integers(0, 4))
    return st.tuples(offers, policies().map(lambda policy: replace(policy, crypto_key=KEY)))


@given(descriptions())
def test_format_description_any_description_reads_back_as_the_same(description: Description) -> None:
    assert parse_description(format_description(description)) == description


@given(
    st.binary(max_size=200)
    | hostile_text().map(lambda text: text.encode("utf-8", "surrogateescape"))
    | mutated(descriptions().map(format_description))
)
@example(b"v=0")
@example(b"v=0\n=")
@example(b"v=0\no=\nm=\n")
def test_parse_description_any_octets_raise_nothing_but_sdp_error_and_read_back(body: bytes) -> None:
    try:
        description = parse_description(body)
    except SdpError:
        return
    assert parse_description(format_description(description)) == description


@given(descriptions(), policies())
def test_build_answer_any_offer_is_answered_or_has_no_common_media(offer: Description, policy: AnswerPolicy) -> None:
    try:
        answer = build_answer(offer, policy)
    except NoCommonMedia:
        return
    assert check_answer(offer, answer) == ""


@given(exchanges())
def test_build_answer_any_exchange_gives_what_fits_the_offer(exchange: tuple[Description, AnswerPolicy]) -> None:
    offer, policy = exchange
    answer = build_answer(offer, policy)
    assert parse_description(format_description(answer)) == answer
    assert check_answer(offer, answer) == ""
    assert answer.timing == offer.timing


@given(exchanges())
def test_build_answer_takes_one_stream_and_nothing_that_was_not_offered(
    exchange: tuple[Description, AnswerPolicy],
) -> None:
    offer, policy = exchange
    answer = build_answer(offer, policy)
    pairs = list(zip(offer.media, answer.media, strict=True))
    assert [each.port for each in answer.media if each.port] == [policy.rtp_port]
    for asked, given_back in pairs:
        assert (given_back.kind, given_back.protocol) == (asked.kind, asked.protocol)
        assert set(given_back.formats) <= set(asked.formats)
        if given_back.port:
            order = list(dict.fromkeys(asked.formats))
            assert list(given_back.formats) == [each for each in order if each in given_back.formats]
            assert set(read_codecs(given_back).values()) <= set(Codec)
            assert not policy.secured or asked.protocol in ("RTP/SAVP", "RTP/SAVPF")
        else:
            assert given_back.formats == asked.formats


@given(st.sampled_from(ADDRESSES[:3]), st.booleans(), policies())
def test_build_offer_is_taken_by_every_policy_that_it_suits(address: str, secured: bool, policy: AnswerPolicy) -> None:
    offer = build_offer(address, 40000, 1, secured=secured, crypto_key=KEY)
    policy = replace(policy, secured=policy.secured and secured, crypto_key=KEY)
    answer = build_answer(offer, policy)
    assert check_answer(offer, answer) == ""
    assert answer.media[0].formats == ("0", "8", "101")


@given(exchanges(), st.sampled_from(DIRECTIONS))
def test_with_direction_any_answer_goes_on_as_its_next_version(
    exchange: tuple[Description, AnswerPolicy], direction: str
) -> None:
    answer = build_answer(*exchange)
    turned = with_direction(answer, direction)
    assert parse_description(format_description(turned)) == turned
    assert turned.origin == next_version(answer).origin
    assert revise(answer, turned) in (turned, answer)
    assert with_direction(turned, direction) == next_version(turned)


@pytest.mark.parametrize(
    "unit",
    [
        *("\n", "\r", " ", "m", "=", "a=\n", "a=x\n", "a=x:y\r\n", "a=sendrecv\n", "i=\n", "s=x\n", "t=0 0\n"),
        *("m=audio 1 RTP/AVP 0\n", "m=audio 1 RTP/AVP 18\n", "m=video 0 a b\n", "c=IN IP4 0.0.0.0\n"),
        *("a=rtpmap:0 PCMU/8000\n", "a=rtpmap:\n", f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY} KDR=1\n"),
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "head",
    ["", "v=0\no=- 1 1 IN IP4 192.0.2.1\n", "v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/SAVP 0"],
    ids=["bare", "session", "media"],
)
def test_offer_of_64_kilobytes_costs_little(head: str, unit: str) -> None:
    policy = AnswerPolicy("192.0.2.1", 4000, 1, secured=False, crypto_key=KEY)
    filling = unit * (LARGE // len(unit))
    tail = f"\na=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\n"

    def answer_all() -> None:
        for body in (head + filling, f"{head}\n{filling}", f"{head}\na=x:{filling}", f"{head} {filling}{tail}"):
            try:
                offer = parse_description(body.encode())
                check_answer(offer, build_answer(offer, policy))
            except (SdpError, NoCommonMedia):
                continue

    assert processor_seconds(answer_all) < MOST_SECONDS


@pytest.mark.parametrize("formats", [" 0", " 8 101", " 18", " 96"], ids=repr)
def test_offer_of_many_formats_costs_little(formats: str) -> None:
    lines = "a=rtpmap:96 PCMU/8000\n" * 1000
    body = f"v=0\no=- 1 1 IN IP4 192.0.2.1\nc=IN IP4 192.0.2.1\nm=audio 1 RTP/AVP 0{formats * 8000}\n{lines}"

    def answer_it() -> None:
        offer = parse_description(body.encode())
        answer = build_answer(offer, AnswerPolicy("192.0.2.1", 4000, 1, secured=False, crypto_key=""))
        assert check_answer(offer, answer) == ""

    assert processor_seconds(answer_it) < MOST_SECONDS
