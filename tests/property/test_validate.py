"""The short way to a sound request and the long way to every finding never disagree."""

from hypothesis import given
from hypothesis import strategies as st

from callrouter.sip.framer import Framer
from callrouter.sip.grammar import decode, encode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.parser import parse_head
from callrouter.sip.status import PHRASES
from callrouter.sip.validate import diagnose, is_sound, validate
from callrouter.testing.strategies import RequestSample, hostile_text, mutated, requests

LIMITS = MessageLimits(max_request_uri_bytes=80)


@given(requests())
def test_validate_sound_request_in_any_spelling_finds_nothing(sample: RequestSample) -> None:
    framer = Framer(MessageLimits())
    framer.receive_data(sample.octets)
    request = framer.next_frame()
    assert isinstance(request, Request)
    assert validate(request, MessageLimits()) == ()
    assert is_sound(request, MessageLimits())


@given(mutated(requests().map(lambda sample: sample.octets)) | hostile_text().map(encode))
def test_is_sound_any_request_agrees_with_diagnose(octets: bytes) -> None:
    request = parse_head(decode(octets.partition(b"\r\n\r\n")[0]), 20)
    assert not isinstance(request, Request) or is_sound(request, LIMITS) == (not diagnose(request, LIMITS))


@given(st.lists(st.sampled_from(["Via: x", "From: ", "To: <", "Call-ID: a b", "CSeq: x INVITE", "Max-Forwards: 256"])))
def test_diagnose_any_finding_can_be_answered(rows: list[str]) -> None:
    request = parse_head("\r\n".join(["INVITE sip: SIP/3.0", *rows]), 5)
    assert isinstance(request, Request)
    findings = diagnose(request, LIMITS)
    assert {finding.status for finding in findings} <= PHRASES.keys()
    assert all(400 <= finding.status < 700 and "\r" not in finding.phrase for finding in findings)
