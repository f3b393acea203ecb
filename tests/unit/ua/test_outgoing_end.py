"""How an outgoing call ends: by CANCEL, by BYE, with its connection, and whatever a peer says."""

from hypothesis import given
from hypothesis import strategies as st

from callrouter.reason import CallEnd
from callrouter.sip.message import Request
from callrouter.sip.respond import header_line
from callrouter.telemetry import CallEnded, SessionFailed
from callrouter.testing.strategies import mutated
from callrouter.ua.call import CallState
from callrouter.ua.media import Media
from tests.unit.ua.outgoing_rig import (
    CALLEE_MEDIA,
    CONTACT,
    URI,
    Rig,
    causes,
    methods,
    reliable,
    value,
)

# --- CANCEL


def test_hang_up_while_ringing_sends_cancel_once_and_ends_with_the_487() -> None:
    rig = Rig()
    rig.receive(180)
    rig.call.hang_up(2.0)
    rig.call.hang_up(2.0)
    [cancel] = rig.requests()
    assert (cancel.method, cancel.cseq.number, cancel.raw_uri) == ("CANCEL", 1, URI)
    assert (cancel.top_via.branch, cancel.to_tag) == (rig.invite.top_via.branch, "")
    assert "require" not in cancel.headers
    assert rig.receive(200, of=cancel) == []
    assert methods(rig.receive(487)) == ["ACK"]
    assert causes(rig) == [CallEnd.CANCELLED]


def test_hang_up_before_any_answer_waits_for_a_provisional_one() -> None:
    rig = Rig()
    rig.call.hang_up(0.5)
    assert rig.requests() == []
    assert methods(rig.receive(100)) == ["CANCEL"]
    assert methods(rig.receive(180)) == []
    assert methods(rig.receive(487)) == ["ACK"]
    assert causes(rig) == [CallEnd.CANCELLED]


def test_hang_up_before_any_answer_that_never_comes_ends_with_timer_b() -> None:
    rig = Rig()
    rig.call.hang_up(0.5)
    rig.pass_time(33.0)
    assert causes(rig) == [CallEnd.CANCELLED]


def test_2xx_that_crosses_the_cancel_is_acknowledged_and_ended() -> None:
    rig = Rig()
    rig.receive(180)
    rig.call.hang_up(2.0)
    [cancel] = rig.requests()
    ack, bye = rig.receive(200, body=rig.answer_body())
    assert methods([ack, bye]) == ["ACK", "BYE"]
    assert rig.receive(481, of=cancel) == []
    assert rig.owner.failures == []
    rig.receive(200, of=bye)
    assert (causes(rig), rig.owner.answered) == ([CallEnd.CANCELLED], [])
    assert rig.call.is_over


def test_2xx_that_crosses_the_cancel_with_its_connection_lost_ends() -> None:
    rig = Rig()
    rig.receive(180)
    rig.call.hang_up(2.0)
    rig.requests()
    rig.receive(200, body=rig.answer_body())
    rig.endpoint.connection_lost(3.0)
    assert causes(rig) == [CallEnd.CANCELLED]


def test_cancel_without_a_final_answer_ends_after_64_t1() -> None:
    rig = Rig()
    rig.receive(180)
    rig.call.hang_up(2.0)
    [cancel] = rig.requests()
    rig.receive(200, of=cancel, now=2.1)
    rig.pass_time(33.9)
    assert rig.owner.failures == []
    rig.pass_time(34.1)
    assert causes(rig) == [CallEnd.CANCELLED]
    assert rig.call.is_over


def test_another_final_answer_than_487_after_cancel_is_a_cancelled_call() -> None:
    rig = Rig()
    rig.receive(180)
    rig.call.hang_up(2.0)
    rig.requests()
    rig.receive(302)
    assert causes(rig) == [CallEnd.CANCELLED]


# --- the call


def test_hang_up_sends_bye_and_its_answer_ends_the_call() -> None:
    rig = Rig()
    answered = rig.establish()
    rig.call.hang_up(5.0)
    [bye] = rig.requests()
    assert (bye.method, bye.cseq.number) == ("BYE", 2)
    rig.receive(200, of=bye, now=5.5)
    assert (answered.bye_status, answered.cause, answered.state) == (200, CallEnd.LOCAL_BYE, CallState.ENDED)
    assert rig.owner.ended == [answered]
    assert rig.call.is_over
    [ended] = [event for event in rig.events if isinstance(event, CallEnded)]
    assert (ended.seconds, ended.was_answered) == (4.5, True)


def test_bye_of_the_peer_is_answered_and_ends_the_call() -> None:
    rig = Rig()
    answered = rig.establish()
    [answer] = rig.receive_request("BYE")
    assert (answer.status, answered.is_hung_up_by_peer, answered.cause) == (200, True, CallEnd.REMOTE_BYE)
    assert [each.status for each in rig.receive_request("BYE", 2)] == [481]


def test_requests_inside_the_early_dialog_are_answered() -> None:
    rig = Rig()
    rig.receive(183, reliable(1))
    assert [each.status for each in rig.receive_request("INFO", 1)] == [200]
    assert [each.status for each in rig.receive_request("UPDATE", 2)] == [200]
    assert [each.status for each in rig.receive_request("INVITE", 3)] == [491]
    assert [each.status for each in rig.receive_request("BYE", 4)] == [481]
    assert rig.establish().bye_status == 0


def test_re_invite_of_the_peer_is_answered_and_its_ack_taken() -> None:
    rig = Rig()
    answered = rig.establish()
    contact = header_line("Contact", CONTACT)
    offer = Media(CALLEE_MEDIA).make_offer()
    lines = contact + header_line("Content-Type", "application/sdp")
    assert [each.status for each in rig.receive_request("INVITE", 1, lines, offer)] == [200]
    rig.receive_request("ACK", 1)
    assert rig.pass_time(40.0) == []
    assert answered.state is CallState.CONFIRMED


def test_connection_lost_during_the_call_ends_it() -> None:
    rig = Rig()
    answered = rig.establish()
    rig.endpoint.connection_lost(9.0)
    assert (answered.cause, rig.owner.ended, rig.owner.failures) == (CallEnd.CONNECTION_LOST, [answered], [])


# --- hostile peers


@given(st.data())
def test_answers_of_any_kind_never_make_the_session_fail(data: st.DataObject) -> None:
    rig = Rig()
    body = rig.answer_body()
    lines = header_line("Contact", CONTACT) + header_line("Record-Route", "<sip:p.example.com;lr>") + reliable(1)
    for number in range(data.draw(st.integers(1, 4))):
        status = data.draw(st.sampled_from([100, 180, 183, 200, 202, 302, 487, 600]))
        via = value(rig.invite, "via")
        sound = (
            f"SIP/2.0 {status} x\r\nVia: {via}\r\nFrom: {value(rig.invite, 'from')}\r\n"
            f"To: <sip:a@b>;tag=b{number % 2}\r\n"
            f"Call-ID: {rig.invite.call_id}\r\nCSeq: 1 INVITE\r\n{lines}Content-Type: application/sdp\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body
        rig.endpoint.receive_data(data.draw(st.just(sound) | mutated(st.just(sound))), float(number))
        if data.draw(st.booleans()):
            rig.call.hang_up(float(number))
        rig.endpoint.data_to_send()
    rig.endpoint.connection_lost(9.0)
    assert [event.error for event in rig.events if isinstance(event, SessionFailed)] == []
    settled = len(rig.owner.failures) + len(rig.owner.answered)
    assert settled == 1
    assert rig.call.is_over or rig.owner.answered


EVENTS = st.one_of(
    st.tuples(st.just("answer"), st.sampled_from([100, 180, 183, 200, 302, 404, 487]), st.sampled_from(["b1", "b2"])),
    st.tuples(st.just("reliable"), st.integers(1, 3), st.sampled_from(["b1", "b2"])),
    st.sampled_from([("hang up", 0, ""), ("lost", 0, ""), ("wait", 40, ""), ("bye", 0, "b1"), ("answer bye", 0, "")]),
)


@given(st.lists(EVENTS, max_size=12))
def test_any_order_of_answers_hang_ups_losses_and_time_settles_a_call_once(events: list[tuple[str, int, str]]) -> None:
    rig, now, gone = Rig(), 1.0, False
    out: list[Request] = []
    for what, number, tag in [*events, ("hang up", 0, ""), ("wait", 40, ""), ("wait", 40, ""), ("lost", 0, "")]:
        now += 0.1
        if what == "answer" and not gone:
            out += rig.receive(number, body=rig.answer_body() if number == 200 else b"", tag=tag, now=now)
        elif what == "reliable" and not gone:
            out += rig.receive(183, reliable(number), tag=tag, now=now)
        elif what == "bye" and not gone:
            rig.receive_request("BYE", int(now * 10), tag=tag, now=now)
        elif what == "answer bye" and not gone and (byes := [each for each in out if each.method == "BYE"]):
            out += rig.receive(200, of=byes[-1], now=now)
        elif what == "hang up":
            rig.call.hang_up(now)
            out += rig.requests()
        elif what == "wait":
            now += number
            out += [each for each in rig.pass_time(now) if isinstance(each, Request)]
        elif what == "lost" and not gone:
            gone = True
            rig.endpoint.connection_lost(now)
            assert rig.sent() == []
    assert len(rig.owner.answered) + len(rig.owner.failures) == 1
    assert len(rig.owner.ended) == len(rig.owner.answered)
    assert rig.call.is_over
    assert [event for event in rig.events if isinstance(event, SessionFailed)] == []
    assert methods(out).count("CANCEL") <= 1
    for bye in (each for each in out if each.method == "BYE"):
        # 13.2.2.4, 15: nobody is hung up on before the ACK.
        before = out[: out.index(bye)]
        assert any(each.method == "ACK" and each.to_tag == bye.to_tag for each in before)
    numbers = [each.cseq.number for each in out if each.method not in ("ACK", "CANCEL") and each.to_tag == "b1"]
    assert numbers == sorted(set(numbers))
