import pytest

from bench.hot_path import NOW, ReplayError, build_directory, build_router, check_replay, record_calls, replay


def test_directory_has_dial_plans_and_a_thousand_users() -> None:
    directory = build_directory()
    assert len(directory.dial_plans) == 1
    assert len(directory.users) == 1000


def test_database_names_the_server_of_a_diverted_call_and_the_call_itself_that_of_another() -> None:
    connection = build_router().open_session()
    hosts = set()
    for number, (invite, _) in enumerate(record_calls(40)):
        connection.receive_data(invite, NOW)
        [answer] = connection.data_to_send()
        host = answer.partition(b"Contact: <sip:4000@")[2].partition(b".")[0]
        if number % 2:
            assert b"Diversion" not in invite
            hosts.add(host)
        else:
            user = int(invite.partition(b"Diversion: <sip:")[2].partition(b"@")[0])
            assert host == b"mbx%d" % (user % 8)
    assert len(hosts) > 1


def test_calls_are_unlike_each_other_and_the_same_every_time() -> None:
    calls = record_calls(4)
    assert len({octets for call in calls for octets in call}) == 8
    assert calls == record_calls(4)


def test_replayed_calls_leave_none_open() -> None:
    *calls, last = record_calls(6)
    connection = build_router().open_session()
    replay(connection, calls)
    check_replay(connection, last)


def test_call_whose_ack_does_not_fit_is_found() -> None:
    (invite, _), (_, ack) = record_calls(2)
    with pytest.raises(ReplayError, match="ACK"):
        check_replay(build_router().open_session(), (invite, ack))


def test_call_that_was_left_open_before_is_found() -> None:
    (invite, _), call = record_calls(2)
    connection = build_router().open_session()
    connection.receive_data(invite, NOW)
    with pytest.raises(ReplayError, match="ACK"):
        check_replay(connection, call)


def test_call_that_is_not_redirected_is_found() -> None:
    [(invite, ack)] = record_calls(1)
    with pytest.raises(ReplayError, match="404"):
        check_replay(build_router().open_session(), (invite.replace(b"4000@", b"4001@"), ack))
