"""Calls and the connections that they come by, go with and return on (RFC 3261 12, 18; decision 17)."""

import gc
import sys
from dataclasses import replace

from callrouter.mailbox.config import WorkerConfig
from callrouter.stream import SessionLimits
from tests.unit.mailbox.desk import Desk
from tests.unit.mailbox.talk import Talk

SLOW = WorkerConfig(ringing_after_seconds=1.0, answer_after_seconds=3.0)
RELIABLE = "Require: 100rel\r\n"


# --- connections come and go


def test_call_that_rings_ends_with_its_connection() -> None:
    desk = Desk(SLOW)
    link = desk.connect()
    link.send(Talk("c1").invite())
    link.lose()
    assert desk.ends() == [("c1", "connection-lost", 0.0)]
    desk.assert_clean()


def test_requests_of_a_call_that_rings_are_taken_where_its_invite_came() -> None:
    # Its answers have to go out there (RFC 3261 18.2.2), and it ends with that connection, whoever asks elsewhere.
    desk = Desk(WorkerConfig(answer_after_seconds=20.0))
    link, other, talk = desk.connect(), desk.connect(), Talk("c1")
    talk.hear(link.send(talk.invite(RELIABLE))[-1])
    for method in ("PRACK", "UPDATE", "BYE", "INFO"):
        assert other.send_one(talk.request(method, "RAck: 1 1 INVITE\r\n")).status == 481
    assert [len(each.heard) for each in (link, other)] == [2, 4]
    assert link.send_one(talk.request("PRACK", "RAck: 1 1 INVITE\r\n")).status == 200
    link.lose()
    assert desk.ends() == [("c1", "connection-lost", 0.0)]
    desk.assert_clean()


def test_bye_on_another_connection_is_answered_there() -> None:
    desk = Desk()
    link, other, talk = desk.connect(), desk.connect(), Talk("c1")
    link.call(talk)
    before = len(link.heard)
    assert other.send_one(talk.request("BYE")).status == 200
    assert len(link.heard) == before
    desk.assert_clean()


def test_bye_of_ours_goes_where_the_caller_was_heard_last() -> None:
    desk = Desk(WorkerConfig(max_call_seconds=60.0))
    link, other, talk = desk.connect(), desk.connect(), Talk("c1")
    link.call(talk)
    other.send(talk.request("INFO"))
    link.lose()
    desk.pass_time(60.0)
    assert [at for at, _ in other.requests("BYE")] == [60.0]
    assert desk.ends() == [("c1", "max-duration", 60.0)]
    desk.assert_clean()


def test_answer_is_repeated_where_the_caller_was_heard_last() -> None:
    desk = Desk()
    link, other, talk = desk.connect(), desk.connect(), Talk("c1")
    link.call(talk)
    link.send(talk.invite())
    link.lose()
    desk.pass_time(10.0)
    other.send(talk.request("INFO"))
    # What was missed meanwhile comes at once.
    assert [message.status for _, message in other.heard if message.method == "INVITE"] == [200]
    assert other.send(talk.ack()) == []
    desk.pass_time(60.0)
    assert (desk.ends(), len(desk.table)) == ([], 1)


def test_ack_on_another_connection_makes_the_call_sure() -> None:
    desk = Desk()
    link, other, talk = desk.connect(), desk.connect(), Talk("c1")
    talk.hear(link.send(talk.invite())[-1])
    link.lose()
    assert other.send(talk.ack()) == []
    desk.pass_time(100.0)
    assert (desk.ends(), len(desk.table)) == ([], 1)
    assert other.send_one(talk.request("BYE")).status == 200
    desk.assert_clean()


def test_connection_with_a_call_is_never_idle_and_one_without_is() -> None:
    desk = Desk(limits=SessionLimits(idle_seconds=64.0))
    link, idle, talk = desk.connect(), desk.connect(), Talk("c1")
    link.call(talk)
    desk.pass_time(1000.0)
    assert (link.is_lost, idle.is_lost) == (False, True)
    link.send(talk.request("BYE"))
    desk.pass_time(100.0)
    assert link.is_lost


def test_connection_that_is_half_closed_keeps_its_call_for_the_next_one() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.call(talk)
    link.endpoint.receive_eof(desk.now)
    desk.settle()
    assert link.is_lost
    assert desk.connect().send_one(talk.request("BYE")).status == 200
    desk.assert_clean()


# --- drain


def test_drain_ends_every_call_as_decently_as_its_state_allows() -> None:
    desk = Desk(replace(SLOW, answer_after_seconds=0.0))
    link = desk.connect()
    sure, unsure = Talk("sure"), Talk("unsure")
    link.call(sure)
    unsure.hear(link.send(unsure.invite())[-1])
    desk.table.config = SLOW
    ringing = Talk("ringing")
    link.send(ringing.invite())
    before = len(link.heard)
    link.drain()
    said = [message.status or message.method for _, message in link.heard[before:]]
    assert said == ["BYE", 503]
    assert sorted(end[:2] for end in desk.ends()) == [("ringing", "stopped"), ("sure", "stopped")]
    # The BYE must not go before the ACK (RFC 3261 15).
    [bye] = link.send(unsure.ack())
    assert bye.method == "BYE"
    link.send(ringing.ack_failure())
    desk.pass_time(1.0)
    assert (link.is_lost, link.endpoint.close_reason) == (True, "drained")
    assert sorted(end[1] for end in desk.ends()) == ["stopped"] * 3
    desk.assert_clean()


# --- many calls on one connection


def test_calls_of_a_connection_that_lives_for_ever_leave_nothing_behind() -> None:
    desk = Desk()
    link = desk.connect()
    for number in range(300):
        talk = Talk(f"c{number}")
        link.call(talk)
        link.send(talk.request("BYE"))
    assert len(link.endpoint.timers._heap) <= 65
    assert len(link.endpoint._invites) == len(link.endpoint._requests) == 0
    desk.assert_clean()


def test_refused_calls_of_a_connection_leave_nothing_behind() -> None:
    desk = Desk(WorkerConfig(max_calls=0))
    link = desk.connect()
    for number in range(100):
        talk = Talk(f"c{number}")
        assert link.send_one(talk.invite()).status == 503
        link.send(talk.ack_failure())
    assert len(link.endpoint._invites) == 0
    desk.assert_clean()


def test_message_costs_the_same_however_many_calls_go_on() -> None:
    assert count_steps(calls=2) == count_steps(calls=1000)


def count_steps(calls: int) -> int:
    """How many functions are called for a request in the middle of so many calls."""
    desk = Desk(WorkerConfig(max_calls=10_000))
    link, talks = desk.connect(), [Talk(f"c{number:04}") for number in range(calls)]
    for talk in talks:
        link.call(talk)
    requests = [talks[calls // 2].request(method) for method in ("INFO", "UPDATE", "BYE")]
    events: list[str] = []
    gc.disable()  # a collection in between calls functions of others
    sys.setprofile(lambda _frame, event, _arg: events.append(event))
    try:
        for request in requests:
            link.endpoint.receive_data(request, desk.now)
    finally:
        sys.setprofile(None)
        gc.enable()
    assert len(link.endpoint.data_to_send()) == 3
    return len(events)
