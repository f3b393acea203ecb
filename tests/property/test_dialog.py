"""Two ends of one dialog agree on everything, whatever the INVITE and its answer are made of (RFC 3261 12)."""

from hypothesis import given
from hypothesis import strategies as st

from callrouter.sip.dialog import Dialog, accept_dialog, dialog_key, enter_dialog
from callrouter.sip.errors import MalformedError
from callrouter.sip.framer import Frame, Framer
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.sip.request import OutgoingRequest
from callrouter.sip.respond import build_response, header_line, record_route_lines
from callrouter.sip.validate import validate
from tests.unit.sip.messages import make_request

TAGS = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=12)
HOSTS = st.sampled_from(["a.example.com", "192.0.2.7", "[2001:db8::7]", "h_1"])
URIS = st.builds("sip:{}{}{}".format, st.sampled_from(["", "100@", "+1;phone-context=x@"]), HOSTS, st.just(":5066"))
NAMES = st.sampled_from(["", "Plain ", '"a, b; c <d>" ', '"\\" \\\\" ', '"NUL:\\\0" ', '"\udcff\u00e9" '])
ROUTES = st.lists(
    st.builds("{}<{}{}>{}".format, NAMES, URIS, st.sampled_from(["", ";lr", ";lr=on"]), st.sampled_from(["", ";x=1"])),
    max_size=4,
)


def read(octets: bytes) -> Frame:
    framer = Framer(MessageLimits())
    framer.receive_data(octets)
    frame = framer.next_frame()
    assert frame is not None
    assert framer.next_frame() is None
    return frame


def read_request(request: OutgoingRequest) -> Request:
    """As the peer reads it."""
    frame = read(request.with_via("TCP", "h:5060", "b1").build())
    assert isinstance(frame, Request)
    assert validate(frame, MessageLimits()) == ()
    return frame


@st.composite
def dialogs(draw: st.DrawFn) -> tuple[Dialog, Dialog]:
    """Both ends of one that has just begun: of who called, and of who answered."""
    rows = draw(ROUTES)
    together = draw(st.booleans())
    routes = [", ".join(rows)] if together and rows else rows
    number = draw(st.integers(0, 2**31))
    invite = OutgoingRequest(
        "INVITE",
        draw(URIS),
        f"{draw(NAMES)}<{draw(URIS)}>;tag={(from_tag := draw(TAGS))}",
        f"{draw(NAMES)}<{draw(URIS)}>",
        "c1@h",
        number,
        lines="".join([header_line("Contact", f"<{draw(URIS)}>"), *[f"Record-Route: {route}\r\n" for route in routes]]),
    )
    received = read_request(invite)
    callee = accept_dialog(received, draw(TAGS))
    extra = record_route_lines(received) + header_line("Contact", f"<{draw(URIS)}>;automata")
    answer = read(build_response(received, 200, ("192.0.2.1", 5060), to_tag=callee.local_tag, extra=extra))
    assert isinstance(answer, Response)
    return enter_dialog(invite, answer, from_tag), callee


@given(dialogs())
def test_both_ends_know_each_other(ends: tuple[Dialog, Dialog]) -> None:
    caller, callee = ends
    assert caller.key == (callee.call_id, callee.remote_tag, callee.local_tag)
    assert (caller.local, caller.remote) == (callee.remote, callee.local)
    assert caller.route_set == tuple(reversed(callee.route_set))


@given(dialogs(), st.lists(st.tuples(st.booleans(), st.sampled_from(["INFO", "UPDATE", "BYE"])), max_size=6))
def test_requests_of_either_end_belong_to_the_dialog_of_the_other_and_come_in_order(
    ends: tuple[Dialog, Dialog], requests: list[tuple[bool, str]]
) -> None:
    for is_callers, method in requests:
        sender, taker = ends if is_callers else (ends[1], ends[0])
        request = read_request(sender.next_request(method))
        assert dialog_key(request) == taker.key
        assert taker.takes(request)
        assert not taker.takes(request)


@given(dialogs())
def test_requests_pass_the_routers_in_order_and_arrive_at_the_target(ends: tuple[Dialog, Dialog]) -> None:
    for end in ends:
        request = read_request(end.next_request("BYE"))
        routes = tuple(request.headers.rows("route"))
        if request.raw_uri == end.remote_target and routes == end.route_set:
            continue
        # 12.2.1.1: through a strict router, whose own URI is in front.
        assert end.route_set[0].partition("<")[2].startswith(request.raw_uri) or request.raw_uri in end.route_set[0]
        assert ";lr" not in request.raw_uri
        assert routes == (*end.route_set[1:], f"<{end.remote_target}>")


@given(dialogs(), st.text(max_size=30))
def test_refreshed_target_is_always_one_that_a_request_can_go_to(ends: tuple[Dialog, Dialog], contact: str) -> None:
    caller, callee = ends
    invite = OutgoingRequest("UPDATE", "sip:a@b", "<sip:a@b>;tag=1", "<sip:c@d>;tag=2", "c", 1)
    received = read_request(invite)
    received.headers.by_name["contact"] = [contact]
    callee.refresh_target(received.headers)
    read_request(callee.next_request("BYE"))
    assert caller.remote_target


@given(
    st.dictionaries(
        st.sampled_from(["Contact", "Record_Route", "From", "To", "CSeq"]),
        st.text(max_size=20).filter(lambda text: "\r" not in text and "\n" not in text),
    )
)
def test_accept_dialog_raises_nothing_but_what_it_says_and_else_can_hang_up(values: dict[str, str]) -> None:
    invite = make_request("INVITE", "sip:a@b", **{"Contact": "<sip:a@b>", **values})
    try:
        dialog = accept_dialog(invite, "t1")
    except MalformedError:
        return
    if validate(invite, MessageLimits()) == ():
        read_request(dialog.next_request("BYE"))
