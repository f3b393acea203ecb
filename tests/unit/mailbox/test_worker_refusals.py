"""Who may call a worker, with what, and how many at a time (EXCHANGE-UM A3; RFC 3261 8.2)."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from callrouter.directory.lookup import DirectoryLookup
from callrouter.directory.model import (
    ComponentState,
    Directory,
    GatewayStatus,
    UMDialPlan,
    UMIPGateway,
    UriType,
    VoipSecurity,
)
from callrouter.mailbox.config import WorkerConfig
from callrouter.snapshot import RoutingSnapshot
from callrouter.telemetry import RequestAnswered, SessionFailed
from callrouter.ua.media import Media
from tests.forms import interpreted_only
from tests.unit.mailbox.desk import OPEN_HOUSE, Desk, with_plan
from tests.unit.mailbox.talk import OFFER, VIDEO_OFFER, Talk

SLOW = WorkerConfig(ringing_after_seconds=1.0, answer_after_seconds=3.0)


GATEWAY = UMIPGateway("gw", ip_network("192.0.2.0/24"))


@pytest.mark.parametrize(
    ("snapshot", "status", "reason"),
    [
        (RoutingSnapshot(), 403, "unknown-gateway"),
        (replace(OPEN_HOUSE, component_state=ComponentState.INACTIVE), 503, "inactive"),
        (replace(OPEN_HOUSE, component_state=ComponentState.DRAINING), 503, "draining"),
        (with_plan(UMDialPlan("Name", UriType.SIPNAME)), 200, "answered"),
        (with_plan(UMDialPlan("E164", UriType.E164)), 404, "uri-type-mismatch"),
        (with_plan(UMDialPlan("Tel", voip_security=VoipSecurity.SIP_SECURED)), 403, "security-mismatch"),
        (
            replace(
                OPEN_HOUSE, lookup=DirectoryLookup(Directory((replace(GATEWAY, status=GatewayStatus.NO_NEW_CALLS),)))
            ),
            503,
            "gateway-no-new-calls",
        ),
    ],
)
def test_call_is_judged_by_the_routers_rules(snapshot: RoutingSnapshot, status: int, reason: str) -> None:
    desk = Desk(snapshot=snapshot)
    link, talk = desk.connect(), Talk("c1")
    assert link.send(talk.invite())[-1].status == status
    assert desk.reasons() == [reason]
    assert len(desk.table) == (status == 200)


def test_calls_that_go_on_are_not_judged_again() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.call(talk)
    desk.cell.current = RoutingSnapshot(component_state=ComponentState.INACTIVE)
    assert link.send_one(talk.invite()).status == 200
    link.send(talk.ack())
    assert link.send_one(talk.request("BYE")).status == 200
    assert link.send_one(Talk("c2").invite()).status == 503


@pytest.mark.parametrize(
    ("talk", "lines", "body", "status", "header"),
    [
        (Talk("c1", uri="http://x.test/"), "", OFFER, 416, ""),
        (Talk("c1"), "Require: timer, 100REL\r\nRequire: x\r\n", OFFER, 420, "Unsupported: timer, x"),
        (Talk("c1", contact=""), "", OFFER, 400, ""),
        (Talk("c1", contact="<sip:["), "", OFFER, 400, ""),
        (Talk("c1"), "Record-Route: <sip:p1;lr>, <sip:[\r\n", OFFER, 400, ""),
        (Talk("c1"), "", b"v=1\r\n", 400, "Accept: application/sdp"),
        (Talk("c1"), "", VIDEO_OFFER, 488, ""),
        (Talk("c1"), "Content-Type: text/plain\r\n", b"hello", 415, "Accept: application/sdp"),
        (Talk("c1", uri="sips:100@mailbox.test"), "", OFFER, 480, ""),
    ],
)
def test_invite_that_cannot_be_taken_is_refused_and_leaves_nothing(
    talk: Talk, lines: str, body: bytes, status: int, header: str
) -> None:
    desk = Desk(SLOW)
    link = desk.connect()
    answer = link.send_one(talk.invite(lines, body))
    assert (answer.status, len(desk.table), desk.worker.calls) == (status, 0, 0)
    assert not header or header in [f"{name}: {value}" for name, value in answer.rows]
    link.send(talk.ack_failure())
    assert not link.agent.is_busy()
    desk.assert_clean()


@interpreted_only
def test_invite_at_which_the_worker_fails_holds_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_media: Media, _body: bytes) -> bytes:
        raise LookupError("a bug")

    monkeypatch.setattr(Media, "take_offer", fail)
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    assert link.send_one(talk.invite()).status == 500
    assert (len(desk.table), desk.worker.calls, link.agent.is_busy()) == (0, 0, False)
    assert desk.ends() == [("c1", "rejected", 0.0)]
    [failed] = [event for event in desk.events if isinstance(event, SessionFailed)]
    assert str(failed.error) == "a bug"


def test_call_over_the_limit_is_refused_until_there_is_room() -> None:
    desk = Desk(WorkerConfig(max_calls=2))
    link, talks = desk.connect(), [Talk(f"c{number}") for number in range(3)]
    link.call(talks[0])
    desk.connect().call(talks[1])
    refused = link.send_one(talks[2].invite())
    assert (refused.status, refused["Retry-After"], desk.reasons()[-1]) == (503, "10", "max-calls")
    link.send(talks[2].ack_failure())
    # What is refused counts for nothing, and what goes on is not disturbed.
    assert link.send_one(talks[1].request("INFO")).status == 200
    link.send(talks[0].request("BYE"))
    link.call(Talk("c3"))
    assert len(desk.table) == 2


def test_call_that_rings_has_its_place() -> None:
    desk = Desk(WorkerConfig(max_calls=1, answer_after_seconds=30.0))
    link, talk = desk.connect(), Talk("c1")
    link.send(talk.invite())
    assert link.send_one(Talk("c2").invite()).status == 503
    link.send(talk.cancel())
    assert [answer.status for answer in link.send(Talk("c3").invite())] == [100, 180]


def test_worker_that_has_a_successor_takes_no_call_but_keeps_what_it_has() -> None:
    desk = Desk()
    link, talk = desk.connect(), Talk("c1")
    link.call(talk)
    desk.worker.takes_calls = False
    assert (link.send_one(Talk("c2").invite()).status, desk.reasons()[-1]) == (503, "draining")
    assert link.send_one(talk.invite()).status == 200
    assert desk.connect().send_one(talk.request("BYE")).status == 200


def test_call_record_says_what_a_call_is_for() -> None:
    desk = Desk(snapshot=with_plan(UMDialPlan("Tel", access_telephone_numbers=("100",))))
    desk.connect().call(Talk("c1"))
    [answered] = [event for event in desk.events if isinstance(event, RequestAnswered)]
    assert (answered.call_type, answered.contact) == ("outlook-voice-access", "sip:192.0.2.1:5065;transport=Tcp")
