"""The table of calls: what it counts, and how long a call lives whose connection is gone."""

from callrouter.mailbox.calls import CallTable, WorkerProcess
from callrouter.mailbox.config import WorkerConfig
from callrouter.ua.timers import Timers
from tests.unit.mailbox.desk import Desk, Link
from tests.unit.mailbox.talk import Talk

LIVES_LONG = WorkerConfig(detached_seconds=60.0)


def in_call(desk: Desk, name: str = "c1") -> tuple[Link, Talk]:
    link, talk = desk.connect(), Talk(name)
    link.call(talk)
    return link, talk


# --- counting


def test_table_counts_each_call_once_from_its_invite_to_its_end() -> None:
    desk = Desk(WorkerConfig(max_calls=2, answer_after_seconds=5.0))
    link, talk = desk.connect(), Talk("c1")
    assert (len(desk.table), desk.worker.calls, desk.table.is_full) == (0, 0, False)
    link.send(talk.invite())
    link.send(Talk("c2").invite())
    assert (len(desk.table), desk.worker.calls, desk.table.is_full) == (2, 2, True)
    link.send(talk.cancel())
    assert (len(desk.table), desk.worker.calls, desk.table.is_full) == (1, 1, False)


def test_table_without_room_for_any_call_is_full_from_the_start() -> None:
    assert Desk(WorkerConfig(max_calls=0)).table.is_full


def test_table_tells_its_owner_of_every_call_that_begins_or_ends() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.send(talk.invite())
    assert desk.changes == 1
    talk.hear(link.heard[-1][1])
    link.send(talk.ack())
    link.send(talk.request("INFO"))
    assert desk.changes == 1
    link.send(talk.request("BYE"))
    assert desk.changes == 2


def test_table_finds_a_call_by_call_id_and_both_tags() -> None:
    desk = Desk()
    _, talk = in_call(desk)
    call = desk.table.find(("c1", talk.to_tag, "f-c1"))
    assert call is not None
    assert call.dialog.call_id == "c1"
    for key in (("c2", talk.to_tag, "f-c1"), ("c1", "", "f-c1"), ("c1", talk.to_tag, "f-c2")):
        assert desk.table.find(key) is None


def test_table_takes_another_limit_while_calls_go_on() -> None:
    desk = Desk()
    in_call(desk)
    desk.table.config = WorkerConfig(max_calls=1)
    assert desk.table.is_full
    desk.table.config = WorkerConfig(max_calls=2)
    assert not desk.table.is_full


# --- connections that are gone


def test_call_whose_connection_is_gone_is_given_up_after_its_time() -> None:
    desk = Desk(LIVES_LONG)
    link, _ = in_call(desk)
    desk.pass_time(10.0)
    changes = desk.changes
    link.lose()
    assert (len(desk.table), desk.table.next_deadline(), desk.changes) == (1, 70.0, changes + 1)
    desk.pass_time(59.9)
    assert desk.ends() == []
    desk.pass_time(0.1)
    assert desk.ends() == [("c1", "connection-lost", 70.0)]
    desk.assert_clean()


def test_call_whose_connection_is_gone_lives_no_longer_than_it_might_have_lasted() -> None:
    desk = Desk(WorkerConfig(detached_seconds=60.0, max_call_seconds=40.0))
    link, _ = in_call(desk)
    link.lose()
    desk.pass_time(100.0)
    assert desk.ends() == [("c1", "connection-lost", 40.0)]
    desk.assert_clean()


def test_call_that_needs_its_connection_ends_with_it_at_once() -> None:
    desk = Desk(WorkerConfig(detached_seconds=0.0))
    link, _ = in_call(desk)
    link.lose()
    assert desk.ends() == [("c1", "connection-lost", 0.0)]
    desk.assert_clean()


def test_call_that_is_heard_on_another_connection_lives_on_there() -> None:
    desk = Desk(LIVES_LONG)
    link, talk = in_call(desk)
    link.lose()
    desk.pass_time(59.0)
    other = desk.connect()
    assert other.send_one(talk.request("INFO")).status == 200
    assert desk.table.next_deadline() is None
    desk.pass_time(1000.0)
    assert other.send_one(talk.request("BYE")).status == 200
    assert desk.ends() == [("c1", "remote-bye", 1059.0)]
    desk.assert_clean()


def test_call_whose_connections_go_one_after_the_other_has_its_time_anew_each_time() -> None:
    desk = Desk(LIVES_LONG)
    link, talk = in_call(desk)
    for _ in range(5):
        link.lose()
        desk.pass_time(50.0)
        link = desk.connect()
        link.send(talk.request("INFO"))
    link.lose()
    desk.pass_time(60.0)
    assert desk.ends() == [("c1", "connection-lost", 310.0)]
    desk.assert_clean()


def test_stop_ends_calls_without_a_connection_and_leaves_the_others_to_theirs() -> None:
    desk = Desk(LIVES_LONG)
    link, _ = in_call(desk, "gone")
    in_call(desk, "here")
    link.lose()
    desk.table.stop(desk.now)
    assert desk.ends() == [("gone", "stopped", 0.0)]
    assert (len(desk.table), desk.table.next_deadline()) == (1, None)


def test_many_calls_that_come_and_go_leave_no_timers_behind() -> None:
    desk = Desk(LIVES_LONG)
    link, talk = in_call(desk)
    for _ in range(1000):
        link.lose()
        link = desk.connect()
        link.send(talk.request("INFO"))
        desk.links = [link]
    timers = desk.table._timers
    assert isinstance(timers, Timers)
    assert len(timers._heap) <= 65


# --- whose call it is


def test_call_belongs_to_the_worker_on_whose_port_it_was_heard_last() -> None:
    desk = Desk()
    link, talk = in_call(desk)
    successor = WorkerProcess(2)
    other = desk.connect(worker=successor)
    changes = desk.changes
    other.send(talk.request("INFO"))
    assert (desk.worker.calls, successor.calls, len(desk.table)) == (0, 1, 1)
    assert desk.changes == changes + 1
    link.send(talk.request("INFO"))
    assert (desk.worker.calls, successor.calls) == (1, 0)
    other.send(talk.request("BYE"))
    assert (desk.worker.calls, successor.calls) == (0, 0)
    desk.assert_clean()


def test_worker_that_ends_takes_no_call_with_it_that_goes_on_at_another() -> None:
    desk = Desk()
    link, talk = in_call(desk)
    other = desk.connect(worker=WorkerProcess(2))
    other.send(talk.request("INFO"))
    link.drain()
    assert desk.ends() == []
    assert other.send_one(talk.request("INFO")).status == 200


def test_table_of_no_calls_wants_nothing() -> None:
    table = CallTable(WorkerConfig(), lambda: None)
    assert (len(table), table.next_deadline()) == (0, None)
    table.handle_deadline(1.0)
    table.stop(1.0)
