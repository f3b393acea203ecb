import pytest

from callrouter.sip.client_transaction import ClientTransactionTable
from callrouter.sip.errors import HeaderError
from callrouter.sip.message import Response
from callrouter.sip.parser import parse_head
from callrouter.sip.request import OutgoingRequest


def make_request(method: str = "INVITE", name: str = "t1") -> OutgoingRequest:
    request = OutgoingRequest(method, "sip:a@b", "<sip:a@b>;tag=1", "<sip:c@d>", "c1", 1)
    return request.with_via("TCP", "192.0.2.10:40000", name)


def make_response(status: int, method: str = "INVITE", name: str = "t1", via: str = "") -> Response:
    via = via or f"SIP/2.0/TCP 192.0.2.10:40000;rport=40000;branch=z9hG4bK{name};received=192.0.2.10"
    head = f"SIP/2.0 {status} X\r\nVia: {via}\r\nTo: <sip:c@d>;tag=t\r\nCSeq: 1 {method}"
    response = parse_head(head, 100)
    assert isinstance(response, Response)
    return response


class Rig:
    def __init__(self) -> None:
        self.table: ClientTransactionTable[str] = ClientTransactionTable(32.0)

    def open(self, method: str = "INVITE", name: str = "t1", now: float = 0.0) -> OutgoingRequest:
        request = make_request(method, name)
        self.table.open(request, name, now)
        return request

    def match(self, response: Response, now: float = 1.0) -> str | None:
        transaction = self.table.match(response, now)
        return None if transaction is None else transaction.owner


@pytest.fixture
def rig() -> Rig:
    return Rig()


# --- matching (17.1.3)


@pytest.mark.parametrize("method", ["INVITE", "BYE", "CANCEL", "OPTIONS"])
def test_match_by_branch_and_method(rig: Rig, method: str) -> None:
    rig.open(method)
    assert rig.match(make_response(200, method, "t2")) is None
    assert rig.match(make_response(200, "PRACK")) is None
    assert rig.match(make_response(200, method)) == "t1"


def test_match_compares_branches_without_case(rig: Rig) -> None:
    rig.open(name="tOkEn")
    assert rig.match(make_response(180, via="SIP/2.0/TCP h;branch=Z9HG4BKToKeN")) == "tOkEn"


def test_match_cancel_and_its_invite_are_two(rig: Rig) -> None:
    rig.open("INVITE")
    rig.table.open(make_request("CANCEL"), "cancel", 0.0)
    assert rig.match(make_response(200, "CANCEL")) == "cancel"
    assert rig.match(make_response(487, "INVITE")) == "t1"


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/TCP h;branch=z9hG4bKt1, SIP/2.0/TCP x;branch=z9hG4bKt2",
        "SIP/2.0/TCP h;branch=z9hG4bKt1\r\nVia: SIP/2.0/TCP x;branch=z9hG4bKt2",
    ],
)
def test_match_of_an_answer_with_two_vias_is_none(rig: Rig, via: str) -> None:
    # 8.1.3.3: it was misrouted.
    rig.open()
    assert rig.match(make_response(200, via=via)) is None
    assert len(rig.table) == 1


@pytest.mark.parametrize(
    ("old", "new"), [("SIP/2.0 200", "SIP/2.0 x"), ("Via: SIP", "Via: S IP"), ("CSeq: 1", "CSeq: x"), ("CSeq", "X")]
)
def test_match_of_what_cannot_be_read_raises_header_error(rig: Rig, old: str, new: str) -> None:
    head = "SIP/2.0 200 OK\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKt1\r\nCSeq: 1 INVITE".replace(old, new)
    response = parse_head(head, 100)
    assert isinstance(response, Response)
    with pytest.raises(HeaderError):
        rig.match(response)


# --- life of a non-INVITE transaction (17.1.2)


def test_provisional_answer_does_not_stop_timer_f(rig: Rig) -> None:
    rig.open("OPTIONS")
    assert rig.match(make_response(100, "OPTIONS")) == "t1"
    assert rig.table.next_expiry() == 32.0
    assert [each.owner for each in rig.table.expire(32.0)] == ["t1"]
    assert rig.match(make_response(200, "OPTIONS")) is None


@pytest.mark.parametrize("status", [200, 302, 481, 600])
def test_final_answer_ends_it_once(rig: Rig, status: int) -> None:
    rig.open("BYE")
    assert rig.match(make_response(status, "BYE")) == "t1"
    assert rig.match(make_response(status, "BYE")) is None
    assert (len(rig.table), rig.table.next_expiry(), rig.table.expire(100.0)) == (0, None, [])


# --- life of an INVITE transaction (17.1.1, RFC 6026 7.2)


def test_invite_without_any_answer_ends_by_timer_b(rig: Rig) -> None:
    rig.open(now=5.0)
    assert rig.table.next_expiry() == 37.0
    assert rig.table.expire(36.9) == []
    assert [each.owner for each in rig.table.expire(37.0)] == ["t1"]
    assert len(rig.table) == 0


def test_invite_that_rings_is_waited_for_without_end(rig: Rig) -> None:
    rig.open()
    assert rig.match(make_response(100)) == "t1"
    assert rig.match(make_response(180)) == "t1"
    assert rig.table.next_expiry() is None
    assert rig.table.expire(1e9) == []
    assert len(rig.table) == 1
    assert rig.match(make_response(486)) == "t1"
    assert len(rig.table) == 0


def test_invite_with_a_2xx_takes_it_again_until_timer_m_and_nothing_else(rig: Rig) -> None:
    rig.open()
    assert rig.match(make_response(200), now=10.0) == "t1"
    assert len(rig.table) == 0
    assert rig.match(make_response(200), now=11.0) == "t1"
    assert rig.match(make_response(180), now=11.0) is None
    assert rig.match(make_response(487), now=11.0) is None
    assert rig.table.next_expiry() == 42.0
    # It had its final answer: nobody needs to be told.
    assert rig.table.expire(42.0) == []
    assert rig.match(make_response(200), now=43.0) is None


def test_invite_that_was_cancelled_has_64_t1_for_its_final_answer(rig: Rig) -> None:
    invite = rig.open()
    rig.match(make_response(180))
    rig.table.cancel(invite, 100.0)
    assert rig.match(make_response(180), now=101.0) == "t1"
    assert rig.table.next_expiry() == 132.0
    assert [each.owner for each in rig.table.expire(132.0)] == ["t1"]
    assert len(rig.table) == 0


def test_invite_that_was_cancelled_before_it_rang_stays_limited_when_it_does(rig: Rig) -> None:
    invite = rig.open()
    rig.table.cancel(invite, 1.0)
    assert rig.match(make_response(180), now=2.0) == "t1"
    assert rig.table.next_expiry() == 33.0


def test_cancel_after_the_final_answer_changes_nothing(rig: Rig) -> None:
    invite = rig.open()
    rig.match(make_response(200), now=1.0)
    rig.table.cancel(invite, 2.0)
    assert rig.table.next_expiry() == 33.0
    assert rig.match(make_response(200), now=3.0) == "t1"


# --- many


def test_expiry_goes_by_time_over_all_kinds(rig: Rig) -> None:
    rig.open(name="a", now=0.0)
    rig.match(make_response(200, name="a"), now=20.0)
    rig.open("BYE", name="b", now=10.0)
    rig.open("BYE", name="c", now=30.0)
    assert rig.table.next_expiry() == 42.0
    assert [each.owner for each in rig.table.expire(42.0)] == ["b"]
    assert rig.table.next_expiry() == 52.0
    assert rig.table.expire(52.0) == []
    assert rig.table.next_expiry() == 62.0


def test_abandon_returns_those_without_a_final_answer_and_forgets_all(rig: Rig) -> None:
    rig.open(name="calling")
    rig.open(name="ringing")
    rig.open(name="accepted")
    rig.match(make_response(180, name="ringing"))
    rig.match(make_response(200, name="accepted"))
    assert [each.owner for each in rig.table.abandon()] == ["calling", "ringing"]
    assert (len(rig.table), rig.table.next_expiry(), rig.table.abandon()) == (0, None, [])
    assert rig.match(make_response(200, name="accepted")) is None
