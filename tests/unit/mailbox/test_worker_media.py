"""What a worker says of itself: Contact and SDP (EXCHANGE-UM A1, B 2.3, B 4.2; RFC 3261 12.1.1)."""

from dataclasses import replace

import pytest

from callrouter.directory.model import (
    UMDialPlan,
    VoipSecurity,
)
from callrouter.mailbox.config import WorkerConfig
from callrouter.mailbox.worker import MediaSessions
from callrouter.wire import Peer
from tests.unit.mailbox.desk import KEY, PEER, TLS_PEER, Desk, with_plan
from tests.unit.mailbox.talk import OFFER, SECURED_OFFER, Talk

# --- Contact


@pytest.mark.parametrize(
    ("host", "peer", "contact"),
    [
        ("", PEER, "<sip:192.0.2.1:5065;transport=Tcp>"),
        ("", TLS_PEER, "<sip:192.0.2.1:5066;transport=Tls>"),
        ("", replace(PEER, local_address="2001:db8::1"), "<sip:[2001:db8::1]:5065;transport=Tcp>"),
        ("um.example.test", PEER, "<sip:um.example.test:5065;transport=Tcp>"),
        ("192.0.2.77", PEER, "<sip:192.0.2.77:5065;transport=Tcp>"),
        ("2001:db8::77", TLS_PEER, "<sip:[2001:db8::77]:5066;transport=Tls>"),
    ],
)
def test_contact_is_where_the_caller_reached_the_worker_or_as_it_is_set(host: str, peer: Peer, contact: str) -> None:
    desk = Desk(WorkerConfig(advertised_host=host))
    assert desk.connect(peer).call(Talk("c1"))["Contact"] == f"{contact};automata"


@pytest.mark.parametrize(
    ("talk", "lines", "is_sips"),
    [
        (Talk("c1", uri="sips:100@mailbox.test"), "", True),
        (Talk("c1", contact="<SIPS:phone@192.0.2.10:40000>"), "", True),
        (Talk("c1"), 'Record-Route: "x" <sips:p1.test;lr>, <sip:p2.test;lr>\r\n', True),
        (Talk("c1"), "Record-Route: <sip:p1.test;lr>, <sips:p2.test;lr>\r\n", False),
        (Talk("c1", contact="<sips:phone@192.0.2.10>"), "Record-Route: <sip:p1.test;lr>\r\n", False),
        (Talk("c1"), 'Record-Route: "sips:" <sip:p1.test;lr>\r\n', False),
    ],
)
def test_contact_of_a_secure_dialog_is_a_sips_uri(talk: Talk, lines: str, is_sips: bool) -> None:
    # RFC 3261 12.1.1
    contact = Desk().connect(TLS_PEER).call(talk, lines)["Contact"]
    assert contact == ("<sips:192.0.2.1:5066>;automata" if is_sips else "<sip:192.0.2.1:5066;transport=Tls>;automata")


def test_contact_over_tcp_promises_no_security() -> None:
    answer = Desk().connect().call(Talk("c1", contact="<sips:phone@192.0.2.10>"))
    assert answer["Contact"] == "<sip:192.0.2.1:5065;transport=Tcp>;automata"


# --- SDP


def test_answer_takes_g711_and_telephone_events_of_the_offer() -> None:
    answer = Desk().connect().call(Talk("c1"))
    assert answer.media["m"] == "audio 1024 RTP/AVP 8 0 101"
    assert answer.media["c"] == "IN IP4 192.0.2.1"
    assert answer.media["o"] == "- 1001 1 IN IP4 192.0.2.1"
    assert b"a=rtpmap:101 telephone-event/8000\r\n" in answer.body
    there = Desk().connect(replace(PEER, local_address="2001:db8::1")).call(Talk("c1"))
    assert there.media["c"] == "IN IP6 2001:db8::1"


def test_invite_without_an_offer_is_answered_with_one() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    answer = talk.hear(link.send(talk.invite(body=b""))[-1])
    assert (answer.status, answer.rtp_port) == (200, 1024)
    assert link.send(talk.ack(OFFER)) == []
    assert link.send_one(talk.request("BYE")).status == 200


def test_offer_of_ours_that_is_not_answered_ends_the_call() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    talk.hear(link.send(talk.invite(body=b""))[-1])
    [bye] = link.send(talk.ack())
    assert bye.method == "BYE"
    assert [end[:2] for end in desk.ends()] == [("c1", "bad-answer")]
    desk.assert_clean()


SECURED = with_plan(UMDialPlan("Tel", voip_security=VoipSecurity.SECURED))


def test_offer_of_srtp_keeps_its_line_where_media_are_secured() -> None:
    link, talk = Desk(snapshot=SECURED).connect(TLS_PEER), Talk("c1")
    answer = link.send(talk.invite(body=SECURED_OFFER))[-1]
    assert answer.status == 200
    assert answer.media["m"].startswith("audio 1024 RTP/SAVP ")
    assert f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n".encode() in answer.body
    assert link.send_one(Talk("c2").invite(body=OFFER)).status == 488


def test_plain_rtp_is_taken_where_only_sip_is_secured() -> None:
    world = with_plan(UMDialPlan("Tel", voip_security=VoipSecurity.SIP_SECURED))
    answer = Desk(snapshot=world).connect(TLS_PEER).call(Talk("c1"))
    assert answer.media["m"].split(" ")[2] == "RTP/AVP"


def test_offer_of_ours_is_srtp_where_media_are_secured() -> None:
    link, talk = Desk(snapshot=SECURED).connect(TLS_PEER), Talk("c1")
    answer = link.send(talk.invite(body=b""))[-1]
    assert answer.media["m"].split(" ")[2] == "RTP/SAVP"
    assert KEY.encode() in answer.body


def test_each_call_has_an_rtp_port_and_a_session_of_its_own() -> None:
    link = Desk(WorkerConfig(rtp_port_min=6001, rtp_port_max=6006)).connect()
    answers = [link.call(Talk(f"c{number}")) for number in range(4)]
    assert [answer.rtp_port for answer in answers] == [6002, 6004, 6006, 6002]
    assert [answer.media["o"].split(" ")[1] for answer in answers] == ["1001", "1002", "1003", "1004"]


@pytest.mark.parametrize(
    ("low", "high", "ports"),
    [
        (1024, 65535, {*range(1024, 65536, 2)}),
        (1025, 65534, {*range(1026, 65536, 2)}),
        (5000, 5000, {5000}),
        (5000, 5001, {5000}),
        (4999, 5002, {5000, 5002}),
    ],
)
def test_rtp_ports_are_all_the_even_ones_of_the_range_in_turn(low: int, high: int, ports: set[int]) -> None:
    sessions = MediaSessions(low, high, 0)
    drawn = [sessions.next()[0] for _ in range(2 * len(ports))]
    assert set(drawn[: len(ports)]) == set(drawn[len(ports) :]) == ports


def test_rtp_range_can_be_changed_while_calls_go_on() -> None:
    sessions = MediaSessions(1024, 65535, 7)
    assert sessions.next() == (1024, 8)
    sessions.set_range(6000, 6000)
    assert [sessions.next() for _ in range(2)] == [(6000, 9), (6000, 10)]
