"""Bodies of messages as session descriptions: judged by their type, then taken as offer or answer (8.2.3, RFC 3264)."""

from callrouter.reason import Reason
from callrouter.sdp.errors import NoCommonMedia, SdpError
from callrouter.sip.content import parse_content_type
from callrouter.sip.errors import MalformedError
from callrouter.sip.headers import Headers
from callrouter.ua.media import Media


class BadBody(Exception):  # noqa: N818 - STYLE: errors say what was wrong
    """A body that has to be a session description is none that can be used; refused with `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def take_offer(media: Media, headers: Headers, body: bytes) -> bytes:
    """The answer to an offer in a message.

    Raises:
        BadBody: it is no session description, or none that can be taken.
    """
    _check_type(headers)
    try:
        return media.take_offer(body)
    except SdpError as error:
        raise BadBody(Reason.MALFORMED_SDP) from error
    except NoCommonMedia as refusal:  # one name for both would be of one type in compiled code
        raise BadBody(Reason.NO_COMMON_MEDIA) from refusal


def take_answer(media: Media, headers: Headers, body: bytes) -> None:
    """Take the answer to an offer of ours out of a message.

    Raises:
        BadBody: it is no session description, or no answer to the offer.
    """
    _check_type(headers)
    try:
        media.take_answer(body)
    except SdpError as error:
        raise BadBody(Reason.MALFORMED_SDP) from error


def _check_type(headers: Headers) -> None:
    coding = headers.get("content-encoding") or "identity"
    try:
        kind = parse_content_type(headers.get("content-type") or "application/sdp")
    except MalformedError as error:
        raise BadBody(Reason.UNSUPPORTED_MEDIA_TYPE) from error
    if (kind.type, kind.subtype) != ("application", "sdp") or coding.lower() != "identity":
        raise BadBody(Reason.UNSUPPORTED_MEDIA_TYPE)
