import pytest

from callrouter.sip.errors import HeaderError
from callrouter.sip.respond import (
    UPPER_CASE_END,
    build_response,
    end_of_head,
    header_line,
    make_to_tag,
    record_route_lines,
)
from tests.unit.sip.messages import make_request

SOURCE = ("192.0.2.10", 40000)
KEY = b"k" * 16


def lines_of(answer: bytes) -> list[str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body == b""
    return head.decode("utf-8", "surrogateescape").split("\r\n")


def test_build_response_copies_what_identifies_the_request_in_the_order_of_the_rfc() -> None:
    answer = build_response(make_request(), 302, SOURCE, to_tag="t1", extra=header_line("Contact", "<sip:100@mbx>"))
    assert lines_of(answer) == [
        "SIP/2.0 302 Moved Temporarily",
        "Via: SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1;received=192.0.2.10",
        "From: <sip:caller@gw.example.com>;tag=f1",
        "To: <sip:100@router.example.com>;tag=t1",
        "Call-ID: c1@gw.example.com",
        "CSeq: 1 INVITE",
        "Contact: <sip:100@mbx>",
        "Content-Length: 0",
    ]


def test_build_response_extra_that_closes_the_head_has_its_own_content_length() -> None:
    extra = header_line("SERVER", "s") + UPPER_CASE_END
    assert lines_of(build_response(make_request(), 302, SOURCE, to_tag="t1", extra=extra))[-3:] == [
        "CSeq: 1 INVITE",
        "SERVER: s",
        "CONTENT-LENGTH: 0",
    ]


@pytest.mark.parametrize("extra", ["", header_line("Supported", ""), header_line("Supported", "") * 2])
def test_build_response_extra_that_ends_in_an_empty_value_does_not_close_the_head(extra: str) -> None:
    assert lines_of(build_response(make_request(), 200, SOURCE, to_tag="t", extra=extra))[-1] == "Content-Length: 0"


@pytest.mark.parametrize(("to", "to_tag"), [("<sip:a@b>;tag=theirs", "ours"), ("<sip:a@b>", "")])
def test_build_response_with_a_tag_or_without_ours_leaves_to_as_it_came(to: str, to_tag: str) -> None:
    assert f"To: {to}" in lines_of(build_response(make_request(To=to), 481, SOURCE, to_tag=to_tag))


def test_build_response_every_via_is_copied_and_only_the_first_changed() -> None:
    vias = ["SIP/2.0/TCP a;rport;branch=z9hG4bK1, SIP/2.0/UDP b;rport", "SIP/2.0/TLS c;received=x;rport=1"]
    request = make_request(Via="\r\nVia: ".join(vias))
    assert [line for line in lines_of(build_response(request, 200, SOURCE, to_tag="t")) if line.startswith("Via")] == [
        "Via: SIP/2.0/TCP a;rport=40000;branch=z9hG4bK1;received=192.0.2.10, SIP/2.0/UDP b;rport",
        f"Via: {vias[1]}",
    ]


@pytest.mark.parametrize("via", ["nonsense", "SIP/2.0/TCP h;;", 'SIP/2.0/TCP h;x="', ", SIP/2.0/TCP h"])
def test_build_response_via_that_cannot_be_read_goes_back_as_it_came(via: str) -> None:
    assert f"Via: {via}" in lines_of(build_response(make_request(Via=via), 400, SOURCE, to_tag="t"))


def test_build_response_of_what_the_request_lacks_writes_nothing() -> None:
    request = make_request(Via=None, From=None, To=None, Call_ID=None, CSeq=None)
    assert lines_of(build_response(request, 400, SOURCE, to_tag="t", phrase="Missing Via Header Field")) == [
        "SIP/2.0 400 Missing Via Header Field",
        "Content-Length: 0",
    ]


def test_build_response_to_that_cannot_be_read_still_gets_our_tag() -> None:
    assert 'To: "x <sip:a@b>;tag=t' in lines_of(
        build_response(make_request(To='"x <sip:a@b>'), 400, SOURCE, to_tag="t")
    )


def test_build_response_octets_that_are_no_utf8_come_back_unchanged() -> None:
    request = make_request(From='"\udcff\u00e9" <sip:a@b>;tag=1')
    assert b'From: "\xff\xc3\xa9" <sip:a@b>;tag=1\r\n' in build_response(request, 200, SOURCE, to_tag="t")


def test_make_to_tag_is_ten_hex_digits_that_depend_on_the_key() -> None:
    tag = make_to_tag(make_request(), KEY)
    assert len(tag) == 10
    assert set(tag) <= set("0123456789abcdef")
    assert tag == make_to_tag(make_request(), KEY)
    assert tag != make_to_tag(make_request(), b"j" * 16)


@pytest.mark.parametrize(
    "changes",
    [
        {"Call_ID": "c2"},
        {"From": "<sip:x@y>;tag=f2"},
        {"From": "<sip:x@y>"},
        {"CSeq": "2 INVITE"},
        {"Via": "SIP/2.0/TCP h;branch=z9hG4bKb"},
    ],
)
def test_make_to_tag_of_another_request_differs(changes: dict[str, str]) -> None:
    other = make_request("INVITE", "sip:100@router.example.com", **changes)
    assert make_to_tag(other, KEY) != make_to_tag(make_request(), KEY)


def test_make_to_tag_goes_by_the_address_of_a_from_without_a_tag() -> None:
    assert make_to_tag(make_request(From="<sip:x@y>"), KEY) != make_to_tag(make_request(From="<sip:z@y>"), KEY)


def test_make_to_tag_of_a_cancel_is_that_of_its_invite() -> None:
    assert make_to_tag(make_request("CANCEL"), KEY) == make_to_tag(make_request(), KEY)


def test_make_to_tag_of_many_requests_are_all_different() -> None:
    assert len({make_to_tag(make_request(Call_ID=str(number)), KEY) for number in range(1000)}) == 1000


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\r\nContact: x", "a\0"])
def test_header_line_with_a_line_end_in_it_raises_header_error(value: str) -> None:
    with pytest.raises(HeaderError):
        header_line("Server", value)


def test_header_line_ends_in_one_line_end() -> None:
    assert header_line("Supported", "") == "Supported: \r\n"


def test_end_of_head_announces_the_body_that_follows() -> None:
    assert end_of_head(b"v=0\r\n") == "Content-Length: 5\r\n\r\n"
    extra = header_line("Content-Type", "application/sdp") + end_of_head(b"v=0\r\n")
    answer = build_response(make_request(), 200, SOURCE, to_tag="t1", extra=extra)
    assert answer.endswith(b"Content-Type: application/sdp\r\nContent-Length: 5\r\n\r\n")
    assert answer.count(b"Content-Length") == 1


def test_make_to_tag_with_a_salt_is_another_one_for_the_same_request() -> None:
    tags = {make_to_tag(make_request(), KEY, salt) for salt in ("", "a", "b")}
    assert len(tags) == 3
    assert all(len(tag) == 10 for tag in tags)
    assert make_to_tag(make_request(), KEY, "a") == make_to_tag(make_request(), KEY, "a")


def test_record_route_lines_copy_every_row_in_its_order() -> None:
    invite = make_request(Record_Route='<sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: "x\\\0" <sip:p0>;a=b')
    assert record_route_lines(invite) == (
        'Record-Route: <sip:p2;lr>, <sip:p1;lr>\r\nRecord-Route: "x\\\0" <sip:p0>;a=b\r\n'
    )
    assert record_route_lines(make_request()) == ""
