"""The compiled scanner says what the one in Python says, and both what the parser says, of whatever comes."""

from collections.abc import Sequence

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from callrouter.sip.errors import MalformedError
from callrouter.sip.grammar import decode
from callrouter.sip.limits import MessageLimits
from callrouter.sip.memo import Memo
from callrouter.sip.message import PlainRequest, Request
from callrouter.sip.parser import parse_head
from callrouter.sip.respond import build_response, make_to_tag
from callrouter.sip.scanner import scan, scan_in_python
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


@given(texts(), st.integers(0, 3), st.sampled_from((65536, 300, 120)), st.sampled_from((256, 8, 7)))
@example(b"", 0, 0, 0)
@example(plain_head("INVITE").replace(b"c@h", b"c\rX:b\nd"), 0, 65536, 256)
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
