import pytest

from callrouter.reason import Reason
from callrouter.sip.message import Request, Response
from callrouter.sip.parser import parse_head


def parse(head: str, max_headers: int = 20) -> Request:
    request = parse_head(head, max_headers)
    assert isinstance(request, Request)
    return request


def reasons_of(request: Request) -> list[Reason]:
    return [defect.reason for defect in request.defects]


def test_parse_head_rows_are_cut_stripped_and_kept_in_order() -> None:
    request = parse("INVITE sip:a SIP/2.0\r\nVia: 1\r\nv \t:\t2 \r\nX-Y:a:b\r\nEmpty:\r\nVIA: 3")
    assert (request.method, request.raw_uri, request.version) == ("INVITE", "sip:a", "SIP/2.0")
    assert request.headers.items() == [("via", "1"), ("via", "2"), ("via", "3"), ("x-y", "a:b"), ("empty", "")]
    assert request.defects == ()


def test_parse_head_folded_row_reads_as_one_space() -> None:
    request = parse("INVITE sip:a SIP/2.0\r\nSubject: a \r\n\t b\r\n c\r\nTo: x\r\nFrom:\r\n y\r\n ")
    assert request.headers.items() == [("subject", "a b c"), ("to", "x"), ("from", "y")]
    assert request.defects == ()


@pytest.mark.parametrize(
    "start_line",
    [
        *("INVITE  sip:a SIP/2.0", "INVITE sip:a  SIP/2.0", "INVITE sip:a SIP/2.0 ", "INVITE <sip: a> SIP/2.0"),
        *("INVITE sip:a", "INVITE", "", " ", "IN<VITE sip:a SIP/2.0", "INVITE sip:a HTTP/1.1", " INVITE sip:a SIP/2.0"),
        *("INVITE sip:a \u017fIP/2.0", "INVITE sip:a S\u0131P/2.0"),
    ],
)
def test_parse_head_malformed_request_line_is_the_first_defect(start_line: str) -> None:
    request = parse(f"{start_line}\r\nVia: x\r\nnonsense")
    assert reasons_of(request) == [Reason.MALFORMED_START_LINE, Reason.MALFORMED_HEADER]
    assert request.method == (start_line.split() or [""])[0]
    assert request.headers.rows("via") == ["x"]


@pytest.mark.parametrize("version", ["SIP/2.0", "sip/2.0", "SIP/7.0", "SIP/"])
def test_parse_head_any_version_of_sip_is_a_request_line(version: str) -> None:
    assert parse(f"INVITE sip:a {version}").version == version


@pytest.mark.parametrize("start_line", ["SIP/2.0 200 OK", "sip/2.0 999", "SIP/2.0"])
def test_parse_head_status_line_makes_a_response(start_line: str) -> None:
    assert isinstance(parse_head(f"{start_line}\r\nVia: x", 20), Response)


@pytest.mark.parametrize("row", ["nonsense", "To", "Subject", ": x", "a b: c", "\u00e9: x", '"a": b', "\0: x"])
def test_parse_head_row_without_a_name_is_a_defect_and_left_out(row: str) -> None:
    request = parse(f"INVITE sip:a SIP/2.0\r\n{row}\r\nVia: x")
    assert reasons_of(request) == [Reason.MALFORMED_HEADER]
    assert request.headers.items() == [("via", "x")]


def test_parse_head_continuation_of_the_start_line_is_a_defect() -> None:
    request = parse("INVITE sip:a SIP/2.0\r\n ;x\r\nVia: x")
    assert reasons_of(request) == [Reason.MALFORMED_HEADER]
    assert (request.raw_uri, request.headers.items()) == ("sip:a", [("via", "x")])


@pytest.mark.parametrize("octet", ["\r", "\n"])
@pytest.mark.parametrize("place", ["To: a{}b", "To: a{}", "T{}o: a", "To: a{}Contact: x", "To: a{} b"])
def test_parse_head_bare_line_end_is_a_defect_and_reaches_no_value(octet: str, place: str) -> None:
    request = parse(f"INVITE sip:a SIP/2.0\r\n{place.format(octet)}\r\nVia: x")
    assert reasons_of(request)[0] is Reason.BARE_LINE_END
    assert all("\r" not in value and "\n" not in value for _, value in request.headers.items())
    assert "contact" not in request.headers


@pytest.mark.parametrize(("rows", "expected"), [(3, []), (4, [Reason.MESSAGE_TOO_LARGE])])
def test_parse_head_rows_over_the_limit_are_a_defect_but_read(rows: int, expected: list[Reason]) -> None:
    request = parse("INVITE sip:a SIP/2.0" + "\r\nVia: x" * (rows - 1) + "\r\nContent-Length: 7", 3)
    assert reasons_of(request) == expected
    assert request.headers.rows("content-length") == ["7"], "it says where the next message begins"
