import pytest

from callrouter.sip.errors import HeaderError, MalformedError, UriError
from callrouter.sip.message import Response
from callrouter.sip.parser import parse_head
from tests.unit.sip.messages import make_request


def test_request_values_are_read_once_and_kept() -> None:
    request = make_request(To="<sip:100@router.example.com>;tag=t1", Via="SIP/2.0/TLS h;branch=z9hG4bK1, SIP/2.0/TCP x")
    assert (request.from_tag, request.to_tag, request.call_id) == ("f1", "t1", "c1@gw.example.com")
    assert request.cseq == (1, "INVITE")
    assert request.top_via.transport == "TLS"
    assert request.uri is request.uri
    assert request.top_via is request.top_via


@pytest.mark.parametrize("name", ["top_via", "cseq", "from_tag", "to_tag"])
def test_request_without_the_header_field_raises_header_error(name: str) -> None:
    request = make_request(Via=None, From=None, To=None, CSeq=None, Call_ID=None)
    assert request.call_id == ""
    with pytest.raises(HeaderError):
        getattr(request, name)


@pytest.mark.parametrize("name", ["top_via", "cseq", "from_tag", "to_tag", "uri"])
def test_request_malformed_value_raises_every_time(name: str) -> None:
    request = make_request(uri="x", Via="x", From="<", To="<", CSeq="x")
    for _ in range(2):
        with pytest.raises(UriError if name == "uri" else MalformedError):
            getattr(request, name)


def test_response_keeps_its_start_line() -> None:
    response = parse_head("SIP/2.0 200 OK\r\nVia: x", 5)
    assert isinstance(response, Response)
    assert (response.start_line, response.headers.rows("via"), response.body) == ("SIP/2.0 200 OK", ["x"], b"")
