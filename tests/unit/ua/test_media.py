import pytest

from callrouter.sdp.description import Description, format_description, parse_description
from callrouter.sdp.direction import Direction, read_direction
from callrouter.sdp.errors import NoCommonMedia, SdpError
from callrouter.sdp.offer import build_offer
from callrouter.ua.media import Media, MediaConfig

KEY = "a" * 40
OFFER = format_description(build_offer("192.0.2.10", 4000, 7))
SECURED_OFFER = format_description(build_offer("192.0.2.10", 4000, 7, secured=True, crypto_key="b" * 40))


def make_media(*, secured: bool = False) -> Media:
    return Media(MediaConfig("192.0.2.1", 5000, 1, secured, KEY))


def version_of(body: bytes) -> int:
    return int(parse_description(body).origin.split(" ")[2])


def direction_of(description: Description | None) -> Direction:
    assert description is not None
    return read_direction(description.media[0].attributes)


def test_take_offer_answers_with_our_address_and_port() -> None:
    media = make_media()
    answer = parse_description(media.take_offer(OFFER))
    assert answer.origin == "- 1 1 IN IP4 192.0.2.1"
    assert (answer.connection, answer.media[0].port, answer.media[0].protocol) == ("IN IP4 192.0.2.1", 5000, "RTP/AVP")
    assert (media.local, media.remote) == (answer, parse_description(OFFER))
    assert not media.awaits_answer


def test_take_offer_of_srtp_answers_with_our_key() -> None:
    answer = parse_description(make_media(secured=True).take_offer(SECURED_OFFER))
    assert list(answer.media[0].values_of("crypto")) == [f"1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}"]


def test_take_offer_again_keeps_the_version_unless_something_changed() -> None:
    media = make_media()
    versions = [version_of(media.take_offer(OFFER)) for _ in range(2)]
    hold = OFFER.replace(b"a=sendrecv", b"a=sendonly")
    versions += [version_of(media.take_offer(body)) for body in (hold, hold, OFFER)]
    assert versions == [1, 1, 2, 2, 3]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"", SdpError),
        (b"nonsense", SdpError),
        (OFFER.replace(b"m=audio", b"m=video"), NoCommonMedia),
        (OFFER.replace(b"m=audio 4000", b"m=audio 0"), NoCommonMedia),
    ],
)
def test_take_offer_that_cannot_be_taken_leaves_what_was_agreed_on(body: bytes, error: type[Exception]) -> None:
    media = make_media()
    media.take_offer(OFFER)
    before = (media.local, media.remote)
    with pytest.raises(error):
        media.take_offer(body)
    assert (media.local, media.remote) == before


def test_take_offer_without_srtp_where_it_is_wanted_raises_no_common_media() -> None:
    with pytest.raises(NoCommonMedia):
        make_media(secured=True).take_offer(OFFER)


def test_make_offer_awaits_its_answer_and_then_both_sides_are_known() -> None:
    media = make_media()
    offer = media.make_offer()
    assert (media.awaits_answer, media.local) == (True, None)
    answer = Media(MediaConfig("192.0.2.10", 4000, 7)).take_offer(offer)
    media.take_answer(answer)
    assert not media.awaits_answer
    assert (media.local, media.remote) == (parse_description(offer), parse_description(answer))


def test_make_offer_within_a_call_says_the_same_under_the_same_version() -> None:
    media = make_media()
    answer = media.take_offer(OFFER)
    assert media.make_offer() == answer


def test_make_offer_with_a_direction_is_a_new_version_once() -> None:
    media, far = make_media(), Media(MediaConfig("192.0.2.10", 4000, 7))
    media.take_offer(OFFER)
    versions = []
    for direction in ("sendonly", "sendonly", "sendrecv"):
        offer = media.make_offer(direction)
        media.take_answer(far.take_offer(offer))
        versions.append(version_of(offer))
        assert direction_of(media.local) == direction
    assert versions == [2, 2, 3]


def test_make_offer_with_what_is_no_direction_raises_value_error() -> None:
    with pytest.raises(ValueError, match="sideways"):
        make_media().make_offer("sideways")


@pytest.mark.parametrize("body", [b"", b"nonsense", OFFER.replace(b"m=audio 4000", b"m=audio 0")])
def test_take_answer_that_is_none_raises_sdp_error_and_leaves_what_was_agreed_on(body: bytes) -> None:
    media = make_media()
    media.take_offer(OFFER)
    before = (media.local, media.remote)
    media.make_offer("inactive")
    with pytest.raises(SdpError):
        media.take_answer(body)
    assert (media.local, media.remote, media.awaits_answer) == (*before, False)


def test_take_answer_that_nobody_asked_for_is_passed_over() -> None:
    media = make_media()
    media.take_answer(b"nonsense")
    assert media.remote is None


def test_withdraw_offer_leaves_what_was_agreed_on() -> None:
    media = make_media()
    media.take_offer(OFFER)
    before = (media.local, media.remote)
    media.make_offer("inactive")
    media.withdraw_offer()
    assert (media.local, media.remote, media.awaits_answer) == (*before, False)
    assert direction_of(media.local) is Direction.SENDRECV
