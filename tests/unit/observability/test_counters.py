"""The counters, and the product's four among them."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from callrouter.observability.counters import KNOWN_METHODS, Counters, HourlyShare
from callrouter.reason import CallEnd, Reason
from callrouter.telemetry import CallEnded, ProbeOutcome
from callrouter.wire import CloseReason, Transport
from tests.unit.observability.samples import TCP_PEER, TLS_PEER, answered

ANY_TEXT = st.text(st.characters(categories=None))


def test_answer_is_counted_under_method_status_reason_and_transport() -> None:
    counters = Counters()
    counters.count_answer(answered())
    counters.count_answer(answered())
    counters.count_answer(answered(peer=TLS_PEER, method="OPTIONS", status=200, reason=Reason.SERVER_ALIVE))
    assert counters.requests_answered == {
        ("INVITE", 302, Reason.REDIRECTED, Transport.TCP): 2,
        ("OPTIONS", 200, Reason.SERVER_ALIVE, Transport.TLS): 1,
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("INVITE", "OPTIONS", "FOO", "BAR")),
            st.sampled_from((302, 200)),
            st.sampled_from((Reason.REDIRECTED, Reason.SERVER_ALIVE)),
            st.sampled_from((TCP_PEER, TLS_PEER)),
            st.booleans(),
        )
    )
)
def test_answers_are_counted_alike_in_whatever_order_they_come_and_are_read(answers: list[Any]) -> None:
    counters, expected = Counters(), Counter[Any]()
    for method, status, reason, peer, is_read in answers:
        counters.count_answer(answered(method=method, status=status, reason=reason, peer=peer))
        expected[method if method in KNOWN_METHODS else "other", status, reason, peer.transport] += 1
        assert not is_read or counters.requests_answered == expected
    assert counters.requests_answered == expected == counters.requests_answered


@given(methods=st.lists(ANY_TEXT | st.sampled_from(["INVITE", "invite", "OPTIONS", "FOO"])))
def test_method_labels_of_any_methods_are_a_closed_set(methods: list[str]) -> None:
    counters = Counters()
    for method in methods:
        counters.count_answer(answered(method=method))
    assert {key[0] for key in counters.requests_answered} <= {*KNOWN_METHODS, "other"}
    assert sum(counters.requests_answered.values()) == len(methods)
    assert counters.inbound_calls == methods.count("INVITE")


@pytest.mark.parametrize(
    ("status", "reason", "rejected", "ended"),
    [
        (302, Reason.REDIRECTED, 0, 0),
        (200, Reason.REDIRECTED, 0, 0),
        (403, Reason.UNKNOWN_GATEWAY, 1, 0),
        (487, Reason.CANCELLED, 0, 0),
        (500, Reason.INTERNAL_ERROR, 1, 1),
        (503, Reason.DRAINING, 1, 0),
    ],
)
def test_call_is_rejected_when_its_answer_is_a_failure_that_it_did_not_ask_for(
    status: int, reason: Reason, rejected: int, ended: int
) -> None:
    counters = Counters()
    counters.count_answer(answered(status=status, reason=reason))
    assert counters.inbound_calls == 1
    assert counters.inbound_calls_rejected == rejected
    assert counters.calls_ended_by_internal_error == ended
    assert counters.rejected_over_the_last_hour.share(100.0) == float(rejected)


def test_request_that_is_no_invite_is_no_call() -> None:
    counters = Counters()
    counters.count_answer(answered(method="OPTIONS", status=500, reason=Reason.INTERNAL_ERROR))
    assert (counters.inbound_calls, counters.inbound_calls_rejected, counters.calls_ended_by_internal_error) == (
        0,
        0,
        0,
    )


def test_session_failure_ends_a_call_without_an_answer() -> None:
    counters = Counters()
    counters.count_session_failure()
    assert (counters.session_failures, counters.calls_ended_by_internal_error, counters.inbound_calls) == (1, 1, 0)


def test_open_connections_follow_opened_and_closed() -> None:
    counters = Counters()
    assert counters.connections_open == {Transport.TCP: 0, Transport.TLS: 0}
    counters.count_opened(Transport.TLS)
    counters.count_opened(Transport.TLS)
    counters.count_closed(Transport.TLS, CloseReason.IDLE_TIMEOUT)
    assert counters.connections_open == {Transport.TCP: 0, Transport.TLS: 1}
    assert counters.connections_opened == {Transport.TLS: 2}
    assert counters.connections_closed == {(CloseReason.IDLE_TIMEOUT, Transport.TLS): 1}


def test_calls_in_progress_follow_began_and_ended() -> None:
    counters = Counters()
    counters.count_call_began()
    counters.count_call_began()
    counters.count_call_ended(CallEnded(TCP_PEER, "a", CallEnd.REMOTE_BYE, 3.0, was_answered=True))
    counters.count_call_ended(CallEnded(TCP_PEER, "b", CallEnd.REJECTED, 0.0, was_answered=False))
    assert (counters.calls_answered, counters.calls_in_progress) == (2, 1)
    assert counters.calls_ended == {CallEnd.REMOTE_BYE: 1, CallEnd.REJECTED: 1}


def test_probes_are_counted_by_port_and_outcome_until_the_server_leaves() -> None:
    counters = Counters()
    tcp, tls = ("MBX1", Transport.TCP), ("MBX1", Transport.TLS)
    counters.count_probe(tcp, ProbeOutcome.ALIVE)
    counters.count_probe(tcp, ProbeOutcome.ALIVE)
    counters.count_probe(tls, ProbeOutcome.REFUSED)
    counters.servers_up[tcp] = True
    assert counters.probes == {tcp: {ProbeOutcome.ALIVE: 2}, tls: {ProbeOutcome.REFUSED: 1}}
    counters.forget_server(tcp)
    counters.forget_server(("MBX9", Transport.TCP))
    assert counters.probes == {tls: {ProbeOutcome.REFUSED: 1}}
    assert counters.servers_up == {}


def test_share_without_calls_is_zero() -> None:
    assert HourlyShare().share(0.0) == 0.0
    assert HourlyShare().share(1e9) == 0.0


def test_share_forgets_a_call_after_its_hour() -> None:
    share = HourlyShare()
    share.add(30.0, rejected=True)
    share.add(90.0, rejected=False)
    assert share.share(90.0) == 0.5
    assert share.share(3599.0) == 0.5
    assert share.share(3600.0) == 0.0
    share.add(3601.0, rejected=True)
    assert share.share(3601.0) == 0.5
    assert share.share(3660.0) == 1.0


def test_share_takes_a_bucket_over_from_the_hour_before() -> None:
    share = HourlyShare()
    share.add(10.0, rejected=True)
    share.add(3610.0, rejected=False)
    assert share.share(3610.0) == 0.0


def test_share_drops_a_call_that_comes_an_hour_late() -> None:
    share = HourlyShare()
    share.add(3610.0, rejected=False)
    share.add(10.0, rejected=True)
    assert share.share(3610.0) == 0.0


@given(
    calls=st.lists(st.tuples(st.floats(0, 20_000, width=32), st.booleans())),
    later=st.floats(0, 5_000, width=32),
)
def test_share_equals_that_of_a_list_of_all_calls(calls: list[tuple[float, bool]], later: float) -> None:
    share = HourlyShare()
    calls.sort()
    for instant, rejected in calls:
        share.add(instant, rejected=rejected)
    now = (calls[-1][0] if calls else 0.0) + later
    of_the_hour = [rejected for instant, rejected in calls if instant // 60 > now // 60 - 60]
    expected = sum(of_the_hour) / len(of_the_hour) if of_the_hour else 0.0
    assert share.share(now) == expected
