import pytest

from callrouter.sip.dialog import Dialog, accept_dialog, dialog_key, enter_dialog, read_contact
from callrouter.sip.errors import HeaderError, MalformedError
from callrouter.sip.headers import Headers
from callrouter.sip.message import Response
from callrouter.sip.parser import parse_head
from callrouter.sip.request import OutgoingRequest
from tests.unit.sip.messages import make_request

CONTACT = "<sip:caller@192.0.2.10:5060;transport=tcp>;q=1"
INVITE = OutgoingRequest(
    "INVITE", "sip:100@mbx.example.com", "<sip:a@b>;tag=f1", "<sip:100@mbx.example.com>", "c1", 7
).with_via("TCP", "h", "t1")


def accept(**changes: str | None) -> Dialog:
    return accept_dialog(make_request("INVITE", "sip:100@router.example.com", **{"Contact": CONTACT, **changes}), "t1")


def enter(*rows: str, to: str = "<sip:100@mbx.example.com>;tag=t9") -> Dialog:
    response = parse_head("\r\n".join(["SIP/2.0 200 OK", *([f"To: {to}"] if to else []), *rows]), 100)
    assert isinstance(response, Response)
    return enter_dialog(INVITE, response, "f1")


# --- of who answers (12.1.1)


def test_accept_dialog_is_the_mirror_of_the_invite() -> None:
    dialog = accept()
    assert dialog.key == ("c1@gw.example.com", "t1", "f1")
    assert dialog.local == "<sip:100@router.example.com>;tag=t1"
    assert dialog.remote == "<sip:caller@gw.example.com>;tag=f1"
    assert (dialog.local_number, dialog.remote_number) == (0, 1)
    assert dialog.remote_target == "sip:caller@192.0.2.10:5060;transport=tcp"
    assert dialog.route_set == ()


def test_accept_dialog_requests_go_to_the_contact_with_numbers_of_our_own() -> None:
    dialog = accept()
    bye = dialog.next_request("BYE", "Reason: x\r\n", b"body")
    assert (bye.method, bye.uri, bye.number) == ("BYE", "sip:caller@192.0.2.10:5060;transport=tcp", 1)
    assert (bye.from_, bye.to, bye.call_id) == (dialog.local, dialog.remote, "c1@gw.example.com")
    assert (bye.lines, bye.body) == ("Reason: x\r\n", b"body")
    assert dialog.next_request("INFO").number == 2


def test_accept_dialog_takes_record_route_in_order_from_all_rows() -> None:
    rows = '<sip:p2.example.com;lr>,<sip:p1.example.com;lr>;x=1\r\nRecord-Route: "a, b" <sip:p0.example.com;lr>'
    assert accept(Record_Route=rows).route_set == (
        "<sip:p2.example.com;lr>",
        "<sip:p1.example.com;lr>;x=1",
        '"a, b" <sip:p0.example.com;lr>',
    )


def test_accept_dialog_of_a_peer_without_a_tag_has_none_to_send() -> None:
    dialog = accept(From="<sip:caller@gw.example.com>")
    assert dialog.key == ("c1@gw.example.com", "t1", "")
    assert dialog.next_request("BYE").to == "<sip:caller@gw.example.com>"


def test_accept_dialog_to_without_brackets_gets_the_tag_as_its_own_parameter() -> None:
    assert accept(To="sip:100@router.example.com").local == "sip:100@router.example.com;tag=t1"


@pytest.mark.parametrize(
    "changes",
    [
        {"Contact": None},
        {"Contact": ""},
        {"Contact": "*"},
        {"Contact": "<sip:>"},
        {"Contact": "<sip:a@b"},
        {"Contact": "<sip:\u00e9@b>"},
        {"Record_Route": ""},
        {"Record_Route": "<sip:p1.example.com;lr>,"},
        {"Record_Route": '"<sip:p1.example.com;lr>'},
        {"Record_Route": "<sip:p1.example.com;lr"},
        {"Record_Route": "<nonsense>"},
    ],
)
def test_accept_dialog_without_a_way_back_raises_malformed_error(changes: dict[str, str | None]) -> None:
    with pytest.raises(MalformedError):
        accept(**changes)


# --- of who called (12.1.2)


def test_enter_dialog_is_made_of_the_invite_and_its_answer() -> None:
    dialog = enter("Contact: <sip:mbx.example.com:5065>;automata")
    assert dialog.key == ("c1", "f1", "t9")
    assert (dialog.local, dialog.remote) == ("<sip:a@b>;tag=f1", "<sip:100@mbx.example.com>;tag=t9")
    assert (dialog.local_number, dialog.remote_number) == (7, None)
    assert dialog.remote_target == "sip:mbx.example.com:5065"


def test_enter_dialog_turns_record_route_round() -> None:
    dialog = enter("Record-Route: <sip:p2;lr>, <sip:p1;lr>", "Record-Route: <sip:p0;lr>")
    assert dialog.route_set == ("<sip:p0;lr>", "<sip:p1;lr>", "<sip:p2;lr>")


def test_enter_dialog_without_contact_stays_with_the_request_uri() -> None:
    assert enter().remote_target == "sip:100@mbx.example.com"


@pytest.mark.parametrize("rows", [["Contact: <sip:>"], ["Record-Route: <sip:p1"]])
def test_enter_dialog_with_what_cannot_be_read_raises_malformed_error(rows: list[str]) -> None:
    with pytest.raises(MalformedError):
        enter(*rows)


@pytest.mark.parametrize("to", ["", "<sip:100@mbx.example.com"])
def test_enter_dialog_without_a_to_raises_header_error(to: str) -> None:
    with pytest.raises(HeaderError):
        enter(to=to)


# --- requests inside (12.2.1.1)


def test_ack_has_the_number_of_its_invite_whatever_came_since() -> None:
    dialog = enter()
    assert dialog.next_request("PRACK").number == 8
    assert dialog.next_request("UPDATE").number == 9
    ack = dialog.request_of("ACK", 7)
    assert (ack.method, ack.number) == ("ACK", 7)
    assert dialog.next_request("BYE").number == 10


def test_request_through_loose_routers_keeps_the_target_in_the_request_uri() -> None:
    request = enter("Record-Route: <sip:p2;lr>, <sip:p1;lr>", "Contact: <sip:mbx>").next_request("BYE")
    assert (request.uri, request.routes) == ("sip:mbx", ("<sip:p1;lr>", "<sip:p2;lr>"))


def test_request_through_a_strict_router_has_the_target_last() -> None:
    request = enter("Record-Route: <sip:p2;lr>, <sip:p1;x=lr>;lr", "Contact: <sip:mbx>").next_request("BYE")
    assert (request.uri, request.routes) == ("sip:p1;x=lr", ("<sip:p2;lr>", "<sip:mbx>"))


def test_request_through_a_router_of_another_scheme_leaves_the_route_alone() -> None:
    request = enter("Record-Route: <tel:100>", "Contact: <sip:mbx>").next_request("BYE")
    assert (request.uri, request.routes) == ("sip:mbx", ("<tel:100>",))


# --- requests of the peer (12.2.2)


@pytest.mark.parametrize(
    ("numbers", "taken"),
    [([2], [True]), ([1], [False]), ([0], [False]), ([9, 9], [True, False]), ([9, 5, 10], [True, False, True])],
)
def test_takes_only_rising_numbers(numbers: list[int], taken: list[bool]) -> None:
    dialog = accept()
    assert [dialog.takes(make_request("INFO", CSeq=f"{number} INFO")) for number in numbers] == taken


def test_takes_any_first_number_from_who_was_called() -> None:
    dialog = enter()
    assert dialog.takes(make_request("BYE", CSeq="0 BYE"))
    assert not dialog.takes(make_request("BYE", CSeq="0 BYE"))


@pytest.mark.parametrize(
    ("contact", "target"),
    [
        ("<sip:new@192.0.2.11>", "sip:new@192.0.2.11"),
        (None, "sip:caller@192.0.2.10:5060;transport=tcp"),
        ("*", "sip:caller@192.0.2.10:5060;transport=tcp"),
        ('"', "sip:caller@192.0.2.10:5060;transport=tcp"),
    ],
)
def test_refresh_target_takes_up_a_contact_that_can_be_read(contact: str | None, target: str) -> None:
    dialog = accept()
    dialog.refresh_target(make_request("UPDATE", Contact=contact).headers)
    assert dialog.remote_target == target


# --- names


def test_dialog_key_of_a_request_of_the_peer_is_that_of_our_dialog() -> None:
    bye = make_request("BYE", To="<sip:100@router.example.com>;tag=t1")
    assert dialog_key(bye) == accept().key


def test_dialog_key_tags_compare_with_case() -> None:
    assert dialog_key(make_request("BYE", To="<sip:a@b>;tag=T1")) != dialog_key(
        make_request("BYE", To="<sip:a@b>;tag=t1")
    )


@pytest.mark.parametrize("name", ["From", "To"])
def test_dialog_key_of_what_cannot_be_read_raises_malformed_error(name: str) -> None:
    with pytest.raises(MalformedError):
        dialog_key(make_request("BYE", "sip:100@router.example.com", **{name: "<"}))


def test_read_contact_is_the_first_of_the_first_row() -> None:
    assert read_contact(Headers({"contact": ["<sip:a@b>, <sip:c@d>", "<sip:e@f>"]})) == "sip:a@b"
    assert read_contact(Headers({})) == ""
