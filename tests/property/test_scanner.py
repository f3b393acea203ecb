"""The compiled scanner says what the one in Python says, and both what the parser says, of whatever comes."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sip.errors import HeaderError, MalformedError
from callrouter.sip.framer import Framer
from callrouter.sip.grammar import decode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.memo import Memo
from callrouter.sip.message import BriefAck, PlainRequest, Request
from callrouter.sip.parser import parse_head
from callrouter.sip.respond import build_response, make_to_tag
from callrouter.sip.scanner import (
    cut_diversion,
    cut_diversion_in_python,
    scan,
    scan_ack,
    scan_ack_in_python,
    scan_in_python,
)
from callrouter.sip.transaction import transaction_key
from callrouter.sip.validate import diagnose, is_sound
from callrouter.testing.strategies import mutated, requests, streams
from tests.property.test_framer import CORPUS

LIMITS = MessageLimits()
SOURCE = ("192.0.2.1", 5060)
KEY = b"0123456789abcdef"

# What a row may be: mostly plain, and all that is nearly so.
NAMES = {
    "Via": ("Via", "via", "v", "VIA", "V"),
    "From": ("From", "from", "f", "FROM"),
    "To": ("To", "to", "t", "TO"),
    "Call-ID": ("Call-ID", "call-id", "i", "Call-Id"),
    "CSeq": ("CSeq", "cseq", "CSEQ"),
    "Max-Forwards": ("Max-Forwards", "max-forwards"),
    "Content-Length": ("Content-Length", "content-length", "l", "L"),
    "Content-Type": ("Content-Type", "c"),
    "Diversion": ("Diversion", "diversion"),
    "History-Info": ("History-Info",),
    "X-Own": ("X-Own", "User-Agent", "Cal", "Content-Lengths", "x", "y:z"),
}
SENT_BYS = (
    "SIP/2.0/TCP 192.0.2.1:5060",
    "SIP/2.0/TLS h",
    "SIP/2.0/TCP [2001:db8::1]:5061",
    "SIP / 2.0 / TCP h : 1",
    "x",
)
PARAMS = (
    "branch=z9hG4bKa",
    "branch=z9hG4bK",
    "branch=Z9HG4BK-.!%*_+`'~",
    "branch=a",
    "rport",
    "alias",
    "received=h",
    "",
)
ADDRESSES = (
    "<sip:a@h>",
    '"A b" <sip:a@h;x=y?z>',
    "A b <sip:a@h>",
    '""<sip:a@h>',
    "sip:a@h",
    '"a<b>" <sip:a@h>',
    '"a\\"b" <sip:a@h>',
    'a"b" <sip:a@h>',
    "<sip:a@h >",
    "<>",
    "<",
    ">",
)
TAGS = ("", ";tag=1", ";tag=a-.b", ";tag=", ";x=y;tag=1", " ;tag=1", ";tag=1;x", ">", '"')
ODD = (
    "",
    " ",
    "  ",
    "a b",
    "a:  b",
    "\t",
    "ä",
    "\x7f",
    "\r\n folded",
    "\n",
    "a\rb\nc",
    "\r\na",
    "a: Date: b",
    "0",
    "70",
    "255",
    "256",
    "0070",
    "-1",
    "9" * 10,
)


def vias() -> st.SearchStrategy[str]:
    params = st.lists(st.sampled_from(PARAMS), max_size=4).map(lambda some: "".join(f";{each}" for each in some))
    return st.builds(lambda sent_by, rest: sent_by + rest, st.sampled_from(SENT_BYS), params)


def addresses() -> st.SearchStrategy[str]:
    return st.builds(lambda address, tag: address + tag, st.sampled_from(ADDRESSES), st.sampled_from(TAGS))


def plain_rows(method: str) -> dict[str, str]:
    return {
        "Via": "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKa",
        "From": '"A" <sip:a@h>;tag=1',
        "To": "<sip:b@h>",
        "Call-ID": "c@h",
        "CSeq": f"1 {method}",
        "Max-Forwards": "70",
        "Content-Length": "0",
    }


def plain_head(method: str, uri: str = "sip:b@h") -> bytes:
    rows = "".join(f"{name}: {value}\r\n" for name, value in plain_rows(method).items())
    return f"{method} {uri} SIP/2.0\r\n{rows}\r\n".encode()


@st.composite
def heads(draw: st.DrawFn) -> bytes:
    """A head that is plain, or would be but for a row or two."""
    method = draw(st.sampled_from(("INVITE", "ACK", "OPTIONS", "X!", "a(b")))
    rows: list[tuple[str, str]] = list(plain_rows(method).items())
    for _ in range(draw(st.integers(0, 3))):
        name = draw(st.sampled_from(sorted(NAMES)))
        value = draw(vias() if name == "Via" else addresses() if name in ("From", "To") else st.sampled_from(ODD))
        if draw(st.booleans()):
            rows = [(other, row) for other, row in rows if other != name]
        rows.append((name, value))
    rows = draw(st.permutations(rows))
    spelt = [f"{draw(st.sampled_from(NAMES[name]))}{draw(st.sampled_from(COLONS))}{value}" for name, value in rows]
    uri = draw(st.sampled_from(("sip:b@h", "sip:b@h;x=y", "tel:+1", "x", "a b", "")))
    version = draw(st.sampled_from(("SIP/2.0", "SIP/2.0", "SIP/2.0", "sip/2.0", "SIP/2.0 ")))
    return "\r\n".join([f"{method} {uri} {version}", *spelt]).encode("utf-8", "surrogateescape") + b"\r\n\r\n"


COLONS: Sequence[str] = (": ",) * 12 + (":", " : ", ":  ", "\r\n", "")


def texts() -> st.SearchStrategy[bytes]:
    return st.one_of(heads(), mutated(heads()), requests().map(lambda sample: sample.octets), streams())


# An ACK that may be read in brief, and what stands in the way: a start line, a row between the first, its Via, and the
# last, its length, or one of those two.
ACK_LINES = ("ACK  SIP/2.0", "ack sip:b@h SIP/2.0", "ACK b SIP/2.1", "ACK b c SIP/2.0", "ACKb SIP/2.0")
ACK_VIAS = ("via: h;branch=z9hG4bKa", "Via:h;branch=z9hG4bKa", "Via:  h;branch=z9hG4bKa", "Via: %h;branch=z9hG4bKa")
ACK_ROWS = (
    "Via: SIP/2.0/TCP p;branch=z9hG4bKp",
    "v: x",
    "l: 0",
    "L:1",
    "Content-Length: 0",
    "content-length : 2",
    "Content-Language: en",
    "X: a\nContent-Length: 3",
    "X: a\nlong: b",
    "X: a\rl: 3",
    " folded",
    "\tfolded",
    "\n",
    "",
    "ä: \x00",
    "Content-Type: a/b",
    "Contact: <sip:a@h>",
    "X" * 90,
)
ACK_LENGTHS = ("CONTENT-LENGTH: 0", "l: 0", "Content-Length: 00", "Content-Length: 1", "X: 0")
ACK_ENDS = ("\r\n", "\n\r\n", "\r\n\r\nX: y\r\n\r\n", "")


@st.composite
def acks(draw: st.DrawFn) -> bytes:
    """With at most two things that are not as usual."""
    line, end, length = "ACK sip:b@h SIP/2.0", "\r\n\r\n", "Content-Length: 0"
    via = f"Via: {draw(st.sampled_from(SENT_BYS))};branch=z9hG4bKA"
    rows = ["From: <sip:a@h>;tag=1", "CSeq: 1 ACK"]
    for _ in range(draw(st.integers(0, 2))):
        match draw(st.integers(0, 7)):
            case 0:
                line = draw(st.sampled_from(ACK_LINES))
            case 1:
                via = draw(st.sampled_from(ACK_VIAS))
            case 2:
                via = f"Via: {draw(vias())}"
            case 3:
                length = draw(st.sampled_from(ACK_LENGTHS))
            case 4:
                end = draw(st.sampled_from(ACK_ENDS))
            case _:
                rows.insert(draw(st.integers(0, 2)), draw(st.sampled_from(ACK_ROWS)))
    lines = "\r\n".join([line, via, *rows, length])
    return (lines + end).encode()


def ack_texts() -> st.SearchStrategy[bytes]:
    return st.one_of(acks(), mutated(acks()), texts())


@given(ack_texts(), st.integers(0, 2), st.sampled_from((65536, 120, 80)), st.integers(0, 7))
@example(b"ACK x SIP/2.0\r\nVia: h;branch=z9hG4bKa\r\n\r\n\r\nContent-Length: 0\r\n\r\n", 0, 65536, 7)
@example(b"ACK x SIP/2.0\r\nVia: h;branch=z9hG4bKa\r\n\n\r\nContent-Length: 0\r\n\r\n", 0, 65536, 7)
@example(b"ACK x SIP/2.0\r\nVia: h;branch=z9hG4bKa\r\nX\nContent-Length: 0\r\n\r\n", 0, 65536, 7)
def test_both_scanners_of_acks_say_the_same(octets: bytes, start: int, max_head_bytes: int, max_headers: int) -> None:
    for end in {len(octets), *range(max(0, len(octets) - 5), len(octets))}:
        found = scan_ack_in_python(octets[:end], start, max_head_bytes, max_headers)
        assert scan_ack(octets[:end], start, max_head_bytes, max_headers) == found
        assert scan_ack(bytearray(octets[:end]), start, max_head_bytes, max_headers) == found


@given(ack_texts())
@example(b"ACK x SIP/2.0\r\nVia: h;branch=z9hG4bKa\r\n\r\n\r\nContent-Length: 0\r\n\r\n")
@example(b"ACK x SIP/2.0\r\nVia: h;branch=z9hG4bKa\r\n b\r\nContent-Length: 0\r\n\r\n")
def test_what_is_read_in_brief_is_an_ack_of_the_same_transaction(octets: bytes) -> None:
    check_brief(octets)


def test_plain_ack_is_read_in_brief() -> None:
    assert check_brief(plain_head("ACK"))
    assert check_brief(plain_head("ACK", "x") + plain_head("INVITE"))
    assert not check_brief(plain_head("INVITE"))


def check_brief(octets: bytes) -> bool:
    """Whether it was; if so, the stream goes on behind it as behind the same ACK when it is read whole."""
    brief, whole = Framer(LIMITS, acks_in_brief=True), Framer(LIMITS)
    brief.receive_data(octets)
    if scan_ack(octets, 0, LIMITS.max_head_bytes, LIMITS.max_headers) is None:
        return False
    ack = brief.next_frame()
    whole.receive_data(octets)
    read = whole.next_frame()
    assert isinstance(read, Request)
    assert (read.method, read.body) == ("ACK", b"")
    assert brief._position == whole._position
    if not isinstance(ack, BriefAck):
        # Only what stands before the parameters was left to be read.
        assert outcome(read, "top_via") is HeaderError
        return False
    assert transaction_key(read) == (ack.branch, ack.sent_by)
    return True


# Pieces of a Diversion row; in their order, one of each, it is a usual one.
DIVERSION_PIECES = (
    ("<", "", " <", '"B" <'),
    ("sip", "sips", "SIP", "tel", "sipss", "sip:"),
    (":", "", "@"),
    ("", "+", "++"),
    ("100", "5", "", "a", "%31", "1;x=y", "٣"),
    ("@", "", ":"),
    ("H.Example-1_", "10.0.0.1", "", "[::1]", "h:5060", "é"),
    (">;reason=", ">", ";reason=", ">;Reason=", " >;reason=", "> ;reason="),
    ("No-Answer", "a-.!%*_+`'~", "", '"user-busy"', "a;b", "a\n", "a\0", "a "),
)


@st.composite
def diversions(draw: st.DrawFn) -> str:
    """Usual ones, with at most two pieces that are not, cut or repeated now and then."""
    pieces = [usual for usual, *_ in DIVERSION_PIECES]
    for place in draw(st.lists(st.integers(0, len(pieces) - 1), max_size=2)):
        pieces[place] = draw(st.sampled_from(DIVERSION_PIECES[place]))
    row = "".join(pieces)
    return draw(st.one_of(st.just(row), st.integers(0, len(row)).map(lambda end: row[:end]), st.just(row * 2)))


@given(st.one_of(diversions(), st.text(max_size=40)))
@example("<sips:+1@h>;reason=A")
@example("<sip:1@h>;reason=a\n")
@example("<sip:")
@example("<sips:")
@example("<sip:+")
def test_both_cutters_of_diversions_say_the_same(row: str) -> None:
    assert cut_diversion(row) == cut_diversion_in_python(row)


def test_usual_diversion_is_cut() -> None:
    assert cut_diversion("<sips:+15@Host.Example>;reason=No-Answer") == ("sips", "+15", "host.example", "no-answer")
    assert cut_diversion("<sip:1@h>;reason=no-answer;counter=1") is None


@given(texts(), st.integers(0, 3), st.sampled_from((65536, 300, 120)), st.sampled_from((256, 8, 7)))
@example(b"", 0, 0, 0)
@example(plain_head("INVITE").replace(b"c@h", b"c\rX:b\nd"), 0, 65536, 256)
@example(plain_head("INVITE").replace(b"sip:a@h", b"sip:a\\@h"), 0, 65536, 256)
@example(plain_head("INVITE").replace(b"\r\n\r\n", b"\r\nSubject\r\nx: Date: y\r\n\r\n"), 0, 65536, 256)
def test_both_scanners_say_the_same(octets: bytes, start: int, max_head_bytes: int, max_headers: int) -> None:
    found = scan_in_python(octets, start, max_head_bytes, max_headers)
    assert scan(octets, start, max_head_bytes, max_headers) == found
    assert scan(bytearray(octets), start, max_head_bytes, max_headers) == found
    for end in range(max(0, len(octets) - 5), len(octets)):
        whole = scan_in_python(octets[:end], start, max_head_bytes, max_headers)
        assert scan(octets[:end], start, max_head_bytes, max_headers) == whole


@given(texts())
@example(plain_head("INVITE", "x"))
@example(plain_head("INVITE").replace(b"c@h", b"c\rX:b\nd"))
@example(plain_head("INVITE").replace(b"\r\n\r\n", b"\r\nSubject\r\nx: Date: y\r\n\r\n"))
@example(plain_head("INVITE").replace(b"TCP 192", b"TCP %192"))
def test_what_is_scanned_is_what_the_parser_reads(octets: bytes) -> None:
    check(octets)


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_vectors_are_scanned_as_the_parser_reads_them(path) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
    check(path.read_bytes())


def test_plain_heads_are_scanned() -> None:
    assert check(plain_head("ACK"))


def check(octets: bytes) -> bool:
    """Whether the message was scanned; if so, everything that a session asks of it is alike."""
    found = scan(octets, 0, LIMITS.max_head_bytes, LIMITS.max_headers)
    if found is None:
        return False
    end = octets.index(b"\r\n\r\n")
    plain, read = PlainRequest(found, Memo()), parse_head(decode(octets[:end]), LIMITS.max_headers)
    assert isinstance(read, Request)
    assert not isinstance(read, PlainRequest)
    assert plain.end == end + 4
    assert (plain.method, plain.raw_uri, plain.version, plain.defects) == (
        read.method,
        read.raw_uri,
        read.version,
        read.defects,
    )
    assert plain.headers.items() == read.headers.items()
    assert plain.body_length == int(read.headers.get("content-length") or 0)
    assert is_sound(plain, LIMITS) == is_sound(read, LIMITS)
    assert diagnose(plain, LIMITS) == diagnose(read, LIMITS)
    for name in ("from_tag", "to_tag", "cseq", "call_id", "via_row", "more_via_lines", "top_via"):
        assert outcome(plain, name) == outcome(read, name)
    assert plain.is_diverted == ("diversion" in read.headers or "history-info" in read.headers)
    assert make_to_tag(plain, KEY) == make_to_tag(read, KEY)
    if is_sound(read, LIMITS):
        assert transaction_key(plain) == transaction_key(read)
        assert plain.number == read.cseq.number
        assert plain.wants_port == ("rport" in read.top_via.params)
    assert build_response(plain, 302, SOURCE, to_tag="t") == build_response(read, 302, SOURCE, to_tag="t")
    return True


def outcome(request: Request, name: str) -> object:
    try:
        return getattr(request, name)
    except MalformedError as error:
        return type(error)
