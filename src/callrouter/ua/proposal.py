"""What an INVITE of ours proposes: an offer of our own, a body that was given, or nothing, so that the peer offers.

RFC 3261 13.2.1 and 13.2.2.4, RFC 3264. Every branch of a fork answers the same proposal, each with media of its own.
"""

from dataclasses import dataclass
from typing import Final

from callrouter.sdp.description import Description, format_connection, format_description, parse_description
from callrouter.sdp.description import Media as MediaLine
from callrouter.sdp.errors import SdpError
from callrouter.sip.headers import Headers
from callrouter.sip.respond import header_line
from callrouter.ua.body import BadBody, take_answer, take_offer
from callrouter.ua.capabilities import SDP_LINE
from callrouter.ua.media import Media, MediaConfig

_SDP: Final = "application/sdp"


@dataclass(frozen=True, slots=True)
class GivenBody:
    """What an INVITE carries instead of an offer of our own.

    Where it is application/sdp, it is the offer. Any other one, and none at all, leaves the offer to the peer (13.2.1).
    """

    octets: bytes
    content_type: str = _SDP

    @property
    def is_offer(self) -> bool:
        """Whether the peer has to answer it."""
        return bool(self.octets) and self.content_type.partition(";")[0].strip().lower() == _SDP


@dataclass(frozen=True, slots=True)
class Proposal:
    """The offer of one INVITE. given: instead of our own."""

    config: MediaConfig
    given: GivenBody | None = None

    @property
    def has_offer(self) -> bool:
        """Whether the peer has to answer, and not to offer."""
        return self.given is None or self.given.is_offer

    def build(self) -> tuple[str, bytes]:
        """The Content-Type line and the body of the INVITE.

        Raises:
            HeaderError: the content type that was given holds a line end.
        """
        given = self.given
        if given is None:
            return SDP_LINE, Media(self.config).make_offer()
        return (header_line("Content-Type", given.content_type) if given.octets else ""), given.octets

    def open_media(self) -> Media:
        """The media of one branch, its offer out; of an offer that we cannot read ourselves none is."""
        media = Media(self.config)
        if self.given is None:
            media.make_offer()
        elif self.given.is_offer:
            try:
                media.local = parse_description(self.given.octets)
            except SdpError:
                return media
            media.make_offer()
        return media

    def agree(self, media: Media, headers: Headers, body: bytes) -> tuple[bytes, str]:
        """Take the description that came in an answer.

        Returns:
            Our answer to it, where it is an offer, and what is wrong with it in one sentence, "" where it fits.
        """
        try:
            if not self.has_offer:
                return take_offer(media, headers, body), ""
            if media.awaits_answer:
                take_answer(media, headers, body)
        except BadBody as error:
            # Not __cause__, which compiled code does not set.
            fault = str(error.__context__ or error.reason.value.replace("-", " "))
            return (b"" if self.has_offer else self._refuse(body)), fault
        return b"", ""

    def _refuse(self, offer: bytes) -> bytes:
        """The answer that takes nothing, which the ACK has to carry (13.2.2.4); b"" where the offer cannot be read."""
        try:
            offered = parse_description(offer)
            connection = format_connection(self.config.address)
            lines = tuple(MediaLine(each.kind, 0, each.protocol, each.formats, ()) for each in offered.media)
            origin = f"- {self.config.session_id} 1 {connection}"
            return format_description(Description(origin, connection, lines, timing=offered.timing))
        except SdpError:
            return b""
