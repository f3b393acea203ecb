"""Offers, what must hold of their answers, and how a description goes on in a session (RFC 3264 5, 6, 8)."""

from dataclasses import replace

from callrouter.sdp.answer import PLAIN, PTIME, SECURED
from callrouter.sdp.codec import Codec, format_codecs, read_codecs
from callrouter.sdp.crypto import SUITES, Crypto, format_crypto, read_cryptos
from callrouter.sdp.description import Attribute, Description, Media, format_connection
from callrouter.sdp.direction import DIRECTIONS, Direction, fits, read_direction
from callrouter.sdp.errors import SdpError

_LAST_VERSION = 2**63 - 1
"""RFC 3264 5: a version is a signed integer of 64 bits."""


def build_offer(
    address: str, rtp_port: int, session_id: int, *, secured: bool = False, crypto_key: str = ""
) -> Description:
    """One audio stream: PCMU, PCMA and telephone events, both ways, as SRTP where it is `secured`.

    address: numeric, without brackets; crypto_key: 40 characters of base64 (30 octets).

    Raises:
        ValueError: it is secured and there is no key.
    """
    codecs = {"0": Codec.PCMU, "8": Codec.PCMA, "101": Codec.TELEPHONE_EVENT}
    attributes: list[Attribute] = [*format_codecs(codecs), ("ptime", PTIME)]
    if secured:
        if not crypto_key:
            raise ValueError("a secured offer needs a key")
        attributes.append(format_crypto(Crypto("1", SUITES[0]), crypto_key))
    attributes.append((Direction.SENDRECV, None))
    protocol = SECURED[0] if secured else PLAIN[0]
    connection = format_connection(address)
    return Description(
        origin=f"- {session_id} 1 {connection}",
        connection=connection,
        media=(Media("audio", rtp_port, protocol, tuple(codecs), tuple(attributes)),),
    )


def check_answer(offer: Description, answer: Description) -> str:
    """What is wrong with an answer, in one sentence; "" where it fits the offer.

    Payload types may differ, as long as they stand for a codec of the offer (RFC 3264 6.1); a telephone event is none.
    """
    if len(answer.media) != len(offer.media):
        return f"the offer has {len(offer.media)} m= lines, the answer {len(answer.media)}"
    offered_direction = read_direction(offer.attributes)
    answered_direction = read_direction(answer.attributes)
    for number, (offered, answered) in enumerate(zip(offer.media, answer.media, strict=True), 1):
        fault = _find_fault(offered, answered)
        if not fault and answered.port:
            direction = read_direction(offered.attributes, offered_direction)
            if not fits(direction, read_direction(answered.attributes, answered_direction)):
                fault = "goes a way that was not offered"
        if fault:
            return f"m= line {number} of the answer {fault}"
    if not any(media.port and media.kind == "audio" for media in answer.media):
        return "the answer takes no audio"
    return ""


def with_direction(description: Description, direction: str) -> Description:
    """The description with another direction in every m-line in use, as the next version of it.

    direction: `sendrecv`, `sendonly` (hold), `recvonly` or `inactive`.

    Raises:
        SdpError: its version is no number.
        ValueError: it is no direction.
    """
    written: Attribute = (Direction(direction).value, None)
    return next_version(
        replace(
            description,
            media=tuple(
                replace(media, attributes=(*(each for each in media.attributes if each[0] not in DIRECTIONS), written))
                if media.port
                else media
                for media in description.media
            ),
        )
    )


def next_version(description: Description) -> Description:
    """The description under the version that follows its own (RFC 3264 8).

    Raises:
        SdpError: its version is no number, or the last that there can be.
    """
    # From the right: there are user names with a space in them.
    session, *rest = description.origin.rsplit(" ", 4)
    version = rest[0] if rest else ""
    if not (version.isascii() and version.isdigit() and len(version) <= len(str(_LAST_VERSION))):
        raise SdpError("the version in o= is no number")
    if int(version) >= _LAST_VERSION:
        raise SdpError("no version follows that in o=")
    return replace(description, origin=" ".join([session, str(int(version) + 1), *rest[1:]]))


def revise(previous: Description, draft: Description) -> Description:
    """What is sent after `previous` in one session to say what `draft` says.

    The o= line is that of `previous`, its version one more only if something has changed (RFC 3264 8).

    Raises:
        SdpError: the version of `previous` is no number, or the last that there can be.
    """
    draft = replace(draft, origin=previous.origin)
    return previous if draft == previous else next_version(draft)


def _find_fault(offered: Media, answered: Media) -> str:
    if answered.kind != offered.kind:
        return "is of another kind than that of the offer"
    if not answered.port:
        return ""
    if not offered.port:
        return "takes what was not offered"
    if answered.protocol != offered.protocol:
        return "has another protocol than that of the offer"
    return _find_disagreement(offered, answered)


def _find_disagreement(offered: Media, answered: Media) -> str:
    if not _common_codecs(offered, answered):
        return "has no codec of the offer"
    if answered.protocol in SECURED and not set(read_cryptos(answered)) & set(read_cryptos(offered)):
        return "has no key for SRTP that fits the offer"
    return ""


def _common_codecs(offered: Media, answered: Media) -> set[str]:
    common = set(read_codecs(offered).values()) & set(read_codecs(answered).values())
    return common - {Codec.TELEPHONE_EVENT}
