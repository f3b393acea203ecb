"""What two sides have agreed on to hear each other by: offers and answers of one call (RFC 3264). No media moves.

The bodies are SDP; what is in them is the business of `sdp`. Here is whose turn it is, and which version is out.
"""

from dataclasses import dataclass

from callrouter.sdp.answer import AnswerPolicy, build_answer
from callrouter.sdp.description import Description, format_description, parse_description
from callrouter.sdp.errors import SdpError
from callrouter.sdp.offer import build_offer, check_answer, revise, with_direction


@dataclass(frozen=True, slots=True)
class MediaConfig:
    """What our side says of itself; nothing is opened there.

    address: numeric, for o= and c=. rtp_port: even. session_id: of o=. secured: SRTP only (VoIPSecurity Secured).
    crypto_key: the inline key of a=crypto.
    """

    address: str
    rtp_port: int
    session_id: int
    secured: bool = False
    crypto_key: str = ""


class Media:
    """One call's descriptions."""

    __slots__ = ("_config", "_offered", "local", "remote")

    def __init__(self, config: MediaConfig) -> None:
        self._config = config
        self._offered: Description | None = None
        """An offer of ours that awaits its answer."""
        self.local: Description | None = None
        """What we said last and the peer took, or has to take."""
        self.remote: Description | None = None

    def take_offer(self, body: bytes) -> bytes:
        """The answer to an offer.

        Raises:
            SdpError: it cannot be read.
            NoCommonMedia: it has nothing that we can take.
        """
        config = self._config
        remote = parse_description(body)
        policy = AnswerPolicy(config.address, config.rtp_port, config.session_id, config.secured, config.crypto_key)
        self.local = self._versioned(build_answer(remote, policy))
        self.remote = remote
        return format_description(self.local)

    def make_offer(self, direction: str = "") -> bytes:
        """An offer of ours: what is agreed on already, or the first one; "sendonly" and so on changes the direction."""
        config = self._config
        offer = self.local or build_offer(
            config.address, config.rtp_port, config.session_id, secured=config.secured, crypto_key=config.crypto_key
        )
        if direction:
            offer = with_direction(offer, direction)
        self._offered = self._versioned(offer)
        return format_description(self._offered)

    @property
    def awaits_answer(self) -> bool:
        """Whether an offer of ours is out."""
        return self._offered is not None

    def take_answer(self, body: bytes) -> None:
        """The answer to our offer.

        Raises:
            SdpError: it cannot be read, or is no answer to the offer.
        """
        offered, self._offered = self._offered, None
        if offered is None:
            return
        answer = parse_description(body)
        fault = check_answer(offered, answer)
        if fault:
            raise SdpError(fault)
        self.local, self.remote = offered, answer

    def withdraw_offer(self) -> None:
        """The offer was refused: what was agreed on before stays (RFC 3261 14.1)."""
        self._offered = None

    def _versioned(self, draft: Description) -> Description:
        return draft if self.local is None else revise(self.local, draft)
