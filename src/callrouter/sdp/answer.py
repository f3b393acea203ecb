"""The answer to an offer (RFC 3264 6): one audio stream with G.711 and telephone events, everything else refused.

Plain RTP is answered as plain RTP and SRTP as SRTP, also where plain RTP would do: who offers nothing else gets it.
Where media must be secured (EXCHANGE-UM B 2.3, VoIPSecurity Secured), only SRTP with a usable key is taken.
"""

from dataclasses import dataclass

from callrouter.sdp.codec import Codec, format_codecs, read_codecs
from callrouter.sdp.crypto import format_crypto, read_cryptos
from callrouter.sdp.description import Attribute, Description, Media, format_connection
from callrouter.sdp.direction import answer_direction, read_direction
from callrouter.sdp.errors import NoCommonMedia

PLAIN = ("RTP/AVP", "RTP/AVPF")
SECURED = ("RTP/SAVP", "RTP/SAVPF")
PTIME = "20"
"""Milliseconds of audio in a packet."""

_NO_AUDIO = "no audio is offered"
_G711 = (Codec.PCMU, Codec.PCMA)


@dataclass(frozen=True, slots=True)
class AnswerPolicy:
    """What the answering side brings along.

    address: its numeric address, without brackets; rtp_port: even, of its choice; session_id: for o=; secured: media
    must be SRTP; crypto_key: 40 characters of base64 (30 octets), "" where SRTP cannot be taken.
    """

    address: str
    rtp_port: int
    session_id: int
    secured: bool
    crypto_key: str


def build_answer(offer: Description, policy: AnswerPolicy) -> Description:
    """The answer: the first audio stream that can be taken is, all others get port 0.

    Raises:
        NoCommonMedia: none can; the text says what the first audio stream lacks.
    """
    objections: list[str] = []
    for media in offer.media:
        objection = _find_objection(media, offer.connection_of(media), policy)
        if not objection:
            break
        objections.append(objection)
    else:
        raise NoCommonMedia(next((each for each in objections if each != _NO_AUDIO), _NO_AUDIO))
    chosen = len(objections)
    connection = format_connection(policy.address)
    return Description(
        origin=f"- {policy.session_id} 1 {connection}",
        connection=connection,
        media=tuple(
            _accept(offer, media, policy) if number == chosen else _refuse(media)
            for number, media in enumerate(offer.media)
        ),
        timing=offer.timing,
    )


def _find_objection(media: Media, connection: str, policy: AnswerPolicy) -> str:
    """Why an m-line cannot be taken; "" where it can."""
    if media.kind != "audio" or not media.port:
        return _NO_AUDIO
    # A slash in an address is a multicast address's (RFC 8866 5.7), a number of ports is that of layers.
    if media.protocol not in PLAIN + SECURED or media.port_count > 1 or "/" in connection:
        return "the audio that is offered is not one stream of RTP"
    if policy.secured and media.protocol not in SECURED:
        return "the audio that is offered is not SRTP"
    if media.protocol in SECURED and not (policy.crypto_key and read_cryptos(media)):
        return "no key for SRTP that is offered can be used"
    if not any(codec in _G711 for codec in read_codecs(media).values()):
        return "the audio that is offered has neither PCMU nor PCMA"
    return ""


def _accept(offer: Description, media: Media, policy: AnswerPolicy) -> Media:
    codecs = {each: codec for each, codec in read_codecs(media).items() if isinstance(codec, Codec)}
    attributes: list[Attribute] = [*format_codecs(codecs)]
    if any(media.values_of("ptime")):
        attributes.append(("ptime", PTIME))
    if media.protocol in SECURED:
        attributes.append(format_crypto(read_cryptos(media)[0], policy.crypto_key))
    offered = read_direction(media.attributes, read_direction(offer.attributes))
    attributes.append((answer_direction(offered, offer.connection_of(media)), None))
    return Media(media.kind, policy.rtp_port, media.protocol, tuple(codecs), tuple(attributes))


def _refuse(media: Media) -> Media:
    return Media(media.kind, 0, media.protocol, media.formats, ())
