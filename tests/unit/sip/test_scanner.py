"""What the scanner reads of a plain request, and what it leaves to the parser."""

from typing import Any

import pytest

from callrouter.sip import scanner
from callrouter.sip.scanner import Scan, scan, scan_in_python
from callrouter.sip.writer import join, join_in_python
from tests.unit.sip.messages import make_octets

LARGE = 65536


def read(octets: bytes, *, start: int = 0, max_head_bytes: int = LARGE, max_headers: int = 256) -> Scan | None:
    """By both forms, where there are two."""
    found = scan_in_python(octets, start, max_head_bytes, max_headers)
    assert scan(octets, start, max_head_bytes, max_headers) == found
    assert scan(bytearray(octets), start, max_head_bytes, max_headers) == found
    return found


def test_scan_reads_what_a_call_needs() -> None:
    octets = make_octets(body=b"v=0\r\n", Diversion="<sip:1@h>", Content_Type="application/sdp")
    found = read(b"\r\n" + octets, start=2)
    end = octets.index(b"\r\n\r\n")
    assert found == (
        2 + end + 4,
        octets[:end].decode(),
        "INVITE",
        "sip:100@router.example.com",
        "SIP/2.0/TCP gw.example.com;branch=z9hG4bKa1",
        "SIP/2.0/TCP gw.example.com",
        "z9hg4bka1",
        False,
        "",
        "<sip:caller@gw.example.com>;tag=f1",
        "<sip:caller@gw.example.com>",
        "f1",
        "<sip:100@router.example.com>",
        "",
        "c1@gw.example.com",
        "1 INVITE",
        1,
        5,
        "<sip:1@h>",
        True,
    )


@pytest.mark.parametrize(
    ("changes", "place", "value"),
    [
        ({"Via": "SIP/2.0/TCP h;rport;branch=z9hG4bKA-b;alias"}, slice(5, 8), ("SIP/2.0/TCP h", "z9hg4bka-b", True)),
        ({"Via": "SIP / 2.0 / TCP h : 1;branch=z9hG4bKA"}, slice(5, 8), ("SIP / 2.0 / TCP h : 1", "z9hg4bka", False)),
        ({"From": '"A <b> c" <sip:a@b;x=y>;tag=t'}, slice(9, 10), None),
        ({"From": '"A b" <sip:a@b;x=y>;tag=t'}, slice(10, 12), ('"A b" <sip:a@b;x=y>', "t")),
        ({"From": "A b <sip:a@b>"}, slice(10, 12), ("A b <sip:a@b>", "")),
        ({"From": '""<sip:a@b>'}, slice(10, 12), ('""<sip:a@b>', "")),
        ({"To": "<sip:a@b>;tag=1.2"}, slice(12, 14), ("<sip:a@b>;tag=1.2", "1.2")),
        ({"CSeq": "007 INVITE"}, slice(15, 17), ("007 INVITE", 7)),
        ({"CSeq": "999999999 INVITE"}, slice(16, 17), (999999999,)),
        ({"Max_Forwards": None}, slice(14, 15), ("c1@gw.example.com",)),
        ({"Max_Forwards": "0"}, slice(14, 15), ("c1@gw.example.com",)),
        ({"Content_Length": None}, slice(17, 18), (0,)),
        ({"History_Info": "<sip:a@b>;index=1"}, slice(18, 20), ("", True)),
        ({"X_Own": "a:  b"}, slice(18, 20), ("", False)),
    ],
)  # fmt: skip
def test_scan_reads_every_plain_spelling(changes: Any, place: slice, value: tuple[object, ...] | None) -> None:
    found = read(make_octets(**changes))
    assert (None if found is None else tuple(found)[place]) == value


def test_scan_knows_names_in_any_spelling() -> None:
    octets = make_octets(Content_Type="a/b", Content_Length="3", Diversion="<sip:1@h>")
    usual = read(octets)
    assert usual is not None
    compact = octets.replace(b"From:", b"f:").replace(b"\r\nTo:", b"\r\nt:").replace(b"Call-ID:", b"I:")
    compact = compact.replace(b"Content-Length:", b"l:").replace(b"Content-Type:", b"C:").replace(b"Via:", b"v:")
    for spelt in (compact, octets.replace(b"CSeq:", b"cseq:"), octets.replace(b"Max-Forwards:", b"MAX-FORWARDS:")):
        found = read(spelt)
        assert found is not None
        assert found[2:] == usual[2:]


def test_scan_keeps_the_other_vias_in_their_order() -> None:
    octets = make_octets().replace(b"\r\nTo:", b"\r\nVia: SIP/2.0/TCP a, SIP/2.0/TCP b\r\nv: x\r\nTo:")
    found = read(octets)
    assert found is not None
    assert found[8] == "Via: SIP/2.0/TCP a, SIP/2.0/TCP b\r\nVia: x\r\n"
    assert read(octets.replace(b"\r\nv: x", b"\r\nv: x" * 15)) is not None
    assert read(octets.replace(b"\r\nv: x", b"\r\nv: x" * 16)) is None


def test_scan_gives_a_diversion_only_where_it_is_alone() -> None:
    octets = make_octets(Diversion="<sip:1@h>")
    twice = read(octets.replace(b"Diversion: ", b"diversion: <sip:2@h>\r\nDiversion: "))
    assert twice is not None
    assert twice[18:] == ("", True)


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_scan_leaves_a_request_without_this_to_the_parser(name: str) -> None:
    change: Any = {name.replace("-", "_"): None}
    assert read(make_octets(**change)) is None


@pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"])
def test_scan_leaves_a_repeated_one_to_the_parser(name: str) -> None:
    octets = make_octets()
    [row] = [line for line in octets.split(b"\r\n") if line.startswith(name.encode() + b":")]
    assert read(octets.replace(row, row + b"\r\n" + row.lower())) is None
    assert read(octets.replace(row, row + b"\r\n" + row)) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b" SIP/2.0\r\n", b" SIP/3.0\r\n"),
        (b" SIP/2.0\r\n", b" sip/2.0\r\n"),
        (b" SIP/2.0\r\n", b"  SIP/2.0\r\n"),
        (b" SIP/2.0\r\n", b" SIP/2.0 \r\n"),
        (b"INVITE sip", b"IN(VITE sip"),
        (b"INVITE sip", b" INVITE sip"),
        (b"INVITE sip:100@router.example.com", b"INVITE "),
        (b"Call-ID: ", b"Call-ID:"),
        (b"Call-ID: ", b"Call-ID : "),
        (b"Call-ID: ", b"Call-ID:  "),
        (b"Call-ID: ", b"Call-ID:\t"),
        (b"Call-ID: c1@gw.example.com", b"Call-ID: "),
        (b"Call-ID: c1@gw.example.com", b"Call-ID: c1 c2"),
        (b"Call-ID: c1", b"Call-ID: \xc3\xa4c1"),
        (b"Call-ID: c1", b"Call-ID: \x7fc1"),
        (b"Call-ID: c1", b"Call-ID: \nc1"),
        (b"Call-ID: c1", b"Call-ID: \r\n c1"),
        (b"Call-ID: c1", b"X\r\nCall-ID: c1"),
        (b"Call-ID: c1", b": x\r\nCall-ID: c1"),
        (b"gw.example.com\r\nCSeq", b"gw.example.com \r\nCSeq"),
        (b";branch=z9hG4bKa1", b""),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bK"),
        (b";branch=z9hG4bKa1", b";branch=a1"),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bKa1;"),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bKa1;rport;rport"),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bKa1;branch=z9hG4bKa1"),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bKa1;rport=1"),
        (b";branch=z9hG4bKa1", b";BRANCH=z9hG4bKa1"),
        (b";branch=z9hG4bKa1", b"; branch=z9hG4bKa1"),
        (b";branch=z9hG4bKa1", b";branch=z9hG4bKa1, SIP/2.0/TCP b"),
        (b"<sip:caller@gw.example.com>;tag=f1", b"sip:caller@gw.example.com;tag=f1"),
        (b";tag=f1", b";tag="),
        (b";tag=f1", b";tag=f1;x=y"),
        (b";tag=f1", b" ;tag=f1"),
        (b";tag=f1", b";Tag=f1"),
        (b"<sip:caller@gw.example.com>", b"<>"),
        (b"<sip:caller@gw.example.com>", b"<sip:caller@gw.example.com >"),
        (b"<sip:caller@gw.example.com>", b'"a\\"b" <sip:caller@gw.example.com>'),
        (b"<sip:caller@gw.example.com>", b'"a" "b" <sip:caller@gw.example.com>'),
        (b"<sip:caller@gw.example.com>", b'a "b" <sip:caller@gw.example.com>'),
        (b"<sip:caller@gw.example.com>", b'"a <sip:caller@gw.example.com>'),
        (b"CSeq: 1 INVITE", b"CSeq: 1 ACK"),
        (b"CSeq: 1 INVITE", b"CSeq: 1  INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: -1 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: 1234567890 INVITE"),
        (b"CSeq: 1 INVITE", b"CSeq: INVITE"),
        (b"Max-Forwards: 70", b"Max-Forwards: 256"),
        (b"Max-Forwards: 70", b"Max-Forwards: 0070"),
        (b"Max-Forwards: 70", b"Max-Forwards: x"),
        (b"Content-Length: 0", b"Content-Length: x"),
        (b"Content-Length: 0", b"Content-Length: 1234567890"),
        (b"Content-Length: 0", b"Content-Type: a/b"),
        (b"\r\n\r\n", b"\r\n"),
        (b"\r\n\r\n", b"\r\n\r"),
    ],
)
def test_scan_leaves_what_is_not_plain_to_the_parser(old: bytes, new: bytes) -> None:
    octets = make_octets()
    assert read(octets) is not None
    assert octets.count(old) == 1
    assert read(octets.replace(old, new)) is None


def test_compiled_package_has_the_compiled_scanner_and_writer() -> None:
    is_compiled = not str(scanner.__file__).endswith(".py")
    assert (scan is not scan_in_python) == is_compiled
    assert (join is not join_in_python) == is_compiled


def test_scan_keeps_the_limits() -> None:
    octets = make_octets()
    head_bytes, headers = len(octets) - 4, octets.count(b"\r\n") - 2
    assert read(octets, max_head_bytes=head_bytes, max_headers=headers) is not None
    assert read(octets, max_head_bytes=head_bytes - 1) is None
    assert read(octets, max_headers=headers - 1) is None


@pytest.mark.parametrize("octets", [b"", b"\r\n\r\n", b"INVITE", b"INVITE \r\n\r\n", b"INVITE a SIP/2.0\r\n\r\n"])
def test_scan_finds_nothing_where_there_is_nothing(octets: bytes) -> None:
    assert read(octets) is None
    assert read(octets, start=len(octets)) is None
