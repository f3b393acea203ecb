import pytest

from callrouter.sip.errors import HeaderError, MalformedError, UriError
from callrouter.sip.message import Response
from callrouter.sip.parser import parse_head
from callrouter.sip.via import Via
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


def make_response(*rows: str, start_line: str = "SIP/2.0 200 OK") -> Response:
    response = parse_head("\r\n".join([start_line, *rows]), 100)
    assert isinstance(response, Response)
    return response


def test_response_values_are_read_from_their_rows() -> None:
    response = make_response(
        "v: SIP/2.0/TCP h;branch=z9hG4bKa1, SIP/2.0/TLS x",
        "Via: SIP/2.0/TCP y",
        "To: <sip:a@b>;tag=t1",
        "CSeq: 1 INVITE",
        "i: c1",
    )
    assert (response.status, response.phrase) == (200, "OK")
    assert response.top_via == Via("TCP", "h", None, {"branch": "z9hG4bKa1"})
    assert response.via_count == 3
    assert response.cseq == (1, "INVITE")
    assert (response.to_tag, response.call_id) == ("t1", "c1")


@pytest.mark.parametrize("name", ["top_via", "cseq", "to_tag"])
@pytest.mark.parametrize("rows", [(), ("Via: x", "CSeq: x", "To: <")])
def test_response_value_that_cannot_be_read_raises_header_error(name: str, rows: tuple[str, ...]) -> None:
    with pytest.raises(HeaderError):
        getattr(make_response(*rows), name)


def test_response_without_call_id_or_via_has_none() -> None:
    response = make_response()
    assert (response.call_id, response.via_count) == ("", 0)


def test_response_via_count_of_a_row_that_does_not_end_raises_header_error() -> None:
    with pytest.raises(HeaderError):
        _ = make_response('Via: SIP/2.0/TCP h;x=", SIP/2.0/TCP y').via_count


@pytest.mark.parametrize("name", ["status", "phrase"])
def test_response_with_a_start_line_that_is_none_raises_header_error(name: str) -> None:
    with pytest.raises(HeaderError):
        getattr(make_response(start_line="SIP/2.0 whatever"), name)


def test_response_to_tag_without_one_is_empty() -> None:
    assert make_response("To: <sip:a@b>").to_tag == ""
