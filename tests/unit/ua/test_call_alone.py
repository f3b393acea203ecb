"""A call of neither side: what `Call` does where nobody says otherwise. Goes with test_call.py."""

import pytest

from callrouter.reason import CallEnd, Reason
from callrouter.sip.dialog import accept_dialog
from callrouter.telemetry import CallEnded, RequestAnswered
from callrouter.ua.call import Call, CallState
from callrouter.ua.endpoint import NoAnswer
from callrouter.ua.media import Media, MediaConfig
from tests.unit.sip.messages import make_octets, make_request
from tests.unit.ua.endpoint_rig import PEER, Rig


class Owner:
    """A `CallOwner` that only counts."""

    def __init__(self) -> None:
        self.ended: list[tuple[Call, float]] = []

    def call_ended(self, call: Call, now: float) -> None:
        self.ended.append((call, now))


class Alone:
    """A call in its early dialog, on an endpoint whose requests it gets."""

    def __init__(self) -> None:
        self.rig, self.owner = Rig(), Owner()
        dialog = accept_dialog(make_request(Contact="<sip:phone@192.0.2.10>"), "t1")
        media = Media(MediaConfig("192.0.2.1", 5000, 1))
        self.call = Call(self.rig.endpoint, dialog, media, self.owner, self.rig.events.append)

    def ask(self, method: str) -> Reason:
        """Why a request of the peer got its answer."""
        self.call.receive_request(make_request(method, CSeq=f"2 {method}"), 1.0)
        event = self.rig.events[-1]
        assert isinstance(event, RequestAnswered)
        return event.reason


@pytest.fixture
def alone() -> Alone:
    return Alone()


def test_prack_names_nothing(alone: Alone) -> None:
    assert alone.ask("PRACK") is Reason.NO_DIALOG


def test_no_invite_and_no_offer_of_the_peer_is_on_its_way(alone: Alone) -> None:
    assert (alone.call.handles_invite, alone.call.owes_answer) == (False, False)


def test_early_call_is_not_hung_up_by_bye(alone: Alone) -> None:
    alone.call.hang_up(CallEnd.LOCAL_BYE, 1.0)
    assert (alone.call.state, alone.rig.said(), alone.owner.ended) == (CallState.EARLY, [], [])


def test_call_without_a_limit_has_no_timer(alone: Alone) -> None:
    alone.call.establish(5.0, None)
    assert (alone.call.answered_at, alone.call.ends_at) == (5.0, None)
    assert alone.rig.endpoint.timers.next_at() is None
    other = Rig()
    alone.call.move(other.endpoint)
    assert other.endpoint.timers.next_at() is None


@pytest.mark.parametrize("status", [200, 401, 408, 481, 500])
def test_any_final_answer_to_bye_ends_the_call_and_no_other_does(alone: Alone, status: int) -> None:
    call, rig = alone.call, alone.rig
    call.establish(5.0, None)
    call.state = CallState.CONFIRMED
    call.hang_up(CallEnd.STOPPED, 6.0)
    [octets] = rig.endpoint.data_to_send()
    via = octets.partition(b"Via: ")[2].partition(b"\r\n")[0].decode()
    for each, is_final in ((100, False), (status, True)):
        answer = make_octets("BYE", Via=via, CSeq="1 BYE").replace(
            b"BYE sip:100@router.example.com SIP/2.0", b"SIP/2.0 %d X" % each
        )
        rig.receive(answer, 7.0)
        assert bool(alone.owner.ended) is is_final
    assert rig.events[-1] == CallEnded(PEER, "c1@gw.example.com", CallEnd.STOPPED, 2.0, was_answered=True)


def test_other_requests_of_ours_end_nothing(alone: Alone) -> None:
    request = alone.call.dialog.next_request("INFO")
    alone.call.receive_no_answer(request, NoAnswer.TIMED_OUT, 1.0)
    assert alone.owner.ended == []
