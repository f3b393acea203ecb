import pytest

from callrouter.reason import Reason
from callrouter.sip.headers import Headers
from callrouter.ua.body import BadBody, take_answer, take_offer
from callrouter.ua.media import Media, MediaConfig

NO_SDP = b"no session description"


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ({"content-type": ["text/plain"]}, Reason.UNSUPPORTED_MEDIA_TYPE),
        ({"content-type": ["nonsense"]}, Reason.UNSUPPORTED_MEDIA_TYPE),
        ({"content-encoding": ["gzip"]}, Reason.UNSUPPORTED_MEDIA_TYPE),
        ({"content-type": ["Application/SDP;x=y"], "content-encoding": ["Identity"]}, Reason.MALFORMED_SDP),
        ({}, Reason.MALFORMED_SDP),
    ],
)
def test_body_is_judged_by_its_type_before_it_is_read(rows: dict[str, list[str]], reason: Reason) -> None:
    media = Media(MediaConfig("192.0.2.1", 5000, 1))
    media.make_offer()
    for take in (take_offer, take_answer):
        with pytest.raises(BadBody) as caught:
            take(media, Headers(rows), NO_SDP)
        assert caught.value.reason is reason
