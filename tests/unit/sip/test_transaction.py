import pytest

from callrouter.sip.errors import MalformedError
from callrouter.sip.message import BriefAck, Request
from callrouter.sip.transaction import InviteTransaction, State, TransactionTable, merge_key, transaction_key
from tests.unit.sip.messages import make_request

OLD_VIA = "SIP/2.0/TCP gw.example.com"
"""Of a peer of RFC 2543: no branch."""


def open_one(table: TransactionTable, request: Request | None = None, tag: str = "t1") -> InviteTransaction:
    transaction = make_one(request, tag)
    table.open(transaction)
    return transaction


def make_one(request: Request | None = None, tag: str = "t1") -> InviteTransaction:
    invite = request or make_request()
    return InviteTransaction(invite, transaction_key(invite), merge_key(invite), tag)


def is_merged(table: TransactionTable, invite: Request) -> bool:
    return table.is_merged(invite, merge_key(invite))


def complete_one(table: TransactionTable, request: Request | None = None, status: int = 302) -> InviteTransaction:
    transaction = open_one(table, request)
    table.complete(transaction, status, b"final", 10.0)
    return transaction


@pytest.mark.parametrize("method", ["INVITE", "ACK", "CANCEL"])
@pytest.mark.parametrize("via", ["SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1", OLD_VIA, f"{OLD_VIA};branch=z9hG4bK"])
def test_transaction_key_of_invite_ack_and_cancel_is_one(method: str, via: str) -> None:
    tagged = "<sip:100@router.example.com>;tag=t1" if method == "ACK" else "<sip:100@router.example.com>"
    assert transaction_key(make_request(method, Via=via, To=tagged)) == transaction_key(make_request(Via=via))


@pytest.mark.parametrize(
    "via",
    [
        "SIP/2.0/TCP gw.example.com;branch=z9hG4bKa2",
        "SIP/2.0/TCP gw.example.com:5060;branch=z9hG4bKa1",
        "SIP/2.0/TCP gw2.example.com;branch=z9hG4bKa1",
        "SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKa1",
        "SIP/2.0/TCP [2001:db8::1:5060];branch=z9hG4bKa1",
        OLD_VIA,
    ],
)
def test_transaction_key_another_branch_or_sent_by_is_another(via: str) -> None:
    keys = {transaction_key(make_request(Via=each)) for each in (via, "SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1")}
    assert len(keys) == 2


def test_transaction_key_sent_by_with_ipv6_does_not_mix_up_address_and_port() -> None:
    vias = ("SIP/2.0/TCP [2001:db8::1]:5060;branch=z9hG4bKa1", "SIP/2.0/TCP [2001:db8::1:5060];branch=z9hG4bKa1")
    assert len({transaction_key(make_request(Via=via)) for via in vias}) == 2


@pytest.mark.parametrize(
    "changes", [{"Call_ID": "c2"}, {"From": "<sip:a@b>;tag=f2"}, {"CSeq": "2 INVITE"}, {"Via": f"{OLD_VIA};x"}]
)
def test_transaction_key_without_the_cookie_compares_what_rfc_2543_did(changes: dict[str, str]) -> None:
    first = make_request(Via=OLD_VIA)
    other = make_request("INVITE", "sip:100@router.example.com", **{"Via": OLD_VIA, **changes})
    assert transaction_key(first) != transaction_key(other)
    assert transaction_key(first) != transaction_key(make_request(uri="sip:200@router.example.com", Via=OLD_VIA))


def test_transaction_key_cookie_and_branch_compare_without_case() -> None:
    vias = ("SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1", "SIP/2.0/TLS GW.example.com;branch=Z9HG4BKA1")
    assert len({transaction_key(make_request(Via=via)) for via in vias}) == 1


def test_transaction_key_of_what_cannot_be_read_raises_malformed_error() -> None:
    with pytest.raises(MalformedError):
        transaction_key(make_request(Via="x"))


def test_table_repeated_invite_gets_the_last_answer_again() -> None:
    table = TransactionTable(32.0)
    transaction = open_one(table)
    assert table.find(transaction_key(make_request())) is transaction
    assert transaction.retransmission() == b""
    transaction.provisional = b"100"
    assert transaction.retransmission() == b"100"
    table.complete(transaction, 302, b"302", 0.0)
    assert transaction.retransmission() == b"302"
    assert transaction.call_id == "c1@gw.example.com"


def test_table_after_a_2xx_repeats_nothing_and_stays_after_the_ack() -> None:
    table = TransactionTable(32.0)
    transaction = complete_one(table, status=200)
    assert transaction.state is State.ACCEPTED
    assert transaction.retransmission() == b""
    assert table.acknowledge(make_request("ACK")) is transaction
    assert len(table) == 1


def test_table_ack_ends_a_completed_transaction_once() -> None:
    table = TransactionTable(32.0)
    transaction = complete_one(table)
    assert table.acknowledge(make_request("ACK")) is transaction
    assert table.acknowledge(make_request("ACK")) is None
    assert (len(table), table.next_expiry(), is_merged(table, make_request())) == (0, None, False)


def test_table_ack_before_the_final_answer_ends_nothing() -> None:
    table = TransactionTable(32.0)
    open_one(table)
    assert table.acknowledge(make_request("ACK")) is None
    assert len(table) == 1


@pytest.mark.parametrize(("tag", "is_matched"), [("t1", True), ("t2", False)])
def test_table_ack_without_the_cookie_must_carry_our_tag(tag: str, is_matched: bool) -> None:
    table = TransactionTable(32.0)
    complete_one(table, make_request(Via=OLD_VIA))
    ack = make_request("ACK", Via=OLD_VIA, To=f"<sip:100@router.example.com>;tag={tag}")
    assert (table.acknowledge(ack) is not None) is is_matched


def test_table_merged_invite_is_known_while_the_first_lives() -> None:
    table = TransactionTable(32.0)
    other = make_request(Via="SIP/2.0/TCP gw.example.com;branch=z9hG4bKother")
    assert not is_merged(table, other)
    complete_one(table)
    assert is_merged(table, other)
    assert not is_merged(table, make_request(To="<sip:a@b>;tag=x"))
    assert not is_merged(table, make_request(CSeq="2 INVITE"))
    open_one(table, other)
    table.acknowledge(make_request("ACK"))
    assert not is_merged(table, make_request(Via="SIP/2.0/TCP gw.example.com;branch=z9hG4bKthird"))


def test_table_expiry_takes_out_only_those_whose_time_is_over() -> None:
    table = TransactionTable(32.0)
    late = open_one(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bK2", Call_ID="c2"))
    first = complete_one(table)
    table.complete(late, 302, b"final", 12.0)
    open_one(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bK3", Call_ID="c3"))
    assert table.next_expiry() == 42.0
    assert table.expire(41.9) == []
    assert table.expire(42.0) == [first]
    assert table.next_expiry() == 44.0
    assert table.expire(100.0) == [late]
    assert len(table) == 1


@pytest.mark.parametrize("status", [200, 302])
def test_table_end_forgets_an_answered_transaction_before_its_time(status: int) -> None:
    table = TransactionTable(32.0)
    transaction = complete_one(table, status=status)
    table.end(transaction)
    table.end(transaction)
    assert (len(table), table.proceeding, table.next_expiry()) == (0, 0, None)
    assert table.find(transaction.key) is None
    assert not is_merged(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bKother"))


def test_table_end_leaves_what_has_no_answer_yet() -> None:
    table = TransactionTable(32.0)
    transaction = open_one(table)
    table.end(transaction)
    assert table.find(transaction.key) is transaction
    assert table.proceeding == 1


def test_table_end_of_what_another_table_holds_leaves_the_namesake_here() -> None:
    # Two connections of one peer may use the same branch.
    table = TransactionTable(32.0)
    mine = complete_one(table)
    table.end(complete_one(TransactionTable(32.0)))
    assert table.find(mine.key) is mine
    assert len(table) == 1


def test_table_proceeding_counts_those_without_a_final_answer() -> None:
    table = TransactionTable(32.0)
    open_one(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bK2", Call_ID="c2"))
    assert table.proceeding == 1
    complete_one(table, status=200)
    complete_one(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bK3", Call_ID="c3"))
    assert (len(table), table.proceeding) == (3, 1)
    table.expire(1000.0)
    assert (len(table), table.proceeding) == (1, 1)


def test_table_knows_what_is_answered_at_once_from_then_on() -> None:
    table = TransactionTable(32.0)
    transaction = make_one()
    assert table.find(transaction.key) is None
    table.complete(transaction, 302, b"final", 10.0)
    assert table.find(transaction.key) is transaction
    assert is_merged(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bKother"))
    assert (len(table), table.proceeding, table.next_expiry()) == (1, 0, 42.0)


def test_table_ack_in_brief_ends_the_transaction_of_its_via() -> None:
    table = TransactionTable(32.0)
    transaction = complete_one(table)
    assert table.acknowledge(BriefAck("z9hg4bka1", "other.example.com")) is None
    assert table.acknowledge(BriefAck("z9hg4bka1", "gw.example.com")) is transaction
    assert len(table) == 0


def test_table_first_of_two_merged_stays_the_first_once_it_is_answered() -> None:
    table = TransactionTable(32.0)
    first = open_one(table)
    second = make_one(make_request(Via="SIP/2.0/TCP gw.example.com;branch=z9hG4bKsecond"))
    third = make_one(make_request(Via="SIP/2.0/TCP h;branch=z9hG4bKthird", Call_ID="c3"))
    table.complete(second, 482, b"final", 10.0)
    table.complete(third, 302, b"final", 11.0)
    table.complete(first, 302, b"final", 12.0)
    table.end(second)
    assert is_merged(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bKother"))
    assert table.next_expiry() == 43.0
    assert table.expire(44.0) == [third, first]
    assert len(table) == 0


def test_tables_share_nothing() -> None:
    table, other = TransactionTable(32.0), TransactionTable(32.0)
    open_one(table)
    complete_one(table, make_request(Via="SIP/2.0/TCP h;branch=z9hG4bK2", Call_ID="c2"))
    assert (len(other), other.find(transaction_key(make_request()))) == (0, None)
