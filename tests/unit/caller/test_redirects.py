import pytest

from callrouter.caller.redirects import RedirectFault, RedirectPolicy, Redirects, Skipped, may_try_next
from callrouter.caller.target import Target, parse_target
from callrouter.wire import Transport
from tests.unit.caller.messages import make_redirect, make_response


def begin(uri: str = "sip:2001@router:5060", policy: RedirectPolicy | None = None) -> Redirects:
    return Redirects(parse_target(uri), policy or RedirectPolicy())


def visit(redirects: Redirects) -> list[str]:
    """The targets that are left, in the order in which they are tried."""
    visited = []
    while (target := redirects.advance()) is not None:
        visited.append(target.uri)
    return visited


def test_contacts_are_tried_by_falling_q_and_else_in_their_order() -> None:
    redirects = begin()
    response = make_redirect(
        "<sip:a@h1>;q=0.5, <sip:b@h2>", "<sip:c@h3>;q=0.9", "<sip:d@h4>;q=0.5", "<sip:e@h5>;q=0", "<sip:f@h6>;q=1.0"
    )
    assert redirects.take(response) is None
    assert visit(redirects) == ["sip:b@h2", "sip:f@h6", "sip:c@h3", "sip:a@h1", "sip:d@h4", "sip:e@h5"]


def test_contacts_of_the_latest_redirect_come_before_those_that_are_left() -> None:
    redirects = begin()
    redirects.take(make_redirect("<sip:a@h1>", "<sip:b@h2>"))
    assert redirects.advance() == parse_target("sip:a@h1")
    redirects.take(make_redirect("<sip:c@h3>;q=0.1"))
    assert visit(redirects) == ["sip:c@h3", "sip:b@h2"]


def test_contact_that_was_tried_before_is_a_loop() -> None:
    redirects = begin()
    assert redirects.take(make_redirect("<sip:2001@ROUTER:5060>")) is RedirectFault.LOOP
    assert redirects.skipped == [Skipped("sip:2001@ROUTER:5060", "it was tried before")]
    assert redirects.advance() is None


def test_contact_that_waits_already_is_not_taken_twice() -> None:
    redirects = begin()
    redirects.take(make_redirect("<sip:a@h1>", "<sip:%61@h1>"))
    assert visit(redirects) == ["sip:a@h1"]


def test_redirects_over_the_limit_are_not_followed() -> None:
    redirects = begin(policy=RedirectPolicy(max_redirects=2))
    assert redirects.take(make_redirect("<sip:a@h1>")) is None
    assert redirects.take(make_redirect("<sip:a@h2>")) is None
    assert redirects.take(make_redirect("<sip:a@h3>")) is RedirectFault.LIMIT
    assert begin(policy=RedirectPolicy(max_redirects=0)).take(make_redirect("<sip:a@h1>")) is RedirectFault.LIMIT


def test_redirect_without_contact_leads_nowhere() -> None:
    assert begin().take(make_response(302)) is RedirectFault.NO_CONTACT


def test_contacts_that_cannot_be_followed_are_kept_with_the_reason() -> None:
    redirects = begin()
    response = make_redirect(
        "<tel:+1425>, <sip:a@h;transport=udp>", "<sip:b@h>;q=2", "*", '"open <sip:c@h>', "<sip:d@h>"
    )
    assert redirects.take(response) is None
    assert redirects.skipped == [
        Skipped("<sip:b@h>;q=2", "it cannot be read: q is not a number of 0 to 1 with at most three decimals"),
        Skipped('"open <sip:c@h>', "it cannot be read: a quoted string does not end"),
        Skipped("tel:+1425", "only sip and sips URIs can be called"),
        Skipped("sip:a@h;transport=udp", "it asks for UDP"),
        Skipped("*", "it cannot be read: not a URI"),
    ]
    assert visit(redirects) == ["sip:d@h"]


def test_contacts_of_which_none_can_be_followed_are_no_loop() -> None:
    assert begin().take(make_redirect("<tel:+1425>")) is RedirectFault.UNUSABLE


def test_contacts_beyond_what_is_looked_at_are_left_out() -> None:
    redirects = begin()
    redirects.take(make_redirect(*(f"<sip:a@h{number}>" for number in range(40))))
    assert len(visit(redirects)) == 32
    assert redirects.skipped == [Skipped("", "more than 32 Contacts came")]


def test_call_over_tls_is_not_led_to_tcp() -> None:
    redirects = begin("sip:2001@router:5061;transport=tls")
    assert redirects.take(make_redirect("<sip:a@h:5062;transport=Tcp>", "<sip:b@h>")) is RedirectFault.UNUSABLE
    assert {each.why for each in redirects.skipped} == {"it leads from TLS to TCP"}


def test_call_over_tls_is_led_to_tcp_where_that_is_allowed() -> None:
    redirects = begin("sips:2001@router", RedirectPolicy(may_leave_tls=True))
    assert redirects.take(make_redirect("<sip:a@h:5062;transport=Tcp>")) is None


def test_call_over_tcp_that_was_led_to_tls_stays_there() -> None:
    redirects = begin()
    redirects.take(make_redirect("<sip:a@h:5063;transport=Tls>"))
    redirects.advance()
    assert redirects.take(make_redirect("<sip:a@h:5062;transport=Tcp>")) is RedirectFault.UNUSABLE


def test_use_proxy_repeats_the_request_by_way_of_the_contact() -> None:
    redirects = begin()
    assert redirects.take(make_redirect("<sip:proxy.example.com:5080;transport=tcp>", status=305)) is None
    target = redirects.advance()
    route = "<sip:proxy.example.com:5080;transport=tcp;lr>"
    assert target == Target("sip:2001@router:5060", "proxy.example.com", 5080, Transport.TCP, (), (route,))
    assert redirects.take(make_redirect("<sip:proxy.example.com:5080;transport=tcp>", status=305)) is RedirectFault.LOOP


def test_use_proxy_with_a_loose_router_has_its_contact_as_route() -> None:
    redirects = begin()
    redirects.take(make_redirect("<sip:proxy.example.com;lr>", status=305))
    target = redirects.advance()
    assert target is not None
    assert target.routes == ("<sip:proxy.example.com;lr>",)


@pytest.mark.parametrize(
    ("status", "may"), [(503, True), (408, True), (404, False), (486, False), (500, False), (603, False)]
)
def test_may_try_next_after_what_says_nothing_of_the_callee(status: int, may: bool) -> None:
    assert may_try_next(status) is may
