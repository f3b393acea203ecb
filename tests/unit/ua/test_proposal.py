import pytest

from callrouter.sip.headers import Headers
from callrouter.ua.media import Media, MediaConfig
from callrouter.ua.proposal import GivenBody, Proposal

OURS = MediaConfig("192.0.2.1", 4000, 1)
THEIRS = MediaConfig("192.0.2.9", 5000, 2)
SDP = Headers({"content-type": ["application/sdp"]})
OFFER = Media(THEIRS).make_offer()


@pytest.mark.parametrize(
    ("given", "is_offer"),
    [
        (GivenBody(b"v=0"), True),
        (GivenBody(b"v=0", "Application/SDP; charset=utf-8"), True),
        (GivenBody(b""), False),
        (GivenBody(b"v=0", "text/plain"), False),
    ],
)
def test_given_body_is_an_offer_where_it_is_a_description(given: GivenBody, is_offer: bool) -> None:
    assert given.is_offer is is_offer
    assert Proposal(OURS, given).has_offer is is_offer


def test_proposal_of_our_own_is_an_offer_that_its_answer_fits() -> None:
    proposal = Proposal(OURS)
    type_line, body = proposal.build()
    assert type_line == "Content-Type: application/sdp\r\n"
    media = proposal.open_media()
    assert proposal.agree(media, SDP, Media(THEIRS).take_offer(body)) == (b"", "")
    assert media.remote is not None


def test_proposal_gives_each_branch_media_of_its_own() -> None:
    proposal = Proposal(OURS)
    first, second = proposal.open_media(), proposal.open_media()
    proposal.agree(first, SDP, Media(THEIRS).take_offer(proposal.build()[1]))
    assert (first.awaits_answer, second.awaits_answer) == (False, True)


def test_proposal_without_an_offer_answers_that_of_the_peer() -> None:
    proposal = Proposal(OURS, GivenBody(b""))
    assert proposal.build() == ("", b"")
    answer, fault = proposal.agree(proposal.open_media(), SDP, OFFER)
    assert (b"m=audio 4000 RTP/AVP" in answer, fault) == (True, "")


@pytest.mark.parametrize(
    ("offer", "answer_part", "fault"),
    [
        (OFFER.replace(b"m=audio", b"m=video"), b"m=video 0 RTP/AVP", "no audio is offered"),
        (b"nothing", b"", "a line is not a letter, = and a value"),
    ],
    ids=["no-audio", "unreadable"],
)
def test_proposal_without_an_offer_refuses_what_cannot_be_taken(offer: bytes, answer_part: bytes, fault: str) -> None:
    proposal = Proposal(OURS, GivenBody(b""))
    answer, found = proposal.agree(proposal.open_media(), SDP, offer)
    assert (answer_part in answer, bool(answer), found) == (True, bool(answer_part), fault)


def test_proposal_that_cannot_be_read_is_sent_and_awaits_nothing() -> None:
    proposal = Proposal(OURS, GivenBody(b"nothing"))
    assert proposal.build() == ("Content-Type: application/sdp\r\n", b"nothing")
    assert not proposal.open_media().awaits_answer
    assert proposal.agree(proposal.open_media(), SDP, b"whatever") == (b"", "")


def test_secured_proposal_offers_srtp() -> None:
    config = MediaConfig("192.0.2.1", 4000, 1, secured=True, crypto_key="a" * 40)
    assert b"m=audio 4000 RTP/SAVP 0 8 101" in Proposal(config).build()[1]
