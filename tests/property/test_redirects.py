"""Whatever redirect servers answer, a call tries each place once, keeps its security, and comes to an end."""

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.caller.redirects import RedirectFault, RedirectPolicy, Redirects
from callrouter.caller.target import Target, UnusableTarget, parse_target
from callrouter.sip.contact import parse_contacts
from callrouter.sip.errors import MalformedError
from callrouter.sip.message import Response
from callrouter.sip.uri import equivalent, parse_uri
from callrouter.testing.strategies import hostile_text, uris
from callrouter.wire import Transport
from tests.unit.caller.messages import make_redirect, make_response

FIRST = ("sip:2001@router", "sip:2001@router:5061;transport=tls", "sips:2001@router")
MAX_CONTACTS = 32

places = st.builds(
    "{}:{}@h{}{}".format,
    st.sampled_from(["sip", "sips", "SIP"]),
    st.sampled_from(["2001", "%32001", "a"]),
    st.integers(1, 4),
    st.sampled_from(
        ["", ":5060", ":5062;transport=Tcp", ";transport=TLS", ";transport=udp", ";maddr=192.0.2.1", "?Subject=x"]
    ),
)
qs = st.sampled_from(["", ";q=1", ";q=0.5", ";q=0.123", ";q=0", ";q=7"])
contacts = st.builds("<{}>{}".format, places | uris(), qs) | hostile_text().filter(lambda text: "\0" not in text)
rows = st.lists(contacts, max_size=6).map(lambda values: [", ".join(values)] if len(values) % 2 else values)
responses = st.builds(
    lambda values, status: make_redirect(*values, status=status), rows, st.sampled_from([300, 301, 302, 303, 305, 380])
)
policies = st.builds(RedirectPolicy, st.integers(0, 4), st.booleans())


def follow(first: Target, policy: RedirectPolicy, answers: list[Response]) -> list[Target]:
    """Every target that is tried where each answers with the next of the answers, and after them none with a 3xx."""
    redirects = Redirects(first, policy)
    tried = [first]
    left = iter(answers)
    while True:
        answer = next(left, None)
        fault = None if answer is None else redirects.take(answer)
        if fault is RedirectFault.LIMIT:
            return tried
        target = redirects.advance()
        if target is None:
            return tried
        assert redirects.current is target
        tried.append(target)


@given(st.sampled_from(FIRST).map(parse_target), policies, st.lists(responses, max_size=8))
def test_redirects_try_each_target_once_and_end(first: Target, policy: RedirectPolicy, answers: list[Response]) -> None:
    tried = follow(first, policy, answers)
    assert len(tried) <= 1 + policy.max_redirects * MAX_CONTACTS
    for number, target in enumerate(tried):
        for earlier in tried[:number]:
            assert target.routes != earlier.routes or not equivalent(target.parsed, earlier.parsed)


@given(st.sampled_from(FIRST).map(parse_target), st.integers(0, 4), st.lists(responses, max_size=8))
def test_redirects_never_lead_a_call_from_tls_to_tcp(first: Target, limit: int, answers: list[Response]) -> None:
    tried = follow(first, RedirectPolicy(limit), answers)
    if first.transport is Transport.TLS:
        assert {target.transport for target in tried} == {Transport.TLS}


@given(st.sampled_from(FIRST).map(parse_target), policies, responses)
def test_redirects_are_the_same_each_time(first: Target, policy: RedirectPolicy, answer: Response) -> None:
    assert follow(first, policy, [answer]) == follow(first, policy, [answer])


@given(
    st.lists(st.tuples(st.integers(1, 9), st.sampled_from(["", ";q=1", ";q=0.5", ";q=0.25"])), min_size=1, max_size=9)
)
def test_redirects_try_targets_by_falling_q_and_else_in_their_order(drawn: list[tuple[int, str]]) -> None:
    values = [f"<sip:u{place}@h{number}>{q}" for number, (place, q) in enumerate(drawn)]
    tried = follow(parse_target("sip:2001@router"), RedirectPolicy(), [make_redirect(*values)])[1:]
    assert len(tried) == len(values)
    place_of = {contact.address.raw_uri: (-contact.q, number) for number, contact in enumerate(parse_contacts(values))}
    assert all(place_of[one.uri] < place_of[other.uri] for one, other in pairwise(tried))


@given(st.sampled_from(FIRST).map(parse_target), st.lists(rows, min_size=1, max_size=4))
@example(parse_target("sip:2001@router"), [["\r\n, <sip:a@b>, <sip:a@b>"]])
def test_redirects_account_for_every_contact_that_is_read(first: Target, answers: list[list[str]]) -> None:
    redirects = Redirects(first, RedirectPolicy(max_redirects=9))
    for values in answers:
        skipped, waiting = len(redirects.skipped), 0
        answer = make_redirect(*values)
        redirects.take(answer)
        while redirects.advance() is not None:
            waiting += 1
        try:
            # As they came: a value that holds a line end is cut there.
            read = len(parse_contacts(answer.headers.rows("contact")))
        except MalformedError:
            continue
        assert len(redirects.skipped) - skipped + waiting == read


@given(uris() | places | hostile_text())
@example("sip:a;method=x@host;method=BYE;METHOD=x?b=c")
@example("sip:host;maddr=")
def test_parse_target_gives_a_uri_that_can_be_called_again(text: str) -> None:
    try:
        target = parse_target(text)
    except UnusableTarget:
        return
    again = parse_target(target.uri)
    assert (again.uri, again.host, again.port, again.transport) == (
        target.uri,
        target.host,
        target.port,
        target.transport,
    )
    assert again.headers == ()
    assert 0 < target.port <= 65535
    parsed = target.parsed
    assert equivalent(parsed, parse_uri(target.uri))
    for name, value in target.headers:
        assert not set(f"{name}{value}") & {"\r", "\n", "\0"}


def test_redirects_without_any_answer_try_only_the_first_target() -> None:
    first = parse_target("sip:2001@router")
    assert follow(first, RedirectPolicy(), []) == [first]
    assert follow(first, RedirectPolicy(), [make_response(302)]) == [first]
