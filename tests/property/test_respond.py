"""Every answer parses again, copies what RFC 3261 8.2.6.2 wants copied, and lets no line end out."""

import re

from hypothesis import given
from hypothesis import strategies as st

from callrouter.sip.address import find_tag
from callrouter.sip.contact import parse_contacts
from callrouter.sip.framer import Framer
from callrouter.sip.grammar import decode, encode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request, Response
from callrouter.sip.option_tags import parse_token_list
from callrouter.sip.parser import parse_head
from callrouter.sip.respond import build_response, make_to_tag
from callrouter.sip.uri import SipUri, parse_uri
from callrouter.sip.via import parse_via, split_vias
from callrouter.snapshot import AnswerForm
from callrouter.telemetry import SessionFailed
from callrouter.testing.strategies import RequestSample, hostile_text, mutated, requests, streams
from tests.property.rig import PEER, SERVER, Rig, status_of

STATUS_LINE = re.compile(r"SIP/2\.0 [1-6][0-9][0-9] [^\r\n]*")
HEADER_LINE = re.compile(r"[A-Z][A-Za-z-]*: ?[^\r\n]*")
TRYING = AnswerForm(delay_seconds=5.0, server_line="Server: test\r\n")


def read_answer(octets: bytes) -> Response:
    """One whole answer, checked line by line."""
    head, end, body = octets.partition(b"\r\n\r\n")
    assert (end, body) == (b"\r\n\r\n", b"")
    status_line, *lines = decode(head).split("\r\n")
    assert STATUS_LINE.fullmatch(status_line)
    assert not [line for line in lines if not HEADER_LINE.fullmatch(line)]
    framer = Framer(MessageLimits())
    framer.receive_data(octets)
    answer = framer.next_frame()
    assert isinstance(answer, Response)
    assert framer.next_frame() is None
    assert not framer.is_mid_message
    return answer


def vias_of(answer: Response | Request) -> list[str]:
    return [value for row in answer.headers.rows("via") for value in split_vias(row)]


def without_source(via: str) -> tuple[object, ...]:
    """A Via value but for what the server may change in it."""
    read = parse_via(via)
    params = {name: value for name, value in read.params.items() if name not in ("received", "rport")}
    return read.transport, read.host, read.port, params


@given(requests())
def test_answer_to_a_sound_request_copies_what_identifies_it(sample: RequestSample) -> None:
    (octets,) = Rig().send(sample.octets)
    answer = read_answer(octets)
    assert [answer.headers.rows(name) for name in ("from", "call-id", "cseq")] == [
        [sample.from_],
        [sample.call_id],
        [sample.cseq],
    ]
    top, *others = vias_of(answer)
    assert others == list(sample.vias[1:])
    assert without_source(top) == without_source(sample.vias[0])
    (to,) = answer.headers.rows("to")
    tag = find_tag(to)
    assert to == sample.to if sample.has_to_tag else to == f"{sample.to};tag={tag}"
    assert tag


@given(requests())
def test_answer_top_via_tells_where_the_request_came_from(sample: RequestSample) -> None:
    (octets,) = Rig().send(sample.octets)
    asked, told = parse_via(sample.vias[0]).params, parse_via(vias_of(read_answer(octets))[0])
    assert told.params.get("received") == (PEER.address if told.host != PEER.address or "rport" in asked else None)
    assert told.params.get("rport") == (str(PEER.port) if "rport" in asked else None)


@given(requests(methods=("INVITE",)))
def test_redirect_contact_is_a_uri_of_the_mailbox_server_and_nothing_else(sample: RequestSample) -> None:
    (octets,) = Rig().send(sample.octets)
    contacts = parse_contacts(read_answer(octets).headers.rows("contact"))
    assert len(contacts) == (1 if status_of(octets) == 302 else 0)
    for contact in contacts:
        uri = contact.address.uri
        assert isinstance(uri, SipUri)
        assert (uri.host, uri.port) == (SERVER.fqdn, SERVER.tcp_port)
        assert dict(uri.params).keys() <= {"transport", "maddr"}
        assert not contact.address.params


@given(requests(methods=("INVITE",)))
def test_trying_has_no_tag_of_ours_and_the_final_answer_the_same_vias(sample: RequestSample) -> None:
    rig = Rig(form=TRYING)
    first = rig.send(sample.octets)
    rig.session.handle_deadline(5.0)
    answers = [read_answer(octets) for octets in [*first, *rig.session.data_to_send()]]
    assert all(answer.headers.rows("via") == answers[0].headers.rows("via") for answer in answers)
    if status_of(first[0]) == 100:
        assert answers[0].headers.rows("to") == [sample.to]
        assert len(answers) == 2
    else:
        assert len(answers) == 1


@given(mutated(requests().map(lambda sample: sample.octets)) | streams(), st.sampled_from([AnswerForm(), TRYING]))
def test_answers_to_hostile_octets_are_sound_and_no_bug_shows(octets: bytes, form: AnswerForm) -> None:
    rig = Rig(form=form)
    answers = rig.send(octets)
    rig.session.handle_deadline(10.0)
    for answer in (*answers, *rig.session.data_to_send()):
        if answer != b"\r\n":
            parse_token_list(read_answer(answer).headers.rows("allow"))
    assert not [event for event in rig.events if isinstance(event, SessionFailed)]


@given(hostile_text(), st.sampled_from([200, 302, 400, 599]), hostile_text())
def test_build_response_any_head_lets_no_line_end_out(value: str, status: int, uri: str) -> None:
    head = f"INVITE {uri} SIP/2.0\r\nVia: {value}\r\nFrom: {value}\r\nTo: {value}\r\nCall-ID: {value}\r\nCSeq: {value}"
    request = parse_head(decode(encode(head)), 256)
    assert isinstance(request, Request)
    answer = read_answer(build_response(request, status, ("192.0.2.1", 1), to_tag=make_to_tag(request, b"key")))
    assert answer.headers.rows("call-id") == request.headers.rows("call-id")


@given(st.lists(requests(methods=("OPTIONS", "BYE", "REGISTER")), min_size=2, max_size=4))
def test_answers_on_a_connection_that_has_read_others_are_those_of_a_new_one(samples: list[RequestSample]) -> None:
    rig = Rig()
    assert [rig.send(sample.octets) for sample in samples * 2] == [Rig().send(sample.octets) for sample in samples * 2]


def test_redirect_contact_of_a_tel_uri_cannot_name_another_host() -> None:
    for raw in ("tel:+1@evil.example", "tel:1@evil.example?x", "tel:#7", "tel:1/2"):
        octets = (
            f"INVITE {raw} SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKt\r\nFrom: <sip:a@h>;tag=1\r\nTo: <sip:b@h>\r\n"
            "Call-ID: t\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        (answer,) = Rig().send(octets)
        for contact in parse_contacts(read_answer(answer).headers.rows("contact")):
            assert parse_uri(contact.address.raw_uri) == contact.address.uri
            assert isinstance(contact.address.uri, SipUri)
            assert contact.address.uri.host == SERVER.fqdn
