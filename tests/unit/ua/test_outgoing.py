import pytest

from callrouter.reason import CallEnd
from callrouter.sip.respond import header_line
from callrouter.telemetry import CallBegan, CallEnded
from callrouter.ua.call import CallState
from callrouter.ua.media import Media
from callrouter.ua.outgoing import Progress
from callrouter.ua.proposal import GivenBody
from callrouter.wire import Transport
from tests.unit.ua.outgoing_rig import CALLEE_MEDIA, RELIABLE, URI, Rig, causes, methods, reliable, value

# --- the INVITE


def test_invite_goes_out_with_offer_contact_and_what_was_given() -> None:
    invite = Rig().invite
    assert (invite.method, invite.raw_uri, invite.cseq.number) == ("INVITE", URI, 1)
    assert value(invite, "contact") == "<sip:192.0.2.1:40000;transport=tcp>"
    assert value(invite, "supported") == "100rel"
    assert value(invite, "content-type") == "application/sdp"
    assert value(invite, "diversion") == "<sip:5001@pbx.example.com>;reason=no-answer"
    assert invite.body.startswith(b"v=0\r\n")


@pytest.mark.parametrize(
    ("uri", "contact"),
    [(URI, "<sip:192.0.2.1:40000;transport=tls>"), ("sips:2001@192.0.2.9", "<sips:192.0.2.1:40000>")],
    ids=["sip", "sips"],
)
def test_invite_over_tls_has_a_contact_of_its_scheme(uri: str, contact: str) -> None:
    assert value(Rig(uri=uri, transport=Transport.TLS).invite, "contact") == contact


# --- provisional answers


def test_provisional_answers_are_told_and_settle_nothing() -> None:
    rig = Rig()
    assert [*rig.receive(100), *rig.receive(180), *rig.receive(183)] == []
    assert rig.owner.progress == [100, 180, 183]
    assert rig.call.progress is Progress.PROCEEDING
    assert not rig.call.is_over


def test_reliable_provisional_answer_gets_its_prack() -> None:
    rig = Rig()
    [prack] = rig.receive(180, reliable(7))
    assert (prack.method, prack.raw_uri) == ("PRACK", "sip:192.0.2.9:5065;transport=Tcp")
    assert value(prack, "rack") == "7 1 INVITE"
    assert (prack.cseq.number, prack.to_tag, prack.from_tag) == (2, "b1", "f1")


def test_reliable_provisional_answer_again_or_out_of_order_gets_no_prack() -> None:
    rig = Rig()
    assert methods(rig.receive(180, reliable(7))) == ["PRACK"]
    assert rig.receive(180, reliable(7)) == []
    assert rig.receive(183, reliable(9)) == []
    assert methods(rig.receive(183, reliable(8))) == ["PRACK"]
    assert rig.owner.progress == [180, 183]


def test_reliable_provisional_answer_with_malformed_number_is_passed_over() -> None:
    rig = Rig()
    assert rig.receive(180, RELIABLE + header_line("RSeq", "x")) == []
    assert rig.owner.progress == []


def test_bye_after_prack_has_the_next_number() -> None:
    rig = Rig()
    rig.receive(180, reliable(1))
    rig.establish().hang_up(CallEnd.LOCAL_BYE, 2.0)
    [bye] = rig.requests()
    assert (bye.method, bye.cseq.number) == ("BYE", 3)


def test_answer_in_reliable_provisional_answer_counts_and_that_of_the_2xx_does_not() -> None:
    rig = Rig()
    assert methods(rig.receive(183, reliable(1), rig.answer_body())) == ["PRACK"]
    assert methods(rig.receive(200, body=b"no description")) == ["ACK"]
    assert rig.owner.answered[0].fault == ""


def test_answer_in_plain_provisional_answer_is_only_a_foretaste() -> None:
    rig = Rig()
    rig.receive(183, body=b"no description")
    assert rig.establish().fault == ""


# --- 2xx


def test_2xx_is_acknowledged_and_makes_a_call() -> None:
    rig = Rig()
    rig.receive(180)
    [ack] = rig.receive(200, body=rig.answer_body(), now=3.0)
    assert (ack.method, ack.cseq.number, ack.cseq.method) == ("ACK", 1, "ACK")
    assert ack.top_via.branch != rig.invite.top_via.branch
    assert (ack.raw_uri, ack.body) == ("sip:192.0.2.9:5065;transport=Tcp", b"")
    [answered] = rig.owner.answered
    assert (answered.state, answered.answered_at, answered.fault) == (CallState.CONFIRMED, 3.0, "")
    assert rig.owner.failures == []
    assert [event for event in rig.events if isinstance(event, CallBegan)] == [
        CallBegan(rig.endpoint.peer, "c1@192.0.2.1")
    ]


def test_2xx_with_record_route_is_acknowledged_by_its_route_set() -> None:
    rig = Rig()
    rig.receive(180, header_line("Record-Route", "<sip:early.example.com;lr>"))
    routes = header_line("Record-Route", "<sip:near.example.com;lr>") + header_line(
        "Record-Route", "<sip:far.example.com;lr>"
    )
    [ack] = rig.receive(200, routes, rig.answer_body())
    assert ack.headers.rows("route") == ["<sip:far.example.com;lr>", "<sip:near.example.com;lr>"]


def test_2xx_again_is_acknowledged_again_by_the_same_octets() -> None:
    rig = Rig()
    body = rig.answer_body()
    [first] = rig.receive(200, body=body)
    [second] = rig.receive(200, body=body, now=2.0)
    assert first.top_via.branch == second.top_via.branch
    assert len(rig.owner.answered) == 1


def test_2xx_of_another_branch_of_a_fork_is_acknowledged_and_ended() -> None:
    rig = Rig()
    rig.establish()
    requests = rig.receive(200, body=rig.answer_body(), tag="b2")
    assert methods(requests) == ["ACK", "BYE"]
    assert [request.to_tag for request in requests] == ["b2", "b2"]
    assert methods(rig.receive(200, body=rig.answer_body(), tag="b2", now=1.5)) == ["ACK"]
    assert rig.receive(200, of=requests[1]) == []
    assert len(rig.owner.answered) == 1
    assert rig.owner.answered[0].state is CallState.CONFIRMED
    assert rig.owner.failures == []


def test_2xx_of_too_many_branches_are_passed_over() -> None:
    rig = Rig()
    sent = [methods(rig.receive(200, body=rig.answer_body(), tag=f"b{number}")) for number in range(20)]
    assert sent == [["ACK"]] + [["ACK", "BYE"]] * 15 + [[]] * 4


def test_2xx_with_unreadable_contact_is_acknowledged_where_the_invite_went() -> None:
    rig = Rig()
    [ack] = rig.receive(200, header_line("Contact", "<nothing"), rig.answer_body())
    assert ack.raw_uri == URI


@pytest.mark.parametrize(
    ("lines", "body", "fault"),
    [
        ("", b"", "the 2xx has no session description"),
        ("", b"v=1\r\n", "it does not begin with v=0"),
        (header_line("Content-Type", "text/plain"), b"hello", "unsupported media type"),
    ],
    ids=["none", "unreadable", "of-another-type"],
)
def test_2xx_whose_description_cannot_be_used_is_acknowledged_and_ended(lines: str, body: bytes, fault: str) -> None:
    rig = Rig()
    ack, bye = rig.receive(200, lines, body)
    assert methods([ack, bye]) == ["ACK", "BYE"]
    [answered] = rig.owner.answered
    assert (answered.fault, answered.cause) == (fault, CallEnd.BAD_ANSWER)
    rig.receive(200, of=bye)
    assert rig.owner.ended == [answered]


# --- offers that the peer makes, and bodies that were given


def test_delayed_offer_is_answered_in_the_ack() -> None:
    rig = Rig(GivenBody(b""))
    assert (rig.invite.body, "content-type" in rig.invite.headers) == (b"", False)
    [ack] = rig.receive(200, body=Media(CALLEE_MEDIA).make_offer())
    assert value(ack, "content-type") == "application/sdp"
    assert b"m=audio 4000 RTP/AVP" in ack.body
    assert rig.owner.answered[0].fault == ""


def test_delayed_offer_in_reliable_provisional_answer_is_answered_in_the_prack() -> None:
    rig = Rig(GivenBody(b""))
    [prack] = rig.receive(183, reliable(1), Media(CALLEE_MEDIA).make_offer())
    assert b"m=audio 4000 RTP/AVP" in prack.body
    [ack] = rig.receive(200)
    assert ack.body == b""
    assert rig.owner.answered[0].fault == ""


def test_delayed_offer_that_cannot_be_taken_is_refused_in_the_ack_and_ended() -> None:
    rig = Rig(GivenBody(b""))
    offer = Media(CALLEE_MEDIA).make_offer().replace(b"m=audio", b"m=video")
    ack, bye = rig.receive(200, body=offer)
    assert b"m=video 0 RTP/AVP" in ack.body
    assert bye.method == "BYE"


def test_given_description_is_sent_as_it_is_and_its_answer_judged() -> None:
    offer = Media(CALLEE_MEDIA).make_offer().replace(b"s=-", b"s=given")
    rig = Rig(GivenBody(offer))
    assert rig.invite.body == offer
    assert methods(rig.receive(200, body=rig.answer_body().replace(b"m=audio 5000", b"m=audio 0"))) == ["ACK", "BYE"]
    rig = Rig(GivenBody(offer))
    assert rig.establish().fault == ""


def test_given_description_that_is_none_is_sent_and_its_answer_not_judged() -> None:
    rig = Rig(GivenBody(b"no description"))
    assert rig.invite.body == b"no description"
    assert methods(rig.receive(200)) == ["ACK"]
    assert rig.owner.answered[0].fault == ""


def test_given_body_of_another_type_leaves_the_offer_to_the_peer() -> None:
    rig = Rig(GivenBody(b"hello", "text/plain"))
    assert value(rig.invite, "content-type") == "text/plain"
    [ack] = rig.receive(200, body=Media(CALLEE_MEDIA).make_offer())
    assert b"m=audio 4000" in ack.body


# --- no call


@pytest.mark.parametrize("status", [302, 404, 503, 603])
def test_final_answer_that_is_no_2xx_is_acknowledged_and_told(status: int) -> None:
    rig = Rig()
    [ack] = rig.receive(status)
    assert (ack.method, ack.top_via.branch) == ("ACK", rig.invite.top_via.branch)
    [failure] = rig.owner.failures
    assert failure.cause is CallEnd.REJECTED
    assert failure.response is not None
    assert failure.response.status == status
    assert rig.call.is_over
    assert not any(isinstance(event, CallEnded) for event in rig.events)


def test_no_answer_within_timer_b_is_told() -> None:
    rig = Rig()
    assert rig.pass_time(31.9) == []
    assert rig.owner.failures == []
    rig.pass_time(32.1)
    assert causes(rig) == [CallEnd.NO_ANSWER]


def test_ringing_has_no_time_limit_of_its_own() -> None:
    rig = Rig()
    rig.receive(180)
    rig.pass_time(500.0)
    assert rig.owner.failures == []


@pytest.mark.parametrize("status", [0, 100, 180])
def test_connection_lost_before_the_answer_is_told_once(status: int) -> None:
    rig = Rig()
    if status:
        rig.receive(status)
    rig.endpoint.connection_lost(2.0)
    assert causes(rig) == [CallEnd.CONNECTION_LOST]
    assert rig.call.is_over
