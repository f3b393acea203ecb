from dataclasses import replace

import pytest

from callrouter.caller.invite import Identity, UnusableSpec, build_invite, check_spec, identify
from callrouter.caller.spec import CallSpec
from callrouter.caller.target import parse_target
from callrouter.sip.errors import MalformedError
from callrouter.sip.request import OutgoingRequest
from callrouter.ua.proposal import GivenBody
from callrouter.wire import Transport

SPEC = CallSpec("sip:2001@router.example.com:5060;transport=tcp")
UNWRITABLE = "the call cannot be written as a request"
IDENTITY = Identity("c1", "<sip:a@b>;tag=f1", "<sip:c@d>")


def make_token() -> str:
    return "t0"


def build(
    spec: CallSpec, uri: str = "sip:2001@mbx1.example.com:5062;transport=Tcp", number: int = 1
) -> OutgoingRequest:
    return build_invite(spec, IDENTITY, parse_target(uri), number, "ua")


def rows(request: OutgoingRequest, name: str) -> list[str]:
    pairs = [line.partition(": ") for line in request.lines.split("\r\n")]
    return [value for each, _, value in pairs if each.lower() == name]


@pytest.mark.parametrize(
    ("from_", "value"),
    [
        ("", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=t0'),
        ("5002", "<sip:5002@192.0.2.1>;tag=t0"),
        ("bob@example.com", "<sip:bob@example.com>;tag=t0"),
        ('"Bob" <sip:bob@example.com>;tag=own', '"Bob" <sip:bob@example.com>;tag=own'),
    ],
)
def test_identify_gives_the_caller_with_a_tag(from_: str, value: str) -> None:
    assert identify(replace(SPEC, from_=from_), "192.0.2.1", make_token).from_ == value


def test_identify_gives_to_and_call_id() -> None:
    identity = identify(SPEC, "192.0.2.1", make_token)
    assert identity.to == "<sip:2001@router.example.com:5060;transport=tcp>"
    assert identity.call_id == "t0@192.0.2.1"
    given = identify(replace(SPEC, to="5999", call_id="own@me"), "192.0.2.1", make_token)
    assert (given.to, given.call_id) == ("<sip:5999@router.example.com>", "own@me")


@pytest.mark.parametrize("changes", [{"from_": "<sip:a"}, {"to": '"a <sip:b>'}, {"call_id": "a b"}])
def test_identify_refuses_what_is_no_address(changes: dict[str, str]) -> None:
    with pytest.raises(MalformedError):
        identify(replace(SPEC, **changes), "192.0.2.1", make_token)  # type: ignore[arg-type]


def test_invite_goes_to_its_target_with_the_identity_of_the_call() -> None:
    invite = build(SPEC, number=3)
    assert (invite.method, invite.uri, invite.number) == ("INVITE", "sip:2001@mbx1.example.com:5062;transport=Tcp", 3)
    assert (invite.from_, invite.to, invite.call_id) == ("<sip:a@b>;tag=f1", "<sip:c@d>", "c1")
    assert rows(invite, "user-agent") == ["ua"]


def test_invite_carries_the_history_of_the_call_on_every_hop() -> None:
    spec = replace(
        SPEC,
        diversions=("5001;reason=no-answer", "<sip:5005@pbx>;reason=user-busy"),
        history_info=("<sip:5001@pbx?Reason=SIP%3Bcause%3D486>;index=1", "5999;index=1.1"),
        headers=(("Subject", "hello"), ("X-Test", "1")),
    )
    for number in (1, 2):
        invite = build(spec, number=number)
        assert rows(invite, "diversion") == [
            "<sip:5001@router.example.com>;reason=no-answer",
            "<sip:5005@pbx>;reason=user-busy",
        ]
        assert rows(invite, "history-info") == [
            "<sip:5001@pbx?Reason=SIP%3Bcause%3D486>;index=1",
            "<sip:5999@router.example.com>;index=1.1",
        ]
        assert (rows(invite, "subject"), rows(invite, "x-test")) == (["hello"], ["1"])


def test_invite_takes_the_headers_of_a_contact_instead_of_ours_but_adds_to_the_history() -> None:
    spec = replace(SPEC, diversions=("<sip:a@b>",), headers=(("Subject", "ours"), ("X-Test", "1")))
    invite = build(spec, "sip:2001@mbx1.example.com?Subject=theirs&Diversion=%3Csip:c%40d%3E")
    assert (rows(invite, "subject"), rows(invite, "x-test")) == (["theirs"], ["1"])
    assert rows(invite, "diversion") == ["<sip:a@b>", "<sip:c@d>"]


def test_invite_has_the_user_agent_that_was_given() -> None:
    assert rows(build(replace(SPEC, headers=(("user-agent", "phone"),))), "user-agent") == ["phone"]


def test_check_spec_gives_the_first_target() -> None:
    assert check_spec(SPEC) == parse_target(SPEC.uri)
    assert check_spec(CallSpec("sip:2001@router", transport=Transport.TLS)).port == 5061


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (CallSpec("tel:+1425"), "tel:+1425 cannot be called: only sip and sips URIs can be called"),
        (CallSpec("sip:a@h;transport=udp"), "sip:a@h;transport=udp cannot be called: it asks for UDP"),
        (replace(SPEC, headers=(("X", "a\r\nVia: b"),)), f"{UNWRITABLE}: a header value holds a line end"),
        (replace(SPEC, diversions=("a\nb",)), f"{UNWRITABLE}: a header value holds a line end"),
        (replace(SPEC, from_="<sip:a"), f"{UNWRITABLE}: an angle bracket does not close"),
        (replace(SPEC, body=GivenBody(b"x", "nothing")), f"{UNWRITABLE}: not a media type"),
        (replace(SPEC, headers=(("X", "\ud800"),)), "what was said is not text that could be sent"),
    ],
)
def test_check_spec_refuses_what_cannot_be_placed(spec: CallSpec, why: str) -> None:
    with pytest.raises(UnusableSpec) as caught:
        check_spec(spec)
    assert str(caught.value) == why


@pytest.mark.parametrize("name", ["Via", "v", "Contact", "m", "Diversion", "History-Info", "CSeq", "no name", ""])
def test_check_spec_refuses_header_fields_that_are_ours_to_write(name: str) -> None:
    with pytest.raises(UnusableSpec, match=f"^the header field {name} is not to be given"):
        check_spec(replace(SPEC, headers=((name, "x"),)))
