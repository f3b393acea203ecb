import pytest

from callrouter.reason import Reason
from callrouter.sip.limits import MessageLimits
from callrouter.sip.message import Request
from callrouter.sip.parser import parse_head
from callrouter.sip.validate import diagnose, is_sound, validate
from tests.unit.sip.messages import make_request

LIMITS = MessageLimits(max_request_uri_bytes=64)


def first_of(request: Request) -> tuple[Reason, int, str]:
    finding = validate(request, LIMITS)[0]
    return finding.reason, finding.status, finding.phrase


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Max_Forwards": None},
        {"Max_Forwards": "0"},
        {"From": "<sip:a@b>"},
        {"Date": "never"},
        {"Contact": "<broken"},
        {"Via": "SIP/2.0/TCP a;branch=z9hG4bK1\r\nVia: what is below the top is not ours"},
        {"CSeq": "0009  INVITE"},
    ],
)
def test_validate_sound_request_has_no_findings(changes: dict[str, str | None]) -> None:
    request = make_request("INVITE", "sip:100@router.example.com", **changes)
    assert validate(request, LIMITS) == ()
    assert is_sound(request, LIMITS)
    assert diagnose(request, LIMITS) == ()


@pytest.mark.parametrize("version", ["sip/2.0", "Sip/2.0"])
def test_validate_version_in_another_case_is_sound(version: str) -> None:
    request = make_request()
    request.version = version
    assert validate(request, LIMITS) == ()


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_validate_missing_header_field_is_named(name: str) -> None:
    request = make_request("INVITE", "sip:a@b", **{name: None})
    assert first_of(request) == (Reason.MISSING_HEADER, 400, f"Missing {name} Header Field")


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards"])
def test_validate_repeated_header_field_is_named(name: str) -> None:
    value = make_request().headers.rows(name.lower())[0]
    request = make_request("INVITE", "sip:a@b", **{name: f"{value}\r\n{name}: {value}"})
    assert first_of(request) == (Reason.REPEATED_HEADER, 400, f"Repeated {name} Header Field")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "x"),
        ("Via", "SIP/2.0/"),
        ("From", "<"),
        ("To", '"x <sip:a@b>'),
        ("To", "<sip:a@b>;tag"),
        ("Call-ID", ""),
        ("Call-ID", "a b"),
        ("CSeq", "4294967296 INVITE"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
    ],
)
def test_validate_malformed_header_field_is_named(name: str, value: str) -> None:
    request = make_request("INVITE", "sip:a@b", **{name: value})
    assert first_of(request) == (Reason.MALFORMED_HEADER, 400, f"Malformed {name} Header Field")


@pytest.mark.parametrize(
    ("request_line", "finding"),
    [
        ("INVITE sip:a@b SIP/7.0", (Reason.UNSUPPORTED_VERSION, 505, "")),
        ("INVITE sip: SIP/7.0", (Reason.UNSUPPORTED_VERSION, 505, "")),
        ("INVITE sip:a@b SIP/2.0 x", (Reason.MALFORMED_START_LINE, 400, "Malformed Request-Line")),
        ("INVITE <sip:a@b> SIP/2.0", (Reason.MALFORMED_REQUEST_URI, 400, "Malformed Request-URI")),
        (f"INVITE sip:{'a' * 64}@b SIP/2.0", (Reason.REQUEST_URI_TOO_LONG, 414, "")),
    ],
)
def test_validate_request_line_is_judged_before_the_header_fields(
    request_line: str, finding: tuple[Reason, int, str]
) -> None:
    request = parse_head(f"{request_line}\r\nCSeq: x", 10)
    assert isinstance(request, Request)
    assert first_of(request) == finding


def test_validate_cseq_of_another_method_is_a_mismatch() -> None:
    assert first_of(make_request(CSeq="1 OPTIONS"))[:2] == (Reason.CSEQ_MISMATCH, 400)
    assert first_of(make_request(CSeq="1 invite"))[:2] == (Reason.CSEQ_MISMATCH, 400)


def test_diagnose_several_faults_are_all_found_in_their_order() -> None:
    request = make_request(uri="x", From=None, CSeq="x", Max_Forwards="x", Call_ID="c\r\nCall-ID: c")
    assert [finding.reason for finding in diagnose(request, LIMITS)] == [
        Reason.MALFORMED_REQUEST_URI,
        Reason.MISSING_HEADER,
        Reason.REPEATED_HEADER,
        Reason.MALFORMED_HEADER,
        Reason.MALFORMED_HEADER,
    ]
