"""The third hop: a call from INVITE to BYE, and what is no call (EXCHANGE-UM A1, B 4.2; RFC 3261, 3262, 3311)."""

import re

import pytest

from callrouter.directory.model import (
    UMDialPlan,
)
from callrouter.mailbox.config import WorkerConfig
from callrouter.telemetry import CallBegan, MessageDiscarded
from tests.unit.mailbox.desk import Desk, with_plan
from tests.unit.mailbox.talk import OFFER, Talk

SLOW = WorkerConfig(ringing_after_seconds=1.0, answer_after_seconds=3.0)
RELIABLE = "Require: 100rel\r\n"


# --- a whole call


def test_call_goes_from_invite_to_bye() -> None:
    desk = Desk(SLOW)
    link, talk = desk.connect(), Talk("c1")
    assert [answer.status for answer in link.send(talk.invite())] == [100]
    desk.pass_time(10.0)
    assert [(at, answer.status) for at, answer in link.heard[:3]] == [(0.0, 100), (1.0, 180), (3.0, 200)]
    talk.hear(link.heard[2][1])
    link.send(talk.ack())
    desk.pass_time(10.0)
    assert link.send_one(talk.request("BYE")).status == 200
    assert desk.ends() == [("c1", "remote-bye", 17.0)]
    assert [event.call_id for event in desk.events if isinstance(event, CallBegan)] == ["c1"]
    assert desk.reasons() == ["answered"]
    desk.assert_clean()


def test_answer_has_the_header_fields_of_the_trace() -> None:
    answer = Desk().connect().call(Talk("c1"))
    assert answer.start_line == "SIP/2.0 200 OK"
    assert answer["Server"] == "RTCC/5.0.0.0 MSExchangeUM/15.01.2507.017"
    assert re.fullmatch("[0-9a-f]{10}", answer.to_tag)
    assert answer["Allow"] == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"
    assert answer["Supported"] == "100rel"
    assert answer["Contact"] == "<sip:192.0.2.1:5065;transport=Tcp>;automata"
    assert answer["Content-Type"] == "application/sdp"


def test_answers_before_the_200_have_its_tag_but_the_100_has_none() -> None:
    link = Desk().connect()
    trying, ringing, answer = link.send(Talk("c1").invite("Timestamp: 54\r\n"))
    assert (trying.status, ringing.status, answer.status) == (100, 180, 200)
    assert (trying.to_tag, ringing.to_tag) == ("", answer.to_tag)
    assert trying["Timestamp"] == "54"
    assert ringing["Contact"] == answer["Contact"]


def test_same_invite_on_two_connections_is_two_calls() -> None:
    desk = Desk()
    tags = {desk.connect().call(Talk("c1")).to_tag for _ in range(3)}
    assert len(tags) == len(desk.table) == 3


def test_answer_that_is_not_acknowledged_comes_again_and_then_bye() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.send(talk.invite())
    desk.pass_time(40.0)
    again = [at for at, message in link.heard if message.status == 200 and message.method == "INVITE"]
    assert again == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    [(at, bye)] = link.requests("BYE")
    assert (at, bye.start_line) == (32.0, "BYE sip:phone@192.0.2.10:40000;transport=tcp SIP/2.0")
    assert [end[:2] for end in desk.ends()] == [("c1", "no-ack")]
    desk.assert_clean()


def test_call_that_rings_can_be_cancelled() -> None:
    desk = Desk(SLOW)
    link, talk = desk.connect(), Talk("c1")
    link.send(talk.invite())
    ok, cancelled = link.send(talk.cancel())
    assert (ok.method, ok.status, cancelled.method, cancelled.status) == ("CANCEL", 200, "INVITE", 487)
    assert ok.to_tag == cancelled.to_tag
    link.send(talk.ack_failure())
    assert desk.ends() == [("c1", "cancelled", 0.0)]
    desk.pass_time(40.0)
    assert link.statuses() == [100, 487]
    desk.assert_clean()


def test_cancel_after_the_answer_changes_nothing() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    talk.hear(link.send(talk.invite())[-1])
    assert link.send_one(talk.cancel()).status == 200
    assert (link.send(talk.ack()), len(desk.table)) == ([], 1)


def test_call_ends_by_bye_when_its_longest_time_is_over() -> None:
    desk = Desk(WorkerConfig(max_call_seconds=90.0))
    link = desk.connect()
    link.call(Talk("c1"))
    desk.pass_time(100.0)
    [(at, bye)] = link.requests("BYE")
    assert (at, bye["CSeq"]) == (90.0, "1 BYE")
    assert desk.ends() == [("c1", "max-duration", 90.0)]
    desk.assert_clean()


def test_bye_that_nobody_answers_ends_the_call_all_the_same() -> None:
    desk = Desk(WorkerConfig(max_call_seconds=90.0))
    link = desk.connect()
    link.call(Talk("c1"))
    link.is_mute = True
    desk.pass_time(121.9)
    assert len(desk.table) == 1
    desk.pass_time(0.2)
    assert desk.ends() == [("c1", "max-duration", 122.0)]
    desk.assert_clean()


@pytest.mark.parametrize(("minutes", "ends_at"), [(1, 60.0), (2, 100.0)])
def test_call_ends_at_the_dial_plans_max_call_duration_where_that_is_shorter(minutes: int, ends_at: float) -> None:
    plan = UMDialPlan("Tel", max_call_duration=minutes)
    desk = Desk(WorkerConfig(max_call_seconds=100.0), with_plan(plan))
    desk.connect().call(Talk("c1"))
    desk.pass_time(200.0)
    assert desk.ends() == [("c1", "max-duration", ends_at)]


# --- inside a call


def test_caller_may_change_ask_and_tell_inside_the_call() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    first = link.call(talk)
    changed = link.send_one(talk.invite(body=OFFER.replace(b"sendrecv", b"sendonly")))
    assert (changed.status, b"a=recvonly" in changed.body, changed.rtp_port) == (200, True, first.rtp_port)
    link.send(talk.ack())
    updated = link.send_one(talk.request("UPDATE", body=OFFER))
    assert (updated.status, b"a=sendrecv" in updated.body) == (200, True)
    assert [link.send_one(talk.request(method)).status for method in ("UPDATE", "INFO", "OPTIONS")] == [200, 200, 200]
    assert link.send_one(talk.request("REFER")).status == 405
    assert link.send_one(talk.request("PRACK")).status == 481
    assert link.send_one(talk.request("BYE")).status == 200
    desk.assert_clean()


def test_reliable_ringing_is_answered_once_it_is_acknowledged() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    trying, ringing = link.send(talk.invite(RELIABLE))
    assert (trying.status, ringing.status, ringing["Require"], ringing["RSeq"]) == (100, 180, "100rel", "1")
    desk.pass_time(1.0)
    talk.hear(ringing)
    ok, answer = link.send(talk.request("PRACK", "RAck: 1 1 INVITE\r\n"))
    assert (ok.method, ok.status, answer.method, answer.status) == ("PRACK", 200, "INVITE", 200)
    assert link.send(talk.ack(number=1)) == []
    assert len(desk.table) == 1


def test_reliable_ringing_that_is_never_acknowledged_ends_the_call() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.send(talk.invite(RELIABLE))
    desk.pass_time(40.0)
    assert link.statuses() == [100, *[180] * 7, 504]
    assert desk.ends() == [("c1", "rejected", 0.0)]


# --- requests that belong to no call


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "PRACK"])
def test_request_of_no_dialog_finds_none(method: str) -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    assert link.send_one(talk.request(method)).status == 481
    talk.to_tag = "unknown"
    assert link.send_one(talk.request(method)).status == 481
    assert desk.reasons(method) == ["no-dialog", "no-dialog"]


def test_request_of_a_dialog_that_is_not_there_is_not_asked_for_its_method() -> None:
    assert Desk().connect().send_one(Talk("c1", to_tag="unknown").request("REFER")).status == 481


def test_invite_into_a_dialog_that_is_not_there_finds_none() -> None:
    link = Desk().connect()
    assert link.send_one(Talk("c1", to_tag="unknown").invite()).status == 481


@pytest.mark.parametrize("to_tag", ["", "unknown"])
def test_options_are_answered_with_what_is_done_here(to_tag: str) -> None:
    answer = Desk().connect().send_one(Talk("c1", to_tag=to_tag).request("OPTIONS"))
    assert answer.status == 200
    assert answer["Allow"] == "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE"
    assert answer["Accept"] == "application/sdp"


@pytest.mark.parametrize(("method", "status"), [("REFER", 405), ("MESSAGE", 405), ("SERVICE", 405), ("JUMP", 501)])
def test_method_that_is_not_served_is_refused_with_those_that_are(method: str, status: int) -> None:
    answer = Desk().connect().send_one(Talk("c1").request(method))
    assert (answer.status, answer["Allow"]) == (status, "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, PRACK, UPDATE")


@pytest.mark.parametrize("to_tag", ["", "unknown"])
def test_ack_of_nothing_gets_no_answer(to_tag: str) -> None:
    desk = Desk()
    assert desk.connect().send(Talk("c1", to_tag=to_tag).ack(number=1)) == []
    [event] = [event for event in desk.events if isinstance(event, MessageDiscarded)]
    assert event.reason.value == "ack-unmatched"


def test_cancel_of_nothing_is_refused() -> None:
    talk = Talk("c1", invites=[1])
    assert Desk().connect().send_one(talk.cancel()).status == 481
